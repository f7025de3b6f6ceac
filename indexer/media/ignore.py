"""Files and folders that a walk passes over: by a list of names, and by `.videobertignore` files.

A `.videobertignore` has the syntax of `.gitignore` and holds for its folder and all below it, wherever a walk begins.
What a target names by itself is never ignored.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from indexer.media.files import open_file

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

IGNORE_FILE = ".videobertignore"
# Made by systems and programs, for themselves; in lower case. Names with a dot in front are passed over anyway.
IGNORED_FOLDERS = frozenset(
    (
        "@eadir",  # previews of Synology
        "#recycle",
        "@recycle",
        "#snapshot",
        "@recently-snapshot",
        "$recycle.bin",
        "recycler",
        "system volume information",
        "lost+found",
        "node_modules",
        "__pycache__",
        "__macosx",
    )
)
_STILLS = (".heic", ".heif", ".jpg", ".jpeg")
_LIVE_MARK = b"com.apple.quicktime.still-image-time"
_MARK_BYTES = 2**16  # at either end of a file, where its index is


@dataclass(frozen=True)
class IgnoreRules:
    """The `.videobertignore` files that hold in a folder, the outermost first."""

    specs: tuple[tuple[Path, GitIgnoreSpec], ...] = ()

    @classmethod
    def above(cls, folder: Path) -> IgnoreRules:
        """The rules that files above a folder that was named make for it; those that cannot be read make none.

        Rules that would pass over the folder, or over one that it lies in, do not hold for what is in it.
        """
        rules = cls()
        for outer, inner in pairwise([*reversed(folder.parents), folder]):
            with suppress(OSError, ValueError):
                rules = rules.within(outer)
            if rules.ignore(inner, is_folder=True):
                rules = cls()
        return rules

    def within(self, folder: Path) -> IgnoreRules:
        """The rules in a folder below, with its own; OSError or ValueError where those cannot be read."""
        try:
            with open_file(folder / IGNORE_FILE) as file:
                lines = file.read().decode("utf-8-sig").splitlines()
        except (FileNotFoundError, NotADirectoryError):
            return self
        from pathspec import GitIgnoreSpec

        return IgnoreRules((*self.specs, (folder, GitIgnoreSpec.from_lines(lines))))

    def ignore(self, path: Path, *, is_folder: bool) -> bool:
        """Whether a file or folder is passed over; of several rules the innermost that says something decides."""
        if path.name.startswith(".") or (is_folder and path.name.lower() in IGNORED_FOLDERS):
            return True
        for folder, spec in reversed(self.specs):
            said = spec.check_file(path.relative_to(folder).as_posix() + "/" * is_folder).include
            if said is not None:
                return said
        return False


def is_ignored(path: Path, root: Path) -> bool:
    """Whether a walk from a folder does not reach a path below it."""
    rules, at = IgnoreRules.above(root), root
    for part in path.relative_to(root).parts:
        try:
            rules = rules.within(at)
        except (OSError, ValueError):
            return True
        at /= part
        if rules.ignore(at, is_folder=at != path or at.is_dir()):
            return True
    return False


def is_proxy(path: Path) -> bool:
    """Whether a camera wrote a file as the small copy of another one, for previews: `LRV_….insv` of Insta360."""
    return path.name.startswith("LRV_") and path.suffix.lower() in (".insv", ".mp4")


def is_live_photo(path: Path, names: Collection[str] | None = None) -> bool:
    """Whether a file is the moving part of a photo beside it; may be an OSError.

    Args:
        path: of a video.
        names: of the files in its folder, in lower case; looked up where not given.
    """
    if path.suffix.lower() != ".mov":
        return False
    if names is None:
        names = {name.lower() for name in os.listdir(path.parent)}
    if not any(path.stem.lower() + still in names for still in _STILLS):
        return False
    with open_file(path) as file:
        head = file.read(_MARK_BYTES)
        file.seek(max(0, file.status.st_size - _MARK_BYTES))
        return _LIVE_MARK in head or _LIVE_MARK in file.read()
