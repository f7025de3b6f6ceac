"""What is taken out of a video for people to look at: single pictures, and parts joined into a new film.

The file is read, and written, in a child process.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image

from indexer.workers.decoders import Decoders

FILM_SUFFIXES = (".mp4", ".mov", ".mkv")  # containers of H.264 and AAC


def stills(path: Path, at_seconds: Sequence[float], *, short_side: int) -> list[Image.Image]:
    """The pictures on screen at some instants, upright, in the order given.

    Args:
        short_side: pixels of the shorter side.

    Raises:
        MediaError: the file is missing or is no video, or one of the pictures cannot be decoded.
    """
    with Decoders(short_side=short_side) as decoders:
        frames = [still.data[0] for still in decoders.stills(path, at_seconds)]
    return [Image.fromarray(np.ascontiguousarray(frame.transpose(1, 2, 0))) for frame in frames]


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
