"""What a search is limited to, as conditions that SQLite answers before vectors or words are compared."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

Field = Literal["within", "in", "after", "before", "longer", "shorter", "has", "tag", "type"]

_TAGGED = "EXISTS (SELECT 1 FROM tags WHERE segment_id = segments.id AND name = ?)"
_SUBTITLED = "EXISTS (SELECT 1 FROM cues WHERE cues.video_id = videos.id)"
_LIKE = r"path LIKE ? ESCAPE '\'"  # the case of ASCII letters does not matter to it


@dataclass(frozen=True)
class Filter:
    """One condition on segments.

    Fields and their values: ``within`` a file or folder; ``in`` a part of the path; ``after`` and ``before`` an
    instant, in nanoseconds since 1970, at or after which, or before which, the file was last changed; ``longer`` (that
    long included) and ``shorter`` seconds of the whole video; ``has`` "subtitles"; ``tag`` a label, whoever gave it;
    ``type`` the suffix of the file without its dot.
    """

    field: Field
    value: str | int | float
    wanted: bool = True  # False: only what the condition does not hold for


def conditions(filters: Iterable[Filter]) -> tuple[str, tuple[Any, ...]]:
    """Return an SQL condition over ``segments JOIN videos``, and its parameters, that holds where all filters do."""
    clauses = ["TRUE"]
    parameters: list[Any] = []
    for each in filters:
        clause, values = _condition(each)
        clauses.append(f"{'' if each.wanted else 'NOT '}({clause})")
        parameters += values
    return " AND ".join(clauses), tuple(parameters)


def within_clause(within: str | None) -> tuple[str, tuple[bytes, ...]]:
    """Return an SQL condition on ``path``, and its parameters: at or below the file or folder ``within``.

    Not LIKE, for which ``%``, ``_`` and the case of letters mean something else. Below a folder are the paths between
    "folder/" and "folder" followed by the character after the separator, an interval that the index answers.
    """
    if within is None:
        return "TRUE", ()
    path = os.path.abspath(within)
    folder = path.rstrip(os.sep)
    bounds = (path, folder + os.sep, folder + chr(ord(os.sep) + 1))
    condition = "(path = CAST(? AS TEXT) OR (path >= CAST(? AS TEXT) AND path < CAST(? AS TEXT)))"
    return condition, tuple(map(os.fsencode, bounds))


def _condition(wanted: Filter) -> tuple[str, tuple[Any, ...]]:
    value = wanted.value
    match wanted.field:
        case "within":
            return within_clause(str(value))
        case "in":
            return _LIKE, (f"%{_literally(str(value).replace('/', os.sep))}%",)
        case "type":
            return _LIKE, (f"%.{_literally(str(value))}",)
        case "after":
            return "mtime_ns >= ?", (value,)
        case "before":
            return "mtime_ns < ?", (value,)
        case "longer":
            return "duration >= ?", (value,)
        case "shorter":
            return "duration < ?", (value,)
        case "tag":
            return _TAGGED, (value,)
        case "has":
            return _SUBTITLED, ()


def _literally(text: str) -> str:
    return text.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
