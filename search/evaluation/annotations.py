"""Read annotation files of published data sets, or your own: rows -> queries with videos and time windows.

The format is recognised by the field names of the first readable row:

- ``msrvtt``: the CSV of MSR-VTT 1k-A, `key,vid_key,video_id,sentence`
- ``msvd``: JSON, `{video: [caption, ...]}`
- ``youcook2``: CSV, `end,start,task,text,video_id`; candidates are the annotated clips, as in Miech et al. 2019
- ``didemo``: JSON list with `video`, `description` and `times`, the 5-second chunks that each annotator chose; a query
  is the paragraph of all descriptions of a video, as in CLIP4Clip
- ``qvhighlights``: JSON lines with `vid`, `query` and `relevant_windows` in seconds
- ``own``: JSON lines (or a JSON list) with `video` (or `clip`) and `caption`; for a part of the video also `start` and
  `end` in seconds, or `windows`: [[start, end], ...]
"""

from __future__ import annotations

import csv
import io
import json
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

Window = tuple[float, float]  # start and end in seconds

_DIDEMO_CHUNK_SECONDS = 5.0


class Asks(Enum):
    """The retrieval task of a data set."""

    VIDEO = "each text finds its video"
    PARAGRAPH = "all texts of a video, as one paragraph, find it"
    CLIP = "each text finds its clip among all annotated clips"


@dataclass(frozen=True)
class Query:
    """A text, its video as named in the file, and the windows that it describes, if given."""

    text: str
    video: str
    windows: tuple[Window, ...] = ()


@dataclass(frozen=True)
class Annotations:
    """Usable rows of a file, and a message for each other row."""

    format: str
    asks: Asks
    queries: tuple[Query, ...]
    problems: tuple[str, ...]

    @property
    def videos(self) -> list[str]:
        """Distinct videos in the order of the file."""
        return list(dict.fromkeys(query.video for query in self.queries))


@dataclass(frozen=True)
class Format:
    """How to recognise and parse the rows of a data set."""

    names: tuple[str, ...]  # alternatives of field names that a row must have, separated by spaces
    queries: Callable[[Mapping[str, Any]], list[Query]]
    asks: Asks = Asks.VIDEO

    def fits(self, row: object) -> bool:
        """Whether a row has the field names."""
        return isinstance(row, dict) and any(row.keys() >= set(names.split()) for names in self.names)


def read_annotations(path: Path, *, format: str | None = None, only: Path | None = None) -> Annotations:
    """Read an annotation file.

    Args:
        format: one of `FORMATS`; recognised by content if not given.
        only: text file with one video per line; other videos are skipped, as for the split of MSVD.

    Raises:
        ValueError: the format is unknown or not recognised, or no row is usable.
    """
    if format is not None and format not in FORMATS:
        raise ValueError(f"the format is one of {', '.join(FORMATS)}, got {format!r}")
    chosen = None if only is None else set(only.read_text(encoding="utf-8").split())
    queries: list[Query] = []
    problems: list[str] = []
    for place, row in _rows(path.read_text(encoding="utf-8-sig")):
        format = format or _recognise(row)
        try:
            if isinstance(row, Exception):
                raise row
            found = _queries(row, format)
        except (ValueError, TypeError) as error:
            problems.append(f"{path.name}, {place}: {error}")
        else:
            queries += [query for query in found if chosen is None or {query.video, Path(query.video).stem} & chosen]
    if format is None:
        raise ValueError(f"{path} is in none of the formats {', '.join(FORMATS)}; --format names one")
    if not queries:
        raise ValueError(f"{path} has no usable row" + (f"; the first problem is: {problems[0]}" if problems else ""))
    return Annotations(format, FORMATS[format].asks, tuple(queries), tuple(problems))


def locate(videos: Sequence[str], folder: Path) -> tuple[dict[str, Path], list[str]]:
    """Find the files of annotated videos below a folder.

    A name matches a relative path or a file name, first with its suffix, then without: annotations often omit it, and
    videos are often stored in another container. The first matching path in alphabetical order is taken.

    Returns:
        absolute paths of the videos found, and the names of the others.

    Raises:
        ValueError: `folder` is not a folder.
    """
    if not folder.is_dir():
        raise ValueError(f"the videos must be in a folder, got {folder}")
    files: dict[str, Path] = {}
    folder = Path(os.path.abspath(folder))
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        for name in (file.relative_to(folder).as_posix(), file.name):
            files.setdefault(name, file)
    stems: dict[str, Path] = {}
    for name, file in files.items():
        stems.setdefault(name.removesuffix(file.suffix), file)
    found = {}
    for name in videos:
        place = files.get(name) or stems.get(name) or stems.get(name.removesuffix(Path(name).suffix))
        if place is not None:
            found[name] = place
    return found, [name for name in videos if name not in found]


