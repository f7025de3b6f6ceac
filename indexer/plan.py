"""Plan what each file needs: nothing, a new path, copied rows, new subtitles, or decoding.

Files are identified by size and modification time, then by content: a renamed folder or a second copy costs one read
and no decoding.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path

from indexer.discovery import content_hash
from indexer.text.languages import primary
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
    content_hash: str = ""  # "" until needed

    def still_true(self) -> bool:
        """Whether the file is unchanged since."""
        try:
            return FileStamp.of(self.path.stat()) == self.stamp
        except OSError:
            return False


@dataclass(frozen=True)
class Step:
    """A file and the action it needs; `source` is the video whose rows are reused, if any."""

    file: FileState
    action: Action
    source: Video | None = None


class Planner:
    """Plans files in order, and remembers contents that are being decoded in this run."""

    def __init__(self, catalog: Catalog, *, retry_failed: bool, language: str = "") -> None:
        self.catalog, self.retry_failed, self.language = catalog, retry_failed, primary(language)
        self._decoding: set[str] = set()

    def plan(self, path: Path) -> Step:
        """Plan one file. Raises OSError."""
        file = FileState(path, FileStamp.of(path.stat()), stamp(path))
        known = self.catalog.videos.at(str(path))
        if known and known.file_stamp == file.stamp:
            same_subtitles = known.subtitles_stamp == file.subtitles_stamp and self._speaks(known)
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

    def _speaks(self, video: Video) -> bool:
        """Whether a video is embedded with subtitles of the language that is wanted now, if it has any."""
        wanted = self.language in ("", primary(video.language))
        return wanted or video.id is None or not self.catalog.cues.of(video.id)

    def _source(self, file: FileState) -> Video | None:
        """Return a video with this content: this very file if only its time changed, else one whose file is gone."""
        twins = self.catalog.videos.with_hash(file.content_hash)
        return min(twins, key=lambda v: (v.path != str(file.path), Path(v.path).exists()), default=None)
