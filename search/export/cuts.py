"""Cut moments out of their videos into files, or join parts of one video into a new one.

Moments are cut without re-encoding where possible (see remux.py); otherwise they are encoded, with a note. Joined parts
are always encoded. Child processes read and write the files.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import ZipFile

from indexer.media.container import MediaError
from indexer.media.files import OpenFile, open_file
from indexer.workers.decoders import Decoders
from search.export.targets import Protected, check_free, nothing, place
from search.ranking.moments import Moment

# Containers that packets are copied into; Matroska serves for all others.
_COPIED = (".mp4", ".mkv", ".m4v", ".mov", ".webm", ".ts", ".mts", ".m2ts", ".mpg", ".flv", ".avi")
_ANY_CODEC, _ENCODED = ".mkv", ".mp4"
JOINED_SUFFIXES = (".mp4", ".mov", ".mkv")  # containers of H.264 and AAC
_MAX_STEM = 80  # characters; file systems limit names to 255 bytes

SourceOf = Callable[[str], OpenFile]


def open_source(path: str) -> OpenFile:
    """Open a video by its path, whatever it is by now.

    Raises:
        MediaError: it cannot be opened.
    """
    try:
        return open_file(Path(path).absolute())
    except FileNotFoundError:
        raise MediaError("the file does not exist", stage="open") from None
    except OSError as error:
        raise MediaError(f"{path}: {error.strerror or error}", stage="open") from None


@dataclass(frozen=True)
class CutResult:
    """The outcome for one moment."""

    moment: Moment
    path: Path | None  # the new file, None if it was not written
    begins: float  # seconds into the video at which the file begins: the moment's start, or a key frame before it
    note: str = ""  # why it was encoded or not written, "" if packets were copied


def cut(
    moments: Sequence[Moment],
    folder: Path,
    *,
    source_of: SourceOf = open_source,
    force: bool = False,
    protected: Protected = nothing,
) -> Iterator[CutResult]:
    """Write each moment into a folder as `RANK-NAME-TIME`, in the container of its video where that can be written.

    A moment that cannot be read, or whose file would replace another, costs only itself.

    Args:
        folder: is made when missing.
        source_of: opens the video with a path.
        force: replace files of that name, each once the new one is whole; never a link.
        protected: whether a file is never replaced; the video of a moment is not either.

    Raises:
        OSError: the folder is not writable.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (
        TemporaryDirectory(dir=folder, prefix=".videobert-") as drafts,
        Decoders(writable=Path(drafts)) as decoders,
    ):
        for rank, moment in enumerate(moments, start=1):
            try:
                with source_of(moment.path) as source:
                    draft, begins, note = _written(decoders, source, moment, Path(drafts))
                    target = folder / (_stem(rank, moment) + draft.suffix)
                    place(draft, target, force=force, protected=_or_same(protected, source))
            except (MediaError, FileExistsError) as error:
                yield CutResult(moment, None, moment.start, str(error))
                continue
            yield CutResult(moment, target, begins, note)


def _written(decoders: Decoders, source: OpenFile, moment: Moment, folder: Path) -> tuple[Path, float, str]:
    """A file with the moment, where it begins, and why it was not copied."""
    own = source.path.suffix.lower()
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


def join(
    moments: Sequence[Moment],
    target: Path,
    *,
    source_of: SourceOf = open_source,
    force: bool = False,
    protected: Protected = nothing,
    tell: Callable[[float], None] = lambda seconds: None,
) -> None:
    """Write moments of any videos into one new film, one after the other, with sound; H.264 and AAC.

    Args:
        target: named .mp4, .mov or .mkv; arguments and errors as in `write_parts`.
        tell: called with the seconds of film that are written, about once a second of film.

    Raises:
        ValueError: as in `write_parts`.
        MediaError: a video cannot be read, or the film not be written.
        FileExistsError: as in `write_parts`.
    """
    if not moments:
        raise ValueError("a film needs at least one moment, got none")
    for path in {moment.path for moment in moments}:
        check_video_name(target, source=Path(path))
    check_free(target, force=force, protected=protected)
    with (
        ExitStack() as stack,
        TemporaryDirectory(dir=target.absolute().parent, prefix=".videobert-") as folder,
        Decoders(writable=Path(folder)) as decoders,
    ):
        sources = {path: stack.enter_context(source_of(path)) for path in {moment.path for moment in moments}}
        draft = Path(folder) / target.name
        for seconds in decoders.join([(sources[each.path], each.start, each.end) for each in moments], draft):
            tell(seconds)
        place(draft, target, force=force, protected=protected)


def zipped(
    moments: Sequence[Moment],
    target: Path,
    *,
    source_of: SourceOf = open_source,
    force: bool = False,
    protected: Protected = nothing,
) -> list[CutResult]:
    """Write a film of each moment, as `cut` does, into one ZIP file; return what became of each.

    Raises:
        FileExistsError: something stands under the name of the target, and `force` is not given or may not replace it.
        MediaError: none of them could be written.
    """
    check_free(target, force=force, protected=protected)
    with TemporaryDirectory(dir=target.absolute().parent, prefix=".videobert-") as folder:
        results = list(cut(moments, Path(folder) / "clips", source_of=source_of))
        if not any(each.path for each in results):
            raise MediaError(results[0].note if results else "there is nothing to cut", stage="decode")
        draft = Path(folder) / "clips.zip"
        with ZipFile(draft, "w") as archive:  # films do not get smaller
            for each in results:
                if each.path is not None:
                    archive.write(each.path, each.path.name)
        place(draft, target, force=force, protected=protected)
    return results


def _or_same(protected: Protected, source: OpenFile) -> Protected:
    return lambda target: protected(target) or os.path.samestat(os.stat(target), source.status)


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
    source_of: SourceOf = open_source,
    force: bool = False,
    protected: Protected = nothing,
    tell: Callable[[float], None] = lambda seconds: None,
) -> None:
    """Join parts of a video into a new one, cut at the frame, with sound; H.264 and AAC.

    Args:
        path: the video.
        parts: start and end of each, in seconds.
        target: named as `check_video_name` wants it.
        source_of: opens the video.
        force: replace the film that was there before, once the new one is whole.
        protected: whether a file is never replaced.
        tell: called with the seconds of film that are written, about once a second of film.

    Raises:
        ValueError: as `check_video_name`, or there is no part.
        MediaError: the video cannot be read, or the film not be written.
        FileExistsError: something stands under the name of the target, and `force` is not given or may not replace it.
    """
    check_video_name(target, source=path)
    check_free(target, force=force, protected=protected)
    if not parts:
        raise ValueError("a film needs at least one part, got none")
    with (
        TemporaryDirectory(dir=target.absolute().parent, prefix=".videobert-") as folder,
        Decoders(writable=Path(folder)) as decoders,
        source_of(str(path)) as source,
    ):
        draft = Path(folder) / target.name
        for seconds in decoders.cut(source, parts, draft):
            tell(seconds)
        place(draft, target, force=force, protected=_or_same(protected, source))
