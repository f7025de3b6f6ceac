"""Find video files: walk folders, expand globs; files named explicitly are always taken.

Nothing is decoded: names decide, and the first bytes of files with ambiguous names.
"""

from __future__ import annotations

import glob
import os
import stat
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from indexer.media.files import open_file
from indexer.media.ignore import IgnoreRules, is_ignored, is_live_photo, is_proxy
from indexer.media.motion_photo import PHOTO_SUFFIXES, is_motion_photo
from indexer.media.suffixes import VIDEO_SUFFIXES
from indexer.media.webp import is_animated_webp
from indexer.text.sidecars import SUBTITLE_SUFFIXES, natural, sidecars
from store.paths import as_on_disk

_BRANDS_BYTES = 128  # of a file of ISO/IEC 14496-12, which hold its brands
_PACKET_BYTES = 188  # of an MPEG transport stream, ISO/IEC 13818-1; each begins with the byte 0x47


@dataclass(frozen=True)
class Discovery:
    """Files found, and problems."""

    files: list[Path]  # absolute, distinct, in natural order
    ignored: int  # files in folders with suffixes of neither videos nor subtitles
    problems: list[tuple[str, str]]  # unreadable targets and folders, with reasons


def discover(targets: Sequence[str | Path], *, all_files: bool = False) -> Discovery:
    """Find the video files that targets name.

    Args:
        targets: files, folders (walked recursively) and globs such as ``videos/**/*.mkv``. Hidden files and folders,
            and what `indexer.media.ignore` names, are skipped unless they are targets themselves, or a glob spells them
            out. Links are followed; a file or folder reached twice counts once, under the first path.
        all_files: in folders, take every file except subtitle files, whatever its name.
    """
    walk = _Walk(all_files=all_files)
    for target in targets:
        walk.target(str(target))
    files = walk.files
    if all_files:
        others = (file for file in files if file not in walk.named)
        subtitles = {subtitle.path for file in others for subtitle in sidecars(file)} - walk.named
        files = [file for file in files if file not in subtitles]
    return Discovery(
        sorted(files, key=lambda file: [natural(part) for part in file.parts]), walk.ignored, walk.problems
    )


def content_hash(path: Path) -> str:
    """BLAKE2b-128 of a whole file, in hex (RFC 7693); OSError where it cannot be read."""
    with open_file(path) as file:
        return file.content_hash()


class _Walk:
    """Files found so far, and files and folders visited."""

    def __init__(self, *, all_files: bool) -> None:
        self.files: list[Path] = []
        self.named: set[Path] = set()  # named by a target, as a path or by a glob
        self.ignored = 0
        self.problems: list[tuple[str, str]] = []
        self._all_files = all_files
        self._seen: set[tuple[int, int]] = set()  # device and inode

    def target(self, target: str) -> None:
        if not target:
            self.problems.append((target, "an empty path"))
            return
        path = Path(as_on_disk(os.path.abspath(os.path.expanduser(target))))
        if os.path.lexists(path):
            self._named(path)
        elif glob.has_magic(target):
            matches = sorted(glob.iglob(str(path), recursive=True), key=natural)
            if not matches:
                self.problems.append((target, "nothing matches"))
            spelled_out = path
            while glob.has_magic(str(spelled_out)):
                spelled_out = spelled_out.parent
            for found in map(Path, matches):
                if is_ignored(found, spelled_out) or (found.is_file() and (is_proxy(found) or is_live_photo(found))):
                    self.ignored += found.is_file()
                else:
                    self._named(found)
        else:
            self.problems.append((target, "no such file or folder"))

    def _named(self, path: Path) -> None:
        try:
            if path.is_dir():
                self._folder(path)
            elif not path.exists():
                self.problems.append((str(path), "a link to nothing"))
            elif not path.is_file():
                self.problems.append((str(path), "neither a file nor a folder"))
            else:
                self.named.add(path)
                if self._is_new(path):
                    self.files.append(path)
        except OSError as error:
            self.problems.append((str(path), error.strerror or str(error)))

    def _folder(self, top: Path) -> None:
        todo = [(top, IgnoreRules.above(top))]
        while todo:
            folder, outer = todo.pop()
            try:
                if not self._is_new(folder):
                    continue
                rules = outer.within(folder)
                paths = [path for path in folder.iterdir() if not path.name.startswith(".")]
            except (OSError, ValueError) as error:
                self.problems.append((str(folder), getattr(error, "strerror", None) or str(error)))
                continue
            names = {path.name.lower() for path in paths}
            for path in sorted(paths, key=lambda path: natural(path.name)):
                try:
                    mode = path.stat().st_mode
                except OSError as error:
                    if not rules.ignore(path, is_folder=True):
                        self._unreadable(path, error)
                    continue
                is_folder = stat.S_ISDIR(mode)
                if rules.ignore(path, is_folder=is_folder):
                    self.ignored += not is_folder
                elif is_folder:
                    todo.append((path, rules))
                elif stat.S_ISREG(mode):
                    self._file(path, names)

    def _unreadable(self, path: Path, error: OSError) -> None:
        """Tell of what cannot be looked at, but for links to nothing and files that are not of video."""
        is_video = self._all_files or path.suffix.lower() in VIDEO_SUFFIXES
        if not isinstance(error, FileNotFoundError) and (is_video or not path.suffix):
            self.problems.append((str(path), error.strerror or str(error)))

    def _file(self, path: Path, names: Collection[str]) -> None:
        """Add a file found in a folder that holds these names."""
        try:
            if not (self._all_files or looks_like_video(path)):
                self.ignored += path.suffix.lower() not in SUBTITLE_SUFFIXES  # subtitles are read with their video
            elif is_proxy(path) or is_live_photo(path, names):
                self.ignored += 1
            elif self._is_new(path):
                self.files.append(path)
        except OSError as error:
            self.problems.append((str(path), error.strerror or str(error)))

    def _is_new(self, path: Path) -> bool:
        status = path.stat()
        identity = (status.st_dev, status.st_ino)
        new = identity not in self._seen
        self._seen.add(identity)
        return new


def looks_like_video(path: Path) -> bool:
    """Whether a file name, and for ambiguous ones its content, is that of a video. Raises OSError."""
    suffix = path.suffix.lower()
    if suffix == ".avif":
        return _is_image_sequence(path)
    if suffix == ".webp":
        with open_file(path) as file:
            return is_animated_webp(file)
    if suffix in PHOTO_SUFFIXES:
        return is_motion_photo(path)
    return suffix in VIDEO_SUFFIXES and (suffix != ".ts" or _is_transport_stream(path))


def _is_image_sequence(path: Path) -> bool:
    """Whether an .avif file is animated: it is of the brand "avis" (AV1 Image File Format)."""
    with open_file(path) as file:
        head = file.read(_BRANDS_BYTES)
    return head[4:8] == b"ftyp" and b"avis" in head[: int.from_bytes(head[:4], "big")]


def _is_transport_stream(path: Path) -> bool:
    """Whether a .ts file is MPEG, not TypeScript: its sync byte recurs, with or without 4-byte timestamps."""
    with path.open("rb") as file:
        head = file.read(2 * (_PACKET_BYTES + 4))
    return any(
        head[start : start + 1] == head[start + length : start + length + 1] == b"\x47"
        for start, length in ((0, _PACKET_BYTES), (4, _PACKET_BYTES + 4))
    )
