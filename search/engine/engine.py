"""A library that is searched and filled at the same time, by many threads."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TypeVar

from search.engine.searcher import SearchEngine
from search.library import Library
from store.errors import NotInLibrary
from store.vectors.sync import sync

Answer = TypeVar("Answer")

_log = logging.getLogger(__name__)
_MAKE_WAY_SECONDS = 0.5  # that indexing waits for searches, at a time


class NoModel(Exception):  # noqa: N818 - the name says the state found
    """The model of the library cannot be loaded."""


class Live:
    """The search over a library as it is at the moment.

    The model is loaded once. What was indexed, by this process or another one, is found by the next search. A search
    that comes while another one brings the vectors up to date does not wait for it.
    """

    def __init__(self, library: Library) -> None:
        self.library = library
        self._engine: SearchEngine | None = None
        self._seen: tuple[int, int] | None = None  # the stamp of the catalog that the engine knows
        self._refreshing = threading.RLock()
        self._unsaved = False
        self._searches = 0
        self._quiet = threading.Condition()

    def warm_up(self) -> threading.Thread:
        """Load the model in the background, so that the first search does not wait for it."""

        def load() -> None:
            try:
                self.engine().encoder.embed_text(["warm"])
            except Exception as error:  # whoever searches is told
                _log.warning("searches cannot be answered yet: %s", error)

        thread = threading.Thread(target=load, name="warm-up", daemon=True)
        thread.start()
        return thread

    @property
    def loaded(self) -> bool:
        """Whether a search would be answered at once."""
        return self._engine is not None

    def stamp(self) -> tuple[int, int]:
        """What changes whenever the library does."""
        return self.library.catalog.stamp()

    def engine(self) -> SearchEngine:
        """The search over what the library holds.

        Raises:
            EncoderMismatch: the library was made by other weights than those that its model has now.
            NoModel: the model is not on this machine, or is damaged.
        """
        engine = self._engine
        if engine is not None and self.stamp() == self._seen:
            return engine
        if not self._refreshing.acquire(blocking=engine is None):
            assert engine is not None
            return engine
        try:
            return self._refreshed()
        finally:
            self._refreshing.release()

    def refresh(self, *, save: bool = False) -> None:
        """Make what was indexed known now, and keep the vector index as a file if told to."""
        with self._refreshing:
            self._refreshed()
            if save and self._unsaved:
                self.library.vectors.save()
                self._unsaved = False

    def ask(self, question: Callable[[SearchEngine], Answer]) -> Answer:
        """Put a question to the engine; once more where what it found was removed meanwhile.

        Raises:
            NotInLibrary: the question names what the library does not hold.
        """
        with self._quiet:
            self._searches += 1
        try:
            before = self.stamp()
            try:
                return question(self.engine())
            except NotInLibrary:
                if self.stamp() == before:
                    raise
                return question(self.engine())
        finally:
            with self._quiet:
                self._searches -= 1
                self._quiet.notify_all()

    def make_way(self) -> None:
        """Wait, but not for long, until no search is running: indexing calls this between its pieces of work."""
        with self._quiet:
            self._quiet.wait_for(lambda: not self._searches, _MAKE_WAY_SECONDS)

    def close(self) -> None:
        """Keep the vector index and close the library."""
        if self._refreshing.acquire(timeout=10):
            try:
                if self._unsaved:
                    self.library.vectors.save()
            finally:
                self._refreshing.release()
        self.library.close()

    def _refreshed(self) -> SearchEngine:
        library, seen = self.library, self.stamp()
        try:
            library.encoder  # noqa: B018 - loaded when first needed
        except (OSError, ValueError) as error:
            raise NoModel(str(error)) from error
        if self._engine is not None and seen == self._seen:
            return self._engine
        held = library.catalog.encoder()
        if self._engine is not None and held is not None and held.fingerprint != library.encoder.fingerprint:
            for name in ("encoder", "vectors"):  # `videobert reindex` moved the library to another model
                library.__dict__.pop(name, None)
            self._engine = None
        if self._engine is None:
            library.catalog_of_encoder()
            seen = self.stamp()
        changed = any(sync(library.vectors, library.catalog))
        if changed or self._engine is None:
            self._engine = SearchEngine(library.catalog, library.vectors, library.encoder)
        self._unsaved |= changed
        self._seen = seen
        return self._engine
