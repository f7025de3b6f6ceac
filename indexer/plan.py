"""What has to be done with each file: nothing, a note, a copy of rows, new subtitles, or the full work.

A file is known by its size and modification time, and then by its content, so that a renamed folder or a second copy
costs one read and no decoding.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path

from indexer.discovery import content_hash
from indexer.text.source import stamp
from store.catalog.catalog import Catalog
from store.types import FileStamp, Video


class Action(Enum):
    """What a file needs."""

    NOTHING = "unchanged"
    SKIP = "failed before and has not changed"
    MOVE = "known content under a path that is gone, or only touched"
    COPY = "known content under another path"
    RESUBTITLE = "known pictures with other subtitle files"
    DECODE = "new or changed"
    WAIT = "same content as a file that this run is still decoding"


@dataclass(frozen=True)
class FileState:
    """A file on disk at the moment of planning."""

    path: Path
    stamp: FileStamp
    subtitles_stamp: str
    content_hash: str = ""  # "" until it was needed

    def still_true(self) -> bool:
        """Whether the file has stayed as it was."""
        try:
            return FileStamp.of(self.path.stat()) == self.stamp
        except OSError:
            return False


@dataclass(frozen=True)
class Step:
    """One file and what it needs; `source` is the video whose rows serve it, for every action that has one."""

    file: FileState
    action: Action
    source: Video | None = None


class Planner:
    """Decides file by file, in order; remembers what content it has already sent to be decoded in this run."""

    def __init__(self, catalog: Catalog, *, retry_failed: bool) -> None:
        self.catalog, self.retry_failed = catalog, retry_failed
        self._decoding: set[str] = set()

    def plan(self, path: Path) -> Step:
        """Look at one file; OSError where it cannot be read."""
        file = FileState(path, FileStamp.of(path.stat()), stamp(path))
        known = self.catalog.videos.at(str(path))
        if known and known.file_stamp == file.stamp:
            same_subtitles = known.subtitles_stamp == file.subtitles_stamp
            file = replace(file, content_hash=known.content_hash)
            return Step(file, Action.NOTHING if same_subtitles else Action.RESUBTITLE, known)
        failure = self.catalog.failures.at(str(path))
        if failure and not self.retry_failed and failure.file_stamp == file.stamp:
            return Step(file, Action.SKIP)
        file = replace(file, content_hash=content_hash(path))
        source = self._source(file)
        if source:
            gone = source.path == str(path) or not Path(source.path).exists()
            return Step(file, Action.MOVE if gone else Action.COPY, source)
        if file.content_hash in self._decoding:
            return Step(file, Action.WAIT)
        self._decoding.add(file.content_hash)
        return Step(file, Action.DECODE)

    def _source(self, file: FileState) -> Video | None:
        """A video with this content: preferably this very file (only touched), else one whose file is gone."""
        twins = self.catalog.videos.with_hash(file.content_hash)
        return min(twins, key=lambda v: (v.path != str(file.path), Path(v.path).exists()), default=None)
