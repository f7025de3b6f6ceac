"""Cut moments out of their videos into files, or join parts of one video into a new one.

Moments are cut without re-encoding where possible (see remux.py); otherwise they are encoded, with a note. Joined parts
are always encoded. Child processes read and write the files.
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

# Containers that packets are copied into; Matroska serves for all others.
_COPIED = (".mp4", ".mkv", ".m4v", ".mov", ".webm", ".ts", ".mts", ".m2ts", ".mpg", ".flv", ".avi")
_ANY_CODEC, _ENCODED = ".mkv", ".mp4"
JOINED_SUFFIXES = (".mp4", ".mov", ".mkv")  # containers of H.264 and AAC
_MAX_STEM = 80  # characters; file systems limit names to 255 bytes


@dataclass(frozen=True)
class CutResult:
    """The outcome for one moment."""

    moment: Moment
    path: Path | None  # the new file, None if it was not written
    begins: float  # seconds into the video at which the file begins: the moment's start, or a key frame before it
    note: str = ""  # why it was encoded or not written, "" if packets were copied


def cut(moments: Sequence[Moment], folder: Path) -> Iterator[CutResult]:
    """Write each moment into a folder as `RANK-NAME-TIME`, in the container of its video where possible.

    An existing file of that name is replaced atomically. A moment that cannot be read does not affect the others.

    Args:
        folder: created if missing.

    Raises:
        OSError: the folder is not writable.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder, prefix=".videobert-") as temporary, Decoders() as decoders:
        for rank, moment in enumerate(moments, start=1):
            try:
                draft, begins, note = _written(decoders, moment, Path(temporary))
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
    """Return a file with the moment, where it begins, and why its packets were not copied."""
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
    """Return a name such as `001-bikes-1m05s` that every file system accepts."""
    minutes, seconds = divmod(int(moment.start), 60)
    hours, minutes = divmod(minutes, 60)
    clock = f"{hours}h{minutes:02}m{seconds:02}s" if hours else f"{minutes}m{seconds:02}s"
    stem = "".join(letter if letter.isalnum() or letter in " ._-()" else "_" for letter in Path(moment.path).stem)
    return f"{rank:03}-{stem[:_MAX_STEM].strip()}-{clock}"


def check_video_name(target: Path, *, source: Path) -> None:
    """Check, before long work, that parts of `source` can be written to `target`.

    Raises:
        ValueError: the suffix is unsupported, the folder is missing, or `target` is the source itself.
    """
    if target.suffix.lower() not in JOINED_SUFFIXES:
        raise ValueError(f"a joined video is written as {', '.join(JOINED_SUFFIXES)}, got {target.name}")
    if not target.absolute().parent.is_dir():
        raise ValueError(f"there is no folder {target.absolute().parent}")
    if target.is_dir() or (target.exists() and source.exists() and target.samefile(source)):
        raise ValueError(f"{target} is a folder, or the video itself; choose another name")


def write_parts(
    path: Path,
    parts: Sequence[tuple[float, float]],
    target: Path,
    *,
    tell: Callable[[float], None] = lambda seconds: None,
) -> None:
    """Join parts of a video into a new one, cut at the frame, with sound; H.264 and AAC.

    An existing target is replaced atomically, and stays if anything fails.

    Args:
        path: the video.
        parts: start and end of each, in seconds.
        target: see `check_video_name`.
        tell: called with the seconds written so far, about once per second of video.

    Raises:
        ValueError: as `check_video_name`, or there is no part.
        MediaError: the video cannot be read, or the target not be written.
    """
    check_video_name(target, source=path)
    if not parts:
        raise ValueError("a video needs at least one part, got none")
    with TemporaryDirectory(dir=target.absolute().parent, prefix=".videobert-") as folder, Decoders() as decoders:
        draft = Path(folder) / target.name
        for seconds in decoders.cut(path.absolute(), parts, draft):
            tell(seconds)
        os.replace(draft, target)
