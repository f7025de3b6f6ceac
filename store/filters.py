"""Filters: what a search is limited to, as conditions that SQLite answers before vectors or words are compared.

`FILTERS` is the only list of them. The query language, its completion, the HTTP service, the text for assistants and
`docs/search.md` read it, so that a new filter is one more entry.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from store.paths import forms_of, path_bytes
from store.times import CLOCK_COLUMN, TIME_COLUMNS, split_time
from store.types import label_key

Value = str | int | float
Condition = tuple[str, tuple[Any, ...]]  # SQL over `segments JOIN videos`, and its parameters

# By `IN`, which is answered once and from an index, not once for every segment.
_TAGGED = "segments.id IN (SELECT segment_id FROM tags WHERE name COLLATE NOCASE = ? COLLATE NOCASE)"
_COLLECTED = (
    "segments.id IN (SELECT inside.id FROM selects JOIN videos AS of ON of.content_hash = selects.content_hash "
    "JOIN segments AS inside ON inside.video_id = of.id "
    'WHERE selects.start < inside."end" AND selects."end" > inside.start AND {})'
)
_COLLECTED_TAG = _COLLECTED.format(
    "EXISTS (SELECT 1 FROM json_each(selects.tags) WHERE value COLLATE NOCASE = ? COLLATE NOCASE)"
)
_NOTED = _COLLECTED.format(r"note LIKE ? ESCAPE '\'")
_SHOWING = 'segments.id IN (SELECT segment_id FROM labels WHERE "key" = ?)'
_WITH_LINES = "EXISTS (SELECT 1 FROM cues WHERE cues.video_id = videos.id AND cues.source = ?)"
_SOURCES = {"subtitles": "subtitles", "speech": "speech", "screen-text": "screen"}  # after has: -> of cues
_LIKE = r"path LIKE CAST(? AS TEXT) ESCAPE '\'"  # the case of ASCII letters does not matter to it
# Below each root its own path from its alias on; of a file that no root holds, the name alone.
_IN_ROOT = r"""coalesce(
    (SELECT max(roots.alias || substr(videos.path, length(roots.path) + 1)) FROM roots
        WHERE substr(videos.path, 1, length(roots.path) + 1) = roots.path || '/'),
    replace(videos.path, rtrim(videos.path, replace(videos.path, '/', '')), '')
) LIKE ? ESCAPE '\'"""
_SUFFIX = re.compile(r"[A-Za-z0-9_-]{1,16}")
_DATES = ("%Y", "%Y-%m", "%Y-%m-%d")
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "": 1.0}
_MOST_SECONDS = 1e9  # 31 years
_SHOWN = 40  # characters of a wrong value in a message


@dataclass(frozen=True)
class FilterSpec:
    """A kind of filter.

    Attributes:
        name: before the colon in a query.
        help: what it leaves, in a few words.
        example: as it is typed.
        parse: reads the text after the colon, which is not empty; ValueError names the accepted forms.
        sql: makes the condition of a parsed value.
        typed: whether it is part of the query language.
        of_videos: whether it holds for all segments of a video or for none.
        values: offered while typing: these, or what the library holds; "dates" are years and months, "days" days.
    """

    name: str
    help: str
    example: str
    parse: Callable[[str], Value]
    sql: Callable[[Any], Condition]
    typed: bool = True
    of_videos: bool = True
    values: tuple[str, ...] | Literal["folders", "tags", "labels", "suffixes", "dates", "days", "cameras"] = ()


@dataclass(frozen=True)
class Filter:
    """A filter in use.

    Attributes:
        name: of an entry of ``FILTERS``.
        value: what its ``parse`` made of the text. ``within``: an absolute path of a file or folder; ``in``: a part of
            the path; ``tag``: a name; ``note``: a part of it; ``shows``: the `label_key` of one; ``type``: a suffix
            without its dot; ``has``: "subtitles", "speech" or "screen-text"; ``after`` (that instant included) and
            ``before``: when it was filmed, in nanoseconds since 1970, where a clock that is known without its zone is
            taken for local time; ``during`` and ``on``: a year, month or day; ``camera``: a part of its name;
            ``longer`` (that long included) and ``shorter``: seconds of the whole video.
        negated: whether only what it does not hold for is left.
    """

    name: str
    value: Value
    negated: bool = False


def conditions(filters: Iterable[Filter]) -> Condition:
    """Return an SQL condition over ``segments JOIN videos``, and its parameters, that holds where all filters do.

    Raises:
        KeyError: a filter has a name that is not in ``FILTERS``.
    """
    clauses = ["TRUE"]
    parameters: list[Any] = []
    for each in filters:
        clause, values = _BY_NAME[each.name].sql(each.value)
        clauses.append(f"{'NOT ' if each.negated else ''}({clause})")
        parameters += values
    return " AND ".join(clauses), tuple(parameters)


