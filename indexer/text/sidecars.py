"""Subtitle files that lie beside a video, in natural order."""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

SUBTITLE_SUFFIXES = (".srt", ".vtt", ".ass", ".ssa")
_FOLDERS = ("subs", "subtitles")
_SETTLED_SECONDS = 2.0  # a folder that changed later than this may change again under the same time stamp
_NUMBER = re.compile(r"(\d+)")


def sidecars(video: Path) -> list[Path]:
    """The subtitle files that belong to a video by their names: ``name.srt``, ``name.en.srt``, ``name.mp4.srt`` ...

    They lie beside it, or in a folder ``Subs`` or ``Subtitles`` beside it. Upper and lower case do not matter.
    """
    if video.name.lower().endswith(SUBTITLE_SUFFIXES):
        return []
    # Between name and ending only words, such as a language, or the video's own ending: not those of "name.part2.mp4".
    tags = rf"(\.[a-z]{{2,}}([-_][a-z0-9]+)?|{re.escape(video.suffix)})*"
    own = re.compile(rf"{re.escape(video.stem)}{tags}\.(srt|vtt|ass|ssa)", re.IGNORECASE)
    beside = video.parent
    folders = [beside, *(beside / name for name in _listed(beside)[1])]
    return [folder / name for folder in folders for name in _listed(folder)[0] if own.fullmatch(name)]


def stamp(paths: Sequence[Path]) -> str:
    """A short hash that changes with the names, sizes and modification times of files; "" for none."""
    if not paths:
        return ""
    states = [(path.name, (state := path.stat()).st_size, state.st_mtime_ns) for path in paths]
    return hashlib.blake2b(repr(states).encode(), digest_size=8).hexdigest()


def natural(name: str) -> list[tuple[int, int, str]]:
    """A sort key by which ``clip 2`` comes before ``Clip 10``.

    Numbers come before letters, and case decides last.
    """
    parts = [
        (0, int(part), "") if part.isdecimal() else (1, 0, part.casefold()) for part in _NUMBER.split(name) if part
    ]
    return [*parts, (2, 0, name)]


def _listed(folder: Path) -> tuple[list[str], list[str]]:
    """The subtitle files of a folder and its folders for such, in natural order."""
    try:
        changed = folder.stat().st_mtime_ns
        # Remembered, so that a thousand videos in one folder do not list it a thousand times.
        listed = _list if time.time() - changed / 1e9 < _SETTLED_SECONDS else _remembered
        return listed(folder, changed)
    except OSError:
        return [], []


def _list(folder: Path, changed_ns: int) -> tuple[list[str], list[str]]:
    names = sorted(os.listdir(folder), key=natural)
    files = [name for name in names if name.lower().endswith(SUBTITLE_SUFFIXES)]
    return files, [name for name in names if name.lower() in _FOLDERS]


_remembered = lru_cache(maxsize=64)(_list)
