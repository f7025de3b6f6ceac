"""Completion: a library of an older version gets, while it is served, what its searches would compute each time."""

from __future__ import annotations

import logging
import threading

from search.engine.engine import Engine
from store.types import Video

_END_SECONDS = 5.0  # grace period at shutdown

_log = logging.getLogger(__name__)


class _Ended(Exception):  # noqa: N818 - not an error
    pass


class Completion:
    """A thread that completes the videos of a library, and yields to searches; what it did stays when it is stopped.

    Args:
        engine: of the library.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine, self._closing = engine, threading.Event()
        self._thread = threading.Thread(target=self._run, name="completion", daemon=True)

    def start(self) -> None:
        """Begin, in the background."""
        self._thread.start()

    def close(self) -> None:
        """Stop after the video at hand, and wait for that, at most 5 s."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join(_END_SECONDS)

    def _run(self) -> None:
        from indexer.completion import complete_videos

        try:
            if self._engine.catalog.database.read_only or self._engine.catalog.encoder() is None:
                return
            encoder = self._engine.searcher().encoder
            with self._engine.open_catalog() as catalog:
                done = complete_videos(catalog, encoder, tell=self._yield)
        except _Ended:
            return
        except Exception as error:  # searches compute what is missing
            if not self._closing.is_set():
                _log.warning("the library is not brought up to date: %s; `videobert reindex` does that", error)
            return
        if done:
            _log.info("%d videos of an older version are complete now", done)

    def _yield(self, video: Video, done: int, todo: int) -> None:
        if self._closing.is_set():
            raise _Ended
        self._engine.yield_to_searches()