def are_of_videos(filters: Iterable[Filter]) -> bool:
    """Return whether filters hold for all segments of a video or for none."""
    return all(_BY_NAME[each.name].of_videos for each in filters)


def parse_filter(name: str, text: str) -> Filter:
    """Read a filter as it is typed: ``name`` before the colon, in any case, ``text`` after it.

    Raises:
        ValueError: the text is none of the accepted forms, which the message names.
        KeyError: there is no such filter.
    """
    spec = _BY_NAME[name.lower()]
    return Filter(spec.name, spec.parse(text))


def parse_duration(text: str) -> float:
    """Read a length of time: ``20s``, ``1.5m``, ``2h``, ``500ms``, or seconds without a unit.

    Raises:
        ValueError: it is something else, or longer than 1e9 s.
    """
    found = _DURATION.fullmatch(text.lower())
    seconds = float(found[1]) * _SECONDS[found[2]] if found else math.inf
    if seconds > _MOST_SECONDS:
        most = ", at most 1000000000s" if found else ""
        raise ValueError(f"a length of time is 20s, 1.5m, 2h or 500ms{most}, got {_shown(text)}")
    return seconds


def within_clause(within: str | None) -> tuple[str, tuple[bytes, ...]]:
    """Return an SQL condition on ``path``, and its parameters: at or below the file or folder ``within``.

    Not LIKE, for which ``%``, ``_`` and the case of letters mean something else. Below a folder are the paths between
    "folder/" and "folder" followed by the character after the separator, an interval that the index answers.
    """
    if within is None:
        return "TRUE", ()
    bounds: list[str] = []
    for path in forms_of(os.path.abspath(within)):
        folder = path.rstrip(os.sep)
        bounds += (path, folder + os.sep, folder + chr(ord(os.sep) + 1))
    condition = "(path = CAST(? AS TEXT) OR (path >= CAST(? AS TEXT) AND path < CAST(? AS TEXT)))"
    conditions = " OR ".join([condition] * (len(bounds) // 3))
    return f"({conditions})", tuple(map(path_bytes, bounds))


def _instant_ns(text: str) -> int:
    """Nanoseconds since 1970 at which a day, month or year begins in local time."""
    for form in _DATES:
        try:
            day = datetime.strptime(text, form)
        except ValueError:
            continue
        try:
            seconds = day.timestamp()
        except (OverflowError, ValueError, OSError):  # local time is not known at the ends of the calendar
            seconds = day.replace(tzinfo=UTC).timestamp()
        return int(seconds) * 10**9
    raise ValueError(f"a date is 2024, 2024-01 or 2024-01-31, got {_shown(text)}")


def _instant_clock(instant: int) -> str:
    """The local clock at an instant, as short as it can be written: "2024" is before all that is in it."""
    for zone in (None, UTC):
        try:
            clock = datetime.fromtimestamp(instant // 10**9, zone)
        except (OverflowError, ValueError, OSError):
            continue
        return clock.replace(tzinfo=None).isoformat().removesuffix("T00:00:00").removesuffix("-01").removesuffix("-01")
    return "0" if instant < 0 else ":"  # before and after all digits


def _filmed(comparison: Literal[">=", "<"], instant: int) -> Condition:
    """A condition on the clock at which a video was filmed, on the time of its file where nothing else tells it."""
    sql = f"CASE WHEN filmed_at = '' THEN {TIME_COLUMNS} {comparison} (?, ?) ELSE {CLOCK_COLUMN} {comparison} ? END"
    return sql, (*split_time(instant), _instant_clock(instant))


def _date(text: str) -> str:
    _instant_ns(text)
    return "-".join(part.zfill(2) for part in text.split("-"))


def _filmed_during(date: str) -> Condition:
    return f"substr({CLOCK_COLUMN}, 1, {len(date)}) = ?", (date,)


def _has(text: str) -> str:
    if (name := text.lower()) not in _SOURCES:
        raise ValueError(f"has: takes {', '.join(_SOURCES)}, got {_shown(text)}")
    return name


def _label(text: str) -> str:
    if not (key := label_key(text)):
        raise ValueError(f"shows: needs a word, got {_shown(text)}")
    return key


def _suffix(text: str) -> str:
    suffix = text.lstrip(".")
    if not _SUFFIX.fullmatch(suffix):
        raise ValueError(f"type: takes a suffix such as mp4, got {_shown(text)}")
    return suffix


def _shown(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _in_either_form(condition: str, text: str) -> Condition:
    """A condition on a text whose letters may be composed (NFC) or decomposed (NFD) in the library.

    SQLite compares only ASCII letters without their case, so that others are looked for as they are mostly written.
    """
    cased = (text,) if text.isascii() else (text, text.lower(), text.upper(), text.capitalize(), text.title())
    forms = dict.fromkeys(form for each in cased for form in forms_of(each))
    return f"({' OR '.join([condition] * len(forms))})", tuple(forms)


def _tagged(name: str) -> Condition:
    classified, forms = _in_either_form(_TAGGED, name)
    collected, _ = _in_either_form(_COLLECTED_TAG, name)
    return f"{classified} OR {collected}", (*forms, *forms)


def _name_holds(part: str) -> Condition:
    """A part of a path as UTF-8, which nearly all names are, or as this process would name a file."""
    _, forms = _in_either_form(_LIKE, f"%{_literally(part)}%")
    patterns = dict.fromkeys(
        way for form in forms for way in (form.encode("utf-8", "surrogateescape"), path_bytes(form))
    )
    return " OR ".join([_LIKE] * len(patterns)), tuple(patterns)


def _literally(text: str) -> str:
    return text.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")


FILTERS = (
    FilterSpec(
        "in",
        "a part of the path",
        "in:holidays",
        str,
        lambda part: _name_holds(part.replace("/", os.sep)),
        values="folders",
    ),
    FilterSpec(
        "tag",
        "a tag that a classification gave, or a person in a reel",
        "tag:dog",
        str,
        _tagged,
        values="tags",
        of_videos=False,
    ),
    FilterSpec(
        "note",
        "a part of the note on a moment of a reel",
        "note:sunset",
        str,
        lambda part: _in_either_form(_NOTED, f"%{_literally(part)}%"),
        of_videos=False,
    ),
    FilterSpec(
        "shows",
        "what the model recognised in the picture",
        "shows:dog",
        _label,
        lambda key: (_SHOWING, (key,)),
        values="labels",
        of_videos=False,
    ),
    FilterSpec(
        "type",
        "the suffix of the file",
        "type:mp4",
        _suffix,
        lambda suffix: (_LIKE, (f"%.{_literally(suffix)}",)),
        values="suffixes",
    ),
    FilterSpec(
        "has",
        "only videos with subtitles, with speech that was heard, or with text in the picture",
        "has:subtitles",
        _has,
        lambda name: (_WITH_LINES, (_SOURCES[name],)),
        values=tuple(_SOURCES),
    ),
    FilterSpec(
        "after",
        "filmed on this day, month or year, or later",
        "after:2024-01",
        _instant_ns,
        lambda instant: _filmed(">=", instant),
        values="dates",
    ),
    FilterSpec(
        "before",
        "filmed before this day, month or year",
        "before:2024-03-15",
        _instant_ns,
        lambda instant: _filmed("<", instant),
        values="dates",
    ),
    FilterSpec(
        "during",
        "filmed in this year or month, or on this day",
        "during:2023-07",
        _date,
        _filmed_during,
        values="dates",
    ),
    FilterSpec("on", "filmed on this day", "on:2023-12-24", _date, _filmed_during, values="days"),
    FilterSpec(
        "camera",
        "a part of the camera's name",
        "camera:iphone",
        str,
        lambda part: _in_either_form(r"camera LIKE ? ESCAPE '\'", f"%{_literally(part)}%"),
        values="cameras",
    ),
    FilterSpec(
        "longer",
        "videos at least so long",
        "longer:10s",
        parse_duration,
        lambda seconds: ("duration >= ?", (seconds,)),
        values=("10s", "1m", "10m", "1h"),
    ),
    FilterSpec(
        "shorter",
        "videos shorter than this",
        "shorter:5m",
        parse_duration,
        lambda seconds: ("duration < ?", (seconds,)),
        values=("10s", "1m", "10m", "1h"),
    ),
    FilterSpec(
        "below",
        "a part of the path below the folder that was indexed, for clients that are told no paths",
        "below:holidays",
        str,
        lambda part: (_IN_ROOT, (f"%{_literally(part)}%",)),
        typed=False,
    ),
    FilterSpec("within", "a file or folder", "within:/home/me/Videos", os.path.abspath, within_clause, typed=False),
)
_BY_NAME = {spec.name: spec for spec in FILTERS}
TYPED_FILTERS = tuple(spec for spec in FILTERS if spec.typed)
