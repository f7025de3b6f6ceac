"""Watch: keep a library up to date with folders, as files are added, changed, renamed, deleted or get subtitles.

A file is indexed once it has settled: its size and modification time are unchanged for some seconds. A missing file is
removed after the same time, so that a renamed one keeps its rows. A file that failed because it was incomplete is tried
again when it changes.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from indexer.discovery import discover, looks_like_video
from indexer.media.ignore import IGNORE_FILE, is_ignored, is_live_photo, is_proxy
from indexer.pipeline import IndexOptions, Report
from indexer.text.sidecars import SUBTITLE_SUFFIXES
from store.types import FileStamp

if TYPE_CHECKING:
    from search.library import Library

SETTLE_SECONDS = 2.0
_TICK_MILLISECONDS = 500  # interval of checks of growing files

_State = FileStamp | None  # None: gone


@dataclass(frozen=True)
class Update:
    """The result of one round."""

    report: Report
    forgotten: int = 0  # videos whose files are gone
    offline: Sequence[str] = ()  # messages about folders that disappeared or reappeared


class Watch:
    """Keeps a library up to date with folders that are already indexed.

    Args:
        library: to update.
        folders: watched recursively.
        options: of indexing.
        settle_seconds: time without a change before a file is indexed.
        clock: monotonic, in seconds.

    Raises:
        ValueError: `folders` is empty, or a path is not a folder.
    """

    def __init__(
        self,
        library: Library,
        folders: Sequence[str | Path],
        *,
        options: IndexOptions | None = None,
        settle_seconds: float = SETTLE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.folders = [Path(os.path.abspath(os.path.expanduser(folder))) for folder in folders]
        if not self.folders:
            raise ValueError("a watch needs at least one folder, got none")
        for folder in self.folders:
            if not folder.is_dir():
                raise ValueError(f"{folder} is not a folder")
        self._library, self._options = library, options or IndexOptions()
        self._settle_seconds, self._clock = settle_seconds, clock
        self._places = {folder: _place(folder) for folder in self.folders}
        self._away: dict[Path, bool] = {}
        self._unsettled: dict[Path, tuple[_State, float]] = {}  # last state of a path, and the time of its last change

    def follow(self, changes: Iterable[Iterable[Path]]) -> Iterator[Update]:
        """Update the library until the changes end.

        Args:
            changes: sets of changed paths below the folders, as the function `changes` yields them; an empty set lets
                time pass.

        Yields:
            The result of each round that did something.

        Raises:
            StoreError: the library is gone.
            EncoderMismatch: the library was made with another encoder.
        """
        for changed in changes:
            self._library.engine.check_there()
            messages = self._away_now()
            if messages:
                yield Update(Report(), offline=messages)
            self._notice(path for one in changed for path in self._concerned(one))
            settled = self._settled()
            self._notice(file for path in settled for file in _files_below(path) if file not in settled)
            if settled and (update := self._update(settled)):
                yield update

    def _notice(self, paths: Iterable[Path]) -> None:
        now = self._clock()
        for path in paths:
            self._unsettled[path] = (_state(path), now)

    def _concerned(self, path: Path) -> list[Path]:
        """The videos and folders that have to be looked at when something happened at a path."""
        if path.name == IGNORE_FILE and not self._hidden(path.parent):
            return _files_below(path.parent)
        if self._hidden(path):
            return []
        if path.suffix.lower() in SUBTITLE_SUFFIXES:
            places = {path.parent, *path.parents[1:3]}  # it may lie in a folder of subtitles, by video
            return [file for place in places if not self._hidden(place) for file in _videos_in(place)]
        return [path, *_files_below(path)]

    def _hidden(self, path: Path) -> bool:
        """Whether a path is passed over: in each of the folders that hold it, it or a folder on the way is hidden."""
        return all(is_ignored(path, folder) for folder in self.folders if path.is_relative_to(folder))

    def _settled(self) -> list[Path]:
        """The paths that have stood still for long enough; they are not looked at again until they change."""
        now = self._clock()
        for path, (state, _) in list(self._unsettled.items()):
            seen = _state(path)
            if seen != state:
                self._unsettled[path] = (seen, now)
        settled = [path for path, (_, since) in self._unsettled.items() if now - since >= self._settle_seconds]
        for path in settled:
            del self._unsettled[path]
        return settled

    def _update(self, settled: Sequence[Path]) -> Update | None:
        """Index first and forget then: a file under a new name takes over the rows of the old one."""
        there = [path for path in settled if _is_video(path)]
        report = self._library.index(there, options=self._options) if there else Report()
        forgotten = self._forget([path for path in settled if not os.path.lexists(path)])
        did = report.indexed or report.relocated or report.resubtitled or report.failed or report.problems
        words = report.recognized or report.unrecognized
        return Update(report, forgotten) if did or words or forgotten else None

    def _forget(self, gone: Sequence[Path]) -> int:
        """Forget what was deleted; what is only out of reach stays."""
        catalog = self._library.catalog
        videos = {video.path: video for path in gone for video in catalog.videos.all(str(path))}
        missing = [video for video in videos.values() if not os.path.lexists(video.path)]
        there = (video for folder in self.folders for video in catalog.videos.all(str(folder)))
        same = {str(folder) for folder in self.folders if not self._is_away(folder)}  # empty or not
        offline = catalog.roots.offline(missing, there, map(str, self.folders), known=same)
        return self._library.remove([video.path for video in missing if video.path not in offline]) if missing else 0

    def _is_away(self, folder: Path) -> bool:
        """Whether a folder is not there, or another one is in its place, empty as where a drive is not mounted."""
        place = _place(folder)
        if place is None or (place != self._places[folder] and _is_empty(folder)):
            return True
        self._places[folder] = place
        return False

    def _away_now(self) -> list[str]:
        """Sentences on folders that have gone away, or come back, since they were looked at."""
        away = {folder: self._is_away(folder) for folder in self.folders}
        messages = [
            f"{folder} is {'not there or empty; its videos stay' if now else 'there again'}"
            for folder, now in away.items()
            if now != self._away.get(folder, False)
        ]
        self._away = away
        return messages


def changes(
    folders: Sequence[Path], *, poll: bool = False, stopped: Callable[[], bool] = lambda: False
) -> Iterator[set[Path]]:
    """What happens below folders, as the system tells; an empty set whenever nothing did for half a second.

    Args:
        poll: look again and again instead, for network drives whose servers tell nothing.
        stopped: ends it when true.

    Raises:
        OSError: the system cannot watch so many folders.
        KeyboardInterrupt: passed on.
    """
    while not stopped():
        found = {folder: _place(folder) for folder in folders}
        present = [folder for folder, place in found.items() if place is not None]
        if not present:
            time.sleep(_TICK_MILLISECONDS / 1000)
            yield set()
            continue
        for paths in _told(present, poll=poll):
            if stopped():
                return
            yield paths
            if any(_place(folder) != place for folder, place in found.items()):
                break  # a drive came or went: what was watched is not what stands there now
        yield {folder for folder in folders if _place(folder) is not None}


def _told(folders: Sequence[Path], *, poll: bool) -> Iterator[set[Path]]:
    """What happens below folders that are there."""
    from watchfiles import Change, watch

    real = {folder.resolve(): folder for folder in folders}  # some systems tell of the real path only
    events = watch(
        *real,
        watch_filter=None,
        debounce=_TICK_MILLISECONDS,
        rust_timeout=_TICK_MILLISECONDS,
        yield_on_timeout=True,
        force_polling=True if poll else None,
        poll_delay_ms=_TICK_MILLISECONDS,
        ignore_permission_denied=True,
    )
    for found in events:
        paths = {Path(path) for kind, path in found if kind != Change.modified or not os.path.isdir(path)}
        yield {
            folder / path.relative_to(at) for at, folder in real.items() for path in paths if path.is_relative_to(at)
        }


def _place(folder: Path) -> tuple[int, int] | None:
    """Device and inode of a folder, None where it is not there."""
    with suppress(OSError):
        state = folder.stat()
        return state.st_dev, state.st_ino
    return None


def _is_empty(folder: Path) -> bool:
    try:
        with os.scandir(folder) as entries:
            return not any(True for _ in entries)
    except OSError:
        return True


def _state(path: Path) -> _State:
    with suppress(OSError):
        return FileStamp.of(path.stat())
    return None


def _is_video(path: Path) -> bool:
    with suppress(OSError):
        return path.is_file() and looks_like_video(path) and not (is_proxy(path) or is_live_photo(path))
    return False


def _videos_in(folder: Path) -> list[Path]:
    with suppress(OSError):
        return [path for path in folder.iterdir() if _is_video(path) and not path.name.startswith(".")]
    return []


def _files_below(path: Path) -> list[Path]:
    return discover([path]).files if path.is_dir() else []