def _rows(text: str) -> Iterator[tuple[str, Any]]:
    """Yield rows with their positions in the file; an unreadable row as its exception."""
    if text.lstrip()[:1] not in ("{", "["):
        reader = csv.DictReader(io.StringIO(text, newline=""))
        yield from ((f"line {reader.line_num}", row) for row in reader)
        return
    try:
        whole = json.loads(text)
    except ValueError:
        lines = ((number, line) for number, line in enumerate(text.split("\n"), start=1) if line.strip())
        yield from ((f"line {number}", _parsed(line)) for number, line in lines)
        return
    if isinstance(whole, dict) and not _recognise(whole):
        yield from ((f"video {name}", {"video": name, "captions": captions}) for name, captions in whole.items())
        return
    rows = whole if isinstance(whole, list) else [whole]
    yield from ((f"row {number}", row) for number, row in enumerate(rows, start=1))


def _parsed(line: str) -> Any:
    try:
        return json.loads(line)
    except ValueError as error:
        return error


def _recognise(row: object) -> str | None:
    return next((name for name, format in FORMATS.items() if format.fits(row)), None)


def _queries(row: Any, format: str | None) -> list[Query]:
    if format is None or not FORMATS[format].fits(row):
        expected = f"a row with {' or '.join(FORMATS[format].names)}" if format else "a row of a known format"
        raise ValueError(f"expected {expected}, got {str(row)[:80]}")
    return FORMATS[format].queries(row)


def _query(text: object, video: object, windows: Sequence[Window] = ()) -> Query:
    for what, value in (("the text", text), ("the video", video)):
        if not isinstance(value, str) or not value.strip():
            raise ValueError(f"{what} must be a string with a word in it, got {value!r}")
    return Query(str(text).strip(), str(video).strip(), tuple(windows))


def _window(start: object, end: object) -> Window:
    try:
        window = float(start), float(end)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise ValueError(f"times are seconds, got {start!r} to {end!r}") from None
    if not (0 <= window[0] < window[1] < math.inf):
        raise ValueError(f"a window starts at 0 or later and ends after it starts, got {start} to {end}")
    return window


def _windows(value: object) -> list[Window]:
    if not isinstance(value, list) or not all(isinstance(pair, list) and len(pair) == 2 for pair in value):
        raise ValueError(f"windows are a list of [start, end], got {str(value)[:80]}")
    return [_window(*pair) for pair in value]


def _agreed(times: list[tuple[int, int]]) -> Window:
    """Return the window of DiDeMo's annotators with the highest total IoU with the others, in seconds."""
    if not times:
        raise ValueError(f"at least one annotator must have chosen a window, got {times}")
    chosen = _windows([[first, last + 1] for first, last in times])
    import numpy as np  # here, as the command line reads the names of formats

    from search.evaluation.metrics import iou

    start, end = chosen[int(np.argmax(iou(chosen, chosen).sum(axis=1)))]
    return start * _DIDEMO_CHUNK_SECONDS, end * _DIDEMO_CHUNK_SECONDS


def _msvd(row: Mapping[str, Any]) -> list[Query]:
    if not isinstance(row["captions"], list):
        raise TypeError(f"captions are a list of strings, got {str(row['captions'])[:80]}")
    return [_query(text, row["video"]) for text in row["captions"]]


def _own(row: Mapping[str, Any]) -> list[Query]:
    windows = row.get("windows") or []
    if row.get("start") is not None or row.get("end") is not None:
        windows = [*windows, [row.get("start"), row.get("end")]]
    return [_query(row["caption"], row.get("video", row.get("clip")), _windows(windows))]


FORMATS = {
    "msrvtt": Format(("video_id sentence",), lambda row: [_query(row["sentence"], row["video_id"])]),
    "msvd": Format(("video captions",), _msvd),
    "youcook2": Format(
        ("video_id text start end",),
        lambda row: [_query(row["text"], row["video_id"], [_window(row["start"], row["end"])])],
        Asks.CLIP,
    ),
    "didemo": Format(
        ("video description times",),
        lambda row: [_query(row["description"], row["video"], [_agreed(row["times"])])],
        Asks.PARAGRAPH,
    ),
    "qvhighlights": Format(
        ("vid query relevant_windows",),
        lambda row: [_query(row["query"], row["vid"], _windows(row["relevant_windows"]))],
    ),
    "own": Format(("video caption", "clip caption"), _own),
}
