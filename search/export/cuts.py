"""Moments cut out of their videos, each into a file of its own.

Packets are copied where that can be done (see remux.py). Where it cannot, the moment is encoded, and that is said.
Parts of one video are joined into a new one, always encoded. Files are read and written in a child process.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from indexer.media.container import MediaError
from indexer.workers.decoders import Decoders
from search.ranking.moments import Moment

# Containers that moments are written into; those of other names go into the second, which holds almost every codec.
_COPIED = (".mp4", ".mkv", ".m4v", ".mov", ".webm", ".ts", ".mts", ".m2ts", ".mpg", ".flv", ".avi")
_ANY_CODEC, _ENCODED = ".mkv", ".mp4"
FILM_SUFFIXES = (".mp4", ".mov", ".mkv")  # containers of H.264 and AAC
_LONGEST_STEM = 80  # letters; file systems hold 255 bytes


@dataclass(frozen=True)
class CutResult:
    """What became of one moment."""

    moment: Moment
    path: Path | None  # the new file; None where there is none
    begins: float  # second of the video at which the file begins to play: not after the moment does
    note: str = ""  # why it was encoded, or not written; "" where it was copied


def cut(moments: Sequence[Moment], folder: Path) -> Iterator[CutResult]:
    """Write each moment into a folder as `RANK-NAME-TIME`, in the container of its video where that can be written.

    A file of that name that was there before is replaced once the new one is whole. A moment that cannot be read costs
    only itself.

    Args:
        folder: is made when missing.

    Raises:
        OSError: the folder cannot be written to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder, prefix=".videobert-") as drafts, Decoders() as decoders:
        for rank, moment in enumerate(moments, start=1):
            try:
                draft, begins, note = _written(decoders, moment, Path(drafts))
            except MediaError as error:
                yield CutResult(moment, None, moment.start, str(error))
                continue
            target = folder / (_stem(rank, moment) + draft.suffix)
            if target.exists() and target.samefile(moment.path):
                yield CutResult(moment, None, moment.start, f"{target} is the video itself")
                continue
            os.replace(draft, target)
            yield CutResult(moment, target, begins, note)


def _written(decoders: Decoders, moment: Moment, folder: Path) -> tuple[Path, float, str]:
    """A file with the moment, where it begins, and why it was not copied."""
    source = Path(moment.path).absolute()
    own = source.suffix.lower()
    reason = ""
    for suffix in dict.fromkeys([own, _ANY_CODEC] if own in _COPIED else [_ANY_CODEC]):
        draft = folder / f"copy{suffix}"
        try:
            return draft, decoders.remux(source, moment.start, moment.end, draft), ""
        except MediaError as error:
            if error.stage != "copy":
                raise
            reason = str(error)
    draft = folder / f"encoded{_ENCODED}"
    for _ in decoders.cut(source, [(moment.start, moment.end)], draft):
        pass
    return draft, moment.start, f"encoded anew: {reason}"


def _stem(rank: int, moment: Moment) -> str:
    """`001-bikes-1m05s`: nothing in it that a file system would refuse."""
    minutes, seconds = divmod(int(moment.start), 60)
    hours, minutes = divmod(minutes, 60)
    clock = f"{hours}h{minutes:02}m{seconds:02}s" if hours else f"{minutes}m{seconds:02}s"
    stem = "".join(letter if letter.isalnum() or letter in " ._-()" else "_" for letter in Path(moment.path).stem)
    return f"{rank:03}-{stem[:_LONGEST_STEM].strip()}-{clock}"


def check_film_name(target: Path, *, source: Path) -> None:
    """See, before long work, whether parts of `source` could be written to `target`.

    Raises:
        ValueError: the name is not of a film that can be written, its folder is missing, or it is the source itself.
    """
    if target.suffix.lower() not in FILM_SUFFIXES:
        raise ValueError(f"a film is written as {', '.join(FILM_SUFFIXES)}, got {target.name}")
    if not target.absolute().parent.is_dir():
        raise ValueError(f"there is no folder {target.absolute().parent}")
    if target.is_dir() or (target.exists() and source.exists() and target.samefile(source)):
        raise ValueError(f"{target} is a folder, or the video itself; give the new film another name")


def write_parts(
    path: Path,
    parts: Sequence[tuple[float, float]],
    target: Path,
    *,
    tell: Callable[[float], None] = lambda seconds: None,
) -> None:
    """Join parts of a video into a new film, cut at the frame, with their sound; H.264 and AAC.

    A film that was there before is replaced once the new one is whole, and stays if it never becomes so.

    Args:
        path: the video.
        parts: start and end of each, in seconds.
        target: named as `check_film_name` wants it.
        tell: called with the seconds of film that are written, about once a second of film.

    Raises:
        ValueError: as `check_film_name`, or there is no part.
        MediaError: the video cannot be read, or the film not be written.
    """
    check_film_name(target, source=path)
    if not parts:
        raise ValueError("a film needs at least one part, got none")
    with TemporaryDirectory(dir=target.absolute().parent, prefix=".videobert-") as folder, Decoders() as decoders:
        draft = Path(folder) / target.name
        for seconds in decoders.cut(path.absolute(), parts, draft):
            tell(seconds)
        os.replace(draft, target)
