"""Engine: the catalog, vector index and encoder of an open library, shared by threads that search and index."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import platformdirs

from store.catalog.address import is_url, local_name, parameter
from store.catalog.catalog import Catalog
from store.errors import LibraryError, NotInLibrary
from store.types import EncoderInfo

if TYPE_CHECKING:  # these bring torch and FAISS with them
    from indexer.features.clip import Clip
    from model.encoder.contract import Encoder
    from search.engine.searcher import Searcher
    from search.query.request import SearchRequest, SimilarRequest
    from search.ranking.moments import Moment
    from store.vectors.index import VectorIndex

CATALOG_FILE, INDEX_FILE = "catalog.sqlite", "vectors.faiss"

Answer = TypeVar("Answer")

_log = logging.getLogger(__name__)
_YIELD_SECONDS = 0.5  # longest pause of indexing for searches
_CLOSE_SECONDS = 10.0  # longest wait of `close` for a refresh
_AT_ONCE = 10_000  # vectors that a search brings into the index before it is answered: 0.2 s


def local_folder(address: str | Path) -> Path:
    """Return the folder of a library, or, of one on a server, of what this machine keeps: vectors and previews."""
    if not is_url(address):
        return Path(address)
    return Path(platformdirs.user_cache_dir("videobert")) / "libraries" / local_name(str(address))


class NoModel(ValueError):  # noqa: N818 - the name says the state found
    """The model of the library cannot be loaded."""


class Engine:
    """Owns catalog, vector index and encoder of a library; any thread may call anything.

    The encoder and the index are loaded when first needed. Every search covers all segments committed by this or
    another process, except while the index is refreshed by another thread: of a job, or one that is started where a
    search would wait long. Such a search uses the previous snapshot.

    Args:
        address: a folder, created if missing, or the URL of a PostgreSQL database.
        encoder: to search and index with; loaded from `model` by default.
        model: name or folder of the encoder; by default that of the library, or the bundled model for a new library.

    Attributes:
        catalog: of the library; read-only for vectors, see `writable_catalog`.
        name: by which people know the library, without a password.
        folder: of the library, or of what this machine keeps of one on a server.
    """

    def __init__(self, address: str | Path, *, encoder: Encoder | None = None, model: str | Path | None = None) -> None:
        self._address = address if is_url(address) else Path(address) / CATALOG_FILE
        self.folder = local_folder(address)
        self._vectors = parameter(str(address), "vectors") if is_url(address) else ""
        if self._vectors not in ("", "pgvector"):
            raise LibraryError(f"vectors= takes pgvector, got {self._vectors!r}")
        self.catalog = Catalog.open(self._address)
        self.name = self.catalog.database.name if is_url(address) else str(address)
        if is_url(address):
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._model, self._encoder = model, encoder
        self._index: VectorIndex | None = None
        self._searcher: Searcher | None = None
        self._seen: tuple[int, int] | None = None  # data version of the searcher's snapshot
        self._refreshing = threading.RLock()
        self._changed_at = 0  # the generation in which segments changed last, as the searcher has them
        self._stale = self._unsaved = False  # the searcher lacks what the index has; so does the file
        self._refresher: threading.Thread | None = None
        self._searches = 0
        self._quiet = threading.Condition()

    @property
    def encoder(self) -> Encoder:
        """The loaded model.

        Raises:
            OSError, ValueError: it is not on this machine, or is damaged.
        """
        encoder = self._encoder
        if encoder is None:
            with self._refreshing:
                if self._encoder is None:
                    self._encoder = self._load_encoder()
                encoder = self._encoder
        return encoder

    @property
    def index(self) -> VectorIndex:
        """The vector index in its current state; `searcher` and `refresh` update it."""
        with self._refreshing:
            if self._index is None:
                known = self.catalog.encoder()
                self._index = self._opened_index(known.dim if known else self.encoder.dim)
            return self._index

    def _opened_index(self, dim: int) -> VectorIndex:
        if self._vectors == "pgvector":
            from store.catalog.postgres import PostgresDatabase
            from store.vectors.pgvector_index import PgvectorIndex

            assert isinstance(self.catalog.database, PostgresDatabase)
            return PgvectorIndex(self.catalog.database, dim)
        from store.vectors.faiss_index import FaissIndex

        return FaissIndex.open(self.folder / INDEX_FILE, dim, resolve=self.catalog.segments.ids)

    def open_catalog(self) -> Catalog:
        """Return the catalog over connections of its own."""
        return Catalog.open(self._address)

    @property
    def loaded(self) -> bool:
        """Whether the encoder and index are loaded, so that a search runs without delay."""
        return self._searcher is not None

    @property
    def searchable(self) -> int:
        """How many segments searches find, 0 before the first."""
        searcher = self._searcher
        return 0 if searcher is None else len(searcher.index)

    def data_version(self) -> tuple[int, int]:
        """Return a pair of numbers that differs after every change of the library."""
        return self.catalog.stamp()

    def check_there(self) -> None:
        """Raise LibraryGone if the library was deleted or replaced since it was opened."""
        self.catalog.database.check_there()

    def writable_catalog(self) -> Catalog:
        """Return the catalog that takes vectors of the encoder.

        Raises:
            EncoderMismatch: it holds vectors of another encoder.
        """
        return self.catalog.with_encoder(EncoderInfo(self.encoder.fingerprint, self.encoder.dim))

    def searcher(self) -> Searcher:
        """Return a snapshot of committed data, without waiting for another thread's refresh.

        Raises:
            EncoderMismatch: the library was made with other weights than its model has now.
            NoModel: the model is not on this machine, or is damaged.
        """
        searcher = self._searcher
        if searcher is not None and self.data_version() == self._seen:
            return searcher
        if not self._refreshing.acquire(blocking=searcher is None):
            assert searcher is not None
            return searcher
        try:
            if searcher is not None and self._takes_long():
                self._refresh_in_background()
                return searcher
            return self._refreshed()
        finally:
            self._refreshing.release()

    def run(self, question: Callable[[Searcher], Answer]) -> Answer:
        """Run a function on a snapshot, and again if a segment it found was removed in the meantime.

        Raises:
            NotInLibrary: the function refers to an unknown segment.
        """
        with self._quiet:
            self._searches += 1
        try:
            before = self.data_version()
            try:
                return question(self.searcher())
            except NotInLibrary:
                if self.data_version() == before:
                    raise
                return question(self.searcher())
        finally:
            with self._quiet:
                self._searches -= 1
                self._quiet.notify_all()

    def search(self, request: SearchRequest, *, clips: Sequence[Clip] = ()) -> list[Moment]:
        """Return the moments for a request, best first; see `Searcher.search`."""
        return self.run(lambda searcher: searcher.search(request, clips=clips))

    def similar(self, request: SimilarRequest, *, clip: Clip | None = None) -> list[Moment]:
        """Return the moments similar to a clip, best first; see `Searcher.similar`."""
        return self.run(lambda searcher: searcher.similar(request, clip=clip))

    def refresh(self, *, save: bool = False) -> None:
        """Add newly indexed vectors to the index, and write it to disk if `save`."""
        with self._refreshing:
            if self._index is not None or self.catalog.encoder() is not None:
                self._sync()
            if save:
                self._save()

    def use_model(self, model: str | Path) -> None:
        """Load the model that the library is about to move to."""
        from model.encoder.load import load

        with self._refreshing:
            self._model, self._encoder, self._searcher = model, load(model), None

    def rebuild_index(self) -> None:
        """Rebuild the index after every vector has changed, and write it to disk."""
        with self._refreshing:
            self._forget_index()
            (self.folder / INDEX_FILE).unlink(missing_ok=True)
            self.refresh(save=True)

    def warm_up(self) -> threading.Thread:
        """Load the model in the background, so that the first search does not wait for it."""

        def load() -> None:
            try:
                self.searcher().encoder.embed_text(["warm"])
                if self._takes_long():  # past its capacity the index answers, but slowly
                    self._refresh_in_background()
            except Exception as error:  # the next search reports it
                _log.warning("searches cannot be answered yet: %s", error)

        thread = threading.Thread(target=load, name="warm-up", daemon=True)
        thread.start()
        return thread

    def yield_to_searches(self) -> None:
        """Pause for up to 0.5 s while searches run; indexing calls this between videos."""
        with self._quiet:
            self._quiet.wait_for(lambda: not self._searches, _YIELD_SECONDS)

    def close(self) -> None:
        """Write the index to disk and close the catalog; committed data is safe without it."""
        if self._refreshing.acquire(timeout=_CLOSE_SECONDS):
            try:
                self._save()
                self._forget_index()
            finally:
                self._refreshing.release()
        self.catalog.close()

    def _takes_long(self) -> bool:
        """Whether bringing the index up to date takes longer than a search may."""
        if self._index is None:
            return False
        count = self.catalog.segments.count()
        return count > self._index.capacity or abs(count - len(self._index)) > _AT_ONCE

    def _refresh_in_background(self) -> None:
        def refresh() -> None:
            try:
                with self._refreshing:
                    self._sync()
                    self._seen = None
                    self._refreshed()
                    self._save()
            except Exception as error:  # the next search tries again
                _log.warning("the vector index is not up to date: %s", error)

        if self._refresher is None or not self._refresher.is_alive():
            self._refresher = threading.Thread(target=refresh, name="refresh", daemon=True)
            self._refresher.start()

    def _load_encoder(self) -> Encoder:
        from model.encoder.load import load

        known = self.catalog.encoder()
        chosen = self._model or (known.model if known else "")
        return load(chosen) if chosen else load()

    def _refreshed(self) -> Searcher:
        from search.engine.searcher import Searcher

        version = self.data_version()
        try:
            encoder = self.encoder
        except (OSError, ValueError) as error:
            raise NoModel(str(error)) from error
        if self._searcher is not None and version == self._seen:
            return self._searcher
        known = self.catalog.encoder()
        if self._searcher is not None and known is not None and known.fingerprint != encoder.fingerprint:
            # `videobert reindex` moved the library to another model.
            self._forget_index()
            self._encoder = None
            encoder = self.encoder
        if self._searcher is None:
            self.writable_catalog()
            version = self.data_version()
        self._sync(rebuild=not len(self.index))
        if self._stale or self._searcher is None:  # its calibration depends on the whole library
            self._searcher, self._stale = Searcher(self.catalog, self.index, encoder), False
        self._seen = version
        return self._searcher

    def _sync(self, *, rebuild: bool = True) -> None:
        from store.vectors.sync import sync

        known = self.catalog.encoder()
        if self._index is not None and known is not None and known.dim != self._index.dim:
            self._forget_index()
        changed_at = self.catalog.segments.changed_at()  # before the index is: it may follow the catalog by itself
        capacity = self.index.capacity
        if any(sync(self.index, self.catalog, rebuild=rebuild)) or self.index.capacity != capacity:
            self._stale = self._unsaved = True
        self._stale |= changed_at != self._changed_at
        self._changed_at = changed_at

    def _forget_index(self) -> None:
        """Let go of an index of another encoder; it closes when the last search that uses it ends."""
        self._index, self._searcher = None, None

    def _save(self) -> None:
        if self._unsaved and not self.catalog.database.read_only:
            try:
                self.index.save()
            except OSError as error:  # the index is only a cache of the catalog
                _log.warning("the vector index cannot be written: %s", error)
            self._unsaved = False
