"""Export moments to JSON, CSV, playlists (M3U), edit decision lists (EDL), OpenTimelineIO, FCPXML and Premiere XML.

The functions here are pure. Frame rates and durations come from the caller's `video_of`.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from search.ranking.moments import Line, Moment

if TYPE_CHECKING:
    from search.export.rates import VideoOf

MEDIA_TYPES = {
    "json": "application/json",
    "csv": "text/csv; charset=utf-8",
    "m3u": "audio/x-mpegurl",
    "edl": "text/plain; charset=utf-8",
    "otio": "application/vnd.pixar.opentimelineio+json",
    "fcpxml": "application/xml",
    "xml": "application/xml",
}
_SUFFIXES = {f".{format}": format for format in MEDIA_TYPES} | {".m3u8": "m3u"}

_COLUMNS = ("path", "start", "end", "keyframe", "score", "confidence", "segment", "basis", "text", "lines", "labels")
_SEPARATORS = {"labels": "; ", "lines": " / "}  # of lists whose members have spaces in them
_FORMULA_BEGINS = frozenset("=+-@\uff1d\uff0b\uff0d\uff20")  # begin a formula in spreadsheets; both widths


def format_of(target: Path) -> str:
    """Return the format of a file name's suffix.

    Raises:
        ValueError: the suffix is unknown.
    """
    try:
        return _SUFFIXES[target.suffix.lower()]
    except KeyError:
        raise ValueError(f"an export is named {', '.join(_SUFFIXES)}, got {target.name}") from None


def export(
    moments: Sequence[Moment], format: str, *, video_of: VideoOf = lambda path: None, title: str = "videobert"
) -> bytes:
    """Return the content of a file with the moments in their order.

    Args:
        format: a key of `MEDIA_TYPES`.
        video_of: returns the video at a path, such as `catalog.videos.at`; its frame rate counts the times of editing
            formats. 25 frames per second if it returns None.
        title: of timelines.

    Raises:
        ValueError: the format is unknown, or cannot hold so many moments.
    """
    match format:
        case "json":
            text = json.dumps([moment.as_dict() for moment in moments], ensure_ascii=False, indent=2) + "\n"
        case "csv":
            text = _csv([_flat(moment.as_dict() | {"lines": list(map(_line, moment.lines))}) for moment in moments])
        case "m3u":
            from search.export.timelines import m3u

            text = m3u(moments)
        case "edl":
            from search.export.timelines import edl

            text = edl(moments, video_of, title=title)
        case "otio":
            from search.export.timelines import otio

            text = otio(moments, video_of, title=title)
        case "fcpxml":
            from search.export.fcpxml import fcpxml

            text = fcpxml(moments, video_of, title=title)
        case "xml":
            from search.export.xmeml import xmeml

            text = xmeml(moments, video_of, title=title)
        case _:
            raise ValueError(f"moments are exported as {', '.join(MEDIA_TYPES)}, got {format!r}")
    return text.encode("utf-8", "backslashreplace")  # file names need not be UTF-8


def _line(line: Line) -> str:
    """A line with its source and its matching words marked: `subtitles: here is the **snow**`."""
    return f"{line.source}: {' '.join(line.marked('**', '**').split())}"


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    """Flatten nested values: `match: {start}` becomes `match_start`, lists become space-separated text."""
    flat: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, dict):
            flat |= {f"{name}_{inner}": each for inner, each in _flat(value).items()}
        else:
            flat[name] = _SEPARATORS.get(name, " ").join(map(str, value)) if isinstance(value, list | tuple) else value
    return flat


def _csv(rows: Iterable[dict[str, Any]]) -> str:
    """Write CSV (RFC 4180); text that a spreadsheet would read as a formula gets an apostrophe."""
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
