"""Plan what each file needs: nothing, a new path, copied rows, new subtitles, a date, or decoding.

Files are identified by size and modification time, then by content: a renamed folder or a second copy costs one read
and no decoding.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path

from indexer.media.files import open_file
from indexer.text.languages import primary
from indexer.text.source import stamp
from store.catalog.catalog import Catalog
from store.types import FileIdentity, FileStamp, Video


class Action(Enum):
    """What a file needs."""

    NOTHING = "unchanged"
    SKIP = "failed before and has not changed"
    MOVE = "known content under a path that is gone, or only touched"
    COPY = "known content under another path"
    RESUBTITLE = "known pictures with other subtitle files"
    DATE = "unchanged, and not yet asked when it was filmed"
    DECODE = "new or changed"
    WAIT = "same content as a file that this run is still decoding"


@dataclass(frozen=True)
class FileState:
    """A file on disk at the moment of planning."""

    path: Path
    identity: FileIdentity
    subtitles_stamp: str
    content_hash: str = ""  # "" until needed

    @property
    def stamp(self) -> FileStamp:
        """Size and modification time."""
        return self.identity.stamp

    def still_true(self, read: FileIdentity | None) -> bool:
        """Whether the file is as it was, and the one that was read."""
        try:
            return FileIdentity.of(self.path.stat()) == self.identity == read
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

    def __init__(
        self,
        catalog: Catalog,
        *,
        retry_failed: bool,
        language: str = "",
        stream: int = 0,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        self.catalog, self.retry_failed, self.language = catalog, retry_failed, primary(language)
        self._stream = stream
        self._check = check
        self._decoding: set[str] = set()

    def plan(self, path: Path) -> Step:
        """Look at one file; OSError where it cannot be read."""
        with open_file(path) as opened:
            file = FileState(path, opened.identity, stamp(path))
            known = self.catalog.videos.at(str(path))
            if known and known.file_stamp == file.stamp and self._shows(known):
                same_subtitles = known.subtitles_stamp == file.subtitles_stamp and self._speaks(known)
                file = replace(file, content_hash=known.content_hash)
                if same_subtitles:
                    return Step(file, Action.NOTHING if known.filmed_by else Action.DATE, known)
                if opened.identity == known.identity or opened.content_hash(self._check) == known.content_hash:
                    return Step(file, Action.RESUBTITLE, known)
            failure = self.catalog.failures.at(str(path))
            if failure and not self.retry_failed and failure.file_stamp == file.stamp:
                return Step(file, Action.SKIP)
            file = replace(file, content_hash=opened.content_hash(self._check))
        source = self._source(file)
        if source:
            gone = source.path == str(path) or self._is_deleted(source)
            return Step(file, Action.MOVE if gone else Action.COPY, source)
        if file.content_hash in self._decoding:
            return Step(file, Action.WAIT)
        self._decoding.add(file.content_hash)
        return Step(file, Action.DECODE)

    def _speaks(self, video: Video) -> bool:
        """Whether a video is embedded with subtitles of the language that is wanted now, if it has any."""
        wanted = self.language in ("", primary(video.language))
        return wanted or video.id is None or not self.catalog.cues.of(video.id)

    def _shows(self, video: Video) -> bool:
        """Whether a video was read from the video stream that is wanted now."""
        return self._stream in (0, video.stream)

    def _is_deleted(self, video: Video) -> bool:
        return not is_there(video.path) and not self.catalog.roots.offline([video], ())

    def _source(self, file: FileState) -> Video | None:
        """Return a video with this content: this very file if only its time changed, else one whose file is gone."""
        twins = filter(self._shows, self.catalog.videos.with_hash(file.content_hash))
        return min(twins, key=lambda v: (v.path != str(file.path), is_there(v.path)), default=None)


def is_there(path: str) -> bool:
    """Whether something stands under a path; what cannot be looked at does."""
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True
