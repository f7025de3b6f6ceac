"""Moments as files that other programs read: JSON, CSV, playlists, edit decision lists, OpenTimelineIO.

The functions of this file turn moments into text and touch nothing else. What a list for editors needs to know of a
video, its frame rate and its length, is asked of the caller.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from search.ranking.moments import Moment

if TYPE_CHECKING:
    from search.export.timelines import VideoOf

MEDIA_TYPES = {
    "json": "application/json",
    "csv": "text/csv; charset=utf-8",
    "m3u": "audio/x-mpegurl",
    "edl": "text/plain; charset=utf-8",
    "otio": "application/vnd.pixar.opentimelineio+json",
}
_SUFFIXES = {f".{format}": format for format in MEDIA_TYPES} | {".m3u8": "m3u"}

_COLUMNS = ("path", "start", "end", "keyframe", "score", "confidence", "segment", "text")
_FORMULA_BEGINS = frozenset("=+-@\uff1d\uff0b\uff0d\uff20")  # what spreadsheets take for a formula, in both widths


def format_of(target: Path) -> str:
    """The format that the suffix of a file asks for.

    Raises:
        ValueError: it is none that is known.
    """
    try:
        return _SUFFIXES[target.suffix.lower()]
    except KeyError:
        raise ValueError(f"an export is named {', '.join(_SUFFIXES)}, got {target.name}") from None


def export(moments: Sequence[Moment], format: str, *, video_of: VideoOf = lambda path: None) -> bytes:
    """Moments in their order, as the content of a file.

    Args:
        format: one of `MEDIA_TYPES`.
        video_of: the video with a path, as `Catalog.video` knows it; editors count in its frames. Where it knows none,
            they count 25 a second.

    Raises:
        ValueError: the format is unknown, or there are more moments than it can hold.
    """
    match format:
        case "json":
            text = json.dumps([moment.as_dict() for moment in moments], ensure_ascii=False, indent=2) + "\n"
        case "csv":
            text = _csv([_flat(moment.as_dict()) for moment in moments])
        case "m3u":
            from search.export.timelines import m3u

            text = m3u(moments)
        case "edl":
            from search.export.timelines import edl

            text = edl(moments, video_of)
        case "otio":
            from search.export.timelines import otio

            text = otio(moments, video_of)
        case _:
            raise ValueError(f"moments are exported as {', '.join(MEDIA_TYPES)}, got {format!r}")
    return text.encode("utf-8", "backslashreplace")  # names of files need not be UTF-8


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    """Rows in rows become columns: `match: {start}` is `match_start`; lists become words."""
    flat: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, dict):
            flat |= {f"{name}_{inner}": each for inner, each in _flat(value).items()}
        else:
            flat[name] = " ".join(map(str, value)) if isinstance(value, list | tuple) else value
    return flat


def _csv(rows: Iterable[dict[str, Any]]) -> str:
    """Comma-separated values after RFC 4180; text that a spreadsheet would calculate has an apostrophe before it."""
    rows = list(rows)
    columns = dict.fromkeys([*_COLUMNS, *(name for row in rows for name in row)])
    file = io.StringIO()
    writer = csv.DictWriter(file, list(columns))
    writer.writeheader()
    for row in rows:
        writer.writerow({name: _inert(value) for name, value in row.items()})
    return file.getvalue()


def _inert(value: Any) -> Any:
    if isinstance(value, str) and value.lstrip()[:1] in _FORMULA_BEGINS:
        return "'" + value
    return value
