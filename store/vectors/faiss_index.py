"""FaissIndex: a vector index in one file, on FAISS.

Two constructions of one class. "flat" compares a query with every vector and is exact (`store.vectors.flat`, without
FAISS); beyond ``EXACT_LIMIT`` vectors "ivf" sorts them into lists by k-means, keeps 8 bits of every component, and
searches the nearest lists only.

The index file may be deleted, torn or old at any time: it is then an empty index, or one that lacks some vectors, and
``store.vectors.sync`` fills it from the catalog. The file is one line of JSON and then what FAISS writes; the line
carries a checksum, because a damaged file must not reach FAISS's reader, and the id of the library, because segments
of two libraries have the same ids.
"""

from __future__ import annotations

import json
import logging
import os
import threading
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from store.arrays import unit_vectors
from store.filters import Filter
from store.vectors.flat import FlatVectors
from store.vectors.index import Ids, Vectors, checked_ids

EXACT_LIMIT = 50_000  # vectors; exact search takes tens of milliseconds here, and grows with every one more
_LISTS, _LISTS_PER_ROOT = 1024, 3.2  # at least; of the square root of how many vectors there are: 2048 of 400,000
_LISTS_PROBED = 16  # of 1024: recall@10 0.987 at 0.3 ms among 100,000 vectors. With their square root of more
_GROWTH = 4  # times as many vectors as lists were made for, and they are made anew
_TRAINING_PER_LIST = 39  # what k-means in FAISS asks for at least
_RANGE_MARGIN = 0.25  # of each component's range in training: what lies outside is cut off, and its score falls short

_MOST_BITS = 2**28  # of the ids that a search is limited to: 32 MiB
_HEADER_BYTES = 4096  # at most
_ALIGNED = 64  # bytes: the payload begins at a multiple, so that mapped vectors can be multiplied where they lie

_log = logging.getLogger(__name__)


class FaissIndex:
    """A `VectorIndex` on FAISS.

    Args:
        dim: components of a vector.
        path: where ``save`` writes; None for an index in memory only.
        resolve: returns the ids that filters leave, as ``catalog.segments.ids`` does; without it ``search`` takes no
            filters.
    """

    capacity: int
    read_only = takes_filters = False
    _index: Any
    _ids: Ids  # sorted; what the index holds

    def __init__(
        self, dim: int, *, path: Path | None = None, resolve: Callable[[Iterable[Filter]], Ids] | None = None
    ) -> None:
        self.dim = dim
        self.source = ""
        self.generation = 0
        self._path, self._resolve = path, resolve
        self._lock = threading.RLock()
        self._hold(_flat(dim), np.empty(0, np.int64))

    @classmethod
    def open(cls, path: Path, dim: int, *, resolve: Callable[[Iterable[Filter]], Ids] | None = None) -> Self:
        """Return the index in the file at ``path``, or an empty one where there is no sound file of ``dim``."""
        index = cls(dim, path=path, resolve=resolve)
        try:
            index._load(_content(path))
        except FileNotFoundError:
            pass
        except (OSError, ValueError, TypeError, LookupError, RuntimeError) as error:
            _log.warning("The vector index %s cannot be used and will be made again: %s", path, error)
        return index

    @property
    def kind(self) -> Literal["flat", "ivf"]:
        """How vectors are kept: "flat" (exact) or "ivf" (approximate, small and quick)."""
        return "flat" if isinstance(self._index, FlatVectors) else "ivf"

    def __len__(self) -> int:
        return len(self._ids)

    def ids(self) -> Ids:
        """Return the ids held: int64 (N,), sorted."""
        return self._ids.copy()

    def sample(self, count: int) -> Ids:
        """Return up to ``count`` of the ids held, spread evenly over them: int64, sorted."""
        ids = self._ids
        return ids[np.linspace(0, len(ids) - 1, min(len(ids), count)).astype(int)] if len(ids) else ids.copy()

    def add(self, ids: ArrayLike, vectors: ArrayLike) -> None:
        """Store ``vectors`` (N, dim) under ``ids`` (N,); an id that is held already gets the new vector.

        Raises:
            ValueError: shapes do not fit, an id is negative or given twice, or a vector is not of unit length.
        """
        checked = unit_vectors(vectors, self.dim)
        numbers = checked_ids(ids)
        if numbers.shape != checked.shape[:1]:
            raise ValueError(f"Every vector needs one id, got {len(numbers)} ids and {len(checked)} vectors.")
        with self._lock:
            self.remove(numbers)
            if isinstance(self._index, FlatVectors):
                self._index = self._index.with_added(numbers, checked)
            else:
                self._index.add_with_ids(checked, numbers)
            self._ids = np.union1d(self._ids, numbers)

    def remove(self, ids: ArrayLike) -> int:
        """Delete ids; return how many of them were held."""
        with self._lock:
            found = np.intersect1d(self._ids, np.asarray(ids, dtype=np.int64))
            if found.size:
                if isinstance(self._index, FlatVectors):
                    self._index = self._index.without(found)
                else:
                    import faiss

                    self._index.remove_ids(faiss.IDSelectorBatch(found))
                self._ids = np.setdiff1d(self._ids, found, assume_unique=True)
            return int(found.size)

    def replace(self, batches: Iterable[tuple[Ids, Vectors]], *, count: int, sample: ArrayLike) -> None:
        """Hold the vectors in ``batches`` alone; until all are in, searches are answered as before.

        Args:
            batches: ids (N,) and unit vectors (N, dim), no id twice.
            count: how many these are, more or less: up to ``EXACT_LIMIT`` "flat", beyond it "ivf".
            sample: (N, dim) unit vectors, like those to be held, from which "ivf" learns its lists and ranges.

        Raises:
            ValueError: as in ``add``; the old content stays.
        """
        fresh = FaissIndex(self.dim)
        if count > EXACT_LIMIT:
            fresh._hold(_ivf(unit_vectors(sample, self.dim), count), fresh._ids, made_for=count)
        for ids, vectors in batches:
            fresh.add(ids, vectors)
        with self._lock:
            self._hold(fresh._index, fresh._ids, made_for=fresh._made_for)

    def search(
        self, queries: ArrayLike, k: int, *, among: Ids | tuple[Filter, ...] | None = None
    ) -> tuple[Vectors, Ids]:
        """Return the ``k`` nearest vectors of each query, best first.

        Args:
            queries: (Q, dim) unit vectors.
            k: results for each query, at least 1.
            among: the ids allowed, or the filters that leave them; None for all. As many results come back as if
                nothing else were held.

        Returns:
            Inner products float32 (Q, k) and ids int64 (Q, k). Where fewer vectors exist, -inf and -1.

        Raises:
            ValueError: shapes do not fit, a query is not of unit length, ``k`` is less than 1, or filters are given to
                an index that cannot resolve them.
        """
        checked = unit_vectors(queries, self.dim)
        if k < 1:
            raise ValueError(f"At least one result must be asked for, got k = {k}.")
        scores = np.full((len(checked), k), -np.inf, np.float32)
        ids = np.full((len(checked), k), -1, np.int64)
        if isinstance(among, tuple):
            if self._resolve is None:
                raise ValueError("This index was not told how to resolve filters; search it among ids.")
            among = self._resolve(among)
        with self._lock:
            allowed = self._ids if among is None else _held(self._ids, among)
            count = min(k, len(allowed))
            if count and len(checked):
                # IVF: allowed ids may lie in any list, and so may the last results of a large k.
                wide = among is not None
                found = self._search(checked, count, None if among is None else allowed, wide=wide)
                if not wide and (found[1] < 0).any():
                    found = self._search(checked, count, None, wide=True)
                scores[:, :count], ids[:, :count] = found
        return scores, ids

    def save(self) -> None:
        """Write the file so that, whatever happens, it is the old one or the new one. In memory: do nothing."""
        if self._path is None:
            return
        with self._lock:
            payload = self._payload()
            header = {
                "kind": self.kind,
                "dim": self.dim,
                "library_id": self.source,
                "checksum": zlib.crc32(payload),
                "generation": self.generation,
                "made_for": self._made_for,
            }
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._path.with_name(f"{self._path.name}.{os.getpid()}-{threading.get_ident()}")
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
            with os.fdopen(os.open(fresh, flags, 0o600), "wb") as file:
                line = json.dumps(header).encode()
                file.write(line + b" " * (-(len(line) + 1) % _ALIGNED) + b"\n")
                file.write(payload)
                file.flush()
                os.fsync(file.fileno())
            os.replace(fresh, self._path)
        except OSError as error:
            if error.errno is None:
                raise
            raise OSError(error.errno, error.strerror, str(self._path)) from error
        finally:
            fresh.unlink(missing_ok=True)
        if os.name == "posix":  # the new name is on disk only when its folder is; Windows cannot open folders
            folder = os.open(self._path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def close(self) -> None:
        """Release the memory. What was not saved is read from the catalog again next time."""
        with self._lock:
            self._path = None
            self._hold(_flat(self.dim), np.empty(0, np.int64))

    def _hold(self, index: Any, ids: Ids, *, made_for: int = 0) -> None:
        """Take over an index.

        Args:
            made_for: vectors that its lists were made for.
        """
        self._index = index
        self._ids = ids
        self._made_for = made_for
        self.capacity = EXACT_LIMIT if self.kind == "flat" else _GROWTH * max(made_for, EXACT_LIMIT)

    def _search(
        self, queries: NDArray[np.float32], k: int, allowed: NDArray[np.int64] | None, *, wide: bool
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        if isinstance(self._index, FlatVectors):
            return self._index.search(queries, k, allowed)
        import faiss

        options: dict[str, Any] = {} if allowed is None else {"sel": _selector(allowed)}
        lists = self._index.nlist
        options["nprobe"] = lists if wide else round(_LISTS_PROBED * max(1.0, lists / _LISTS) ** 0.5)
        params = faiss.SearchParametersIVF(**options)
        scores, ids = self._index.search(queries, k, params=params)
        return scores, ids

    def _payload(self) -> Any:
        if isinstance(self._index, FlatVectors):
            return self._index.write()
        import faiss

        return faiss.serialize_index(self._index).data

    def _load(self, content: NDArray[np.uint8]) -> None:
        header = content[:_HEADER_BYTES].tobytes().partition(b"\n")[0]
        described, payload = json.loads(header), content[len(header) + 1 :]
        if zlib.crc32(payload.data) != described["checksum"]:
            raise ValueError("its checksum does not fit its content")
        if described["dim"] != self.dim:
            raise ValueError(f"it holds vectors of {described['dim']} components, not of {self.dim}")
        if described["kind"] == "flat":
            flat = FlatVectors.read(payload, self.dim)
            self._hold(flat, flat.ids)
        else:
            import faiss

            index = faiss.deserialize_index(payload)
            self._hold(index, np.sort(_ids_in(index)), made_for=int(described.get("made_for", 0)))
        self.source, self.generation = described["library_id"], int(described.get("generation", 0))


def _content(path: Path) -> NDArray[np.uint8]:
    """The bytes of a file, mapped into memory where an open file can be replaced (not on Windows)."""
    return np.memmap(path, np.uint8, "r") if os.name == "posix" else np.fromfile(path, np.uint8)


def _flat(dim: int) -> FlatVectors:
    return FlatVectors(np.empty(0, np.int64), np.empty((0, dim), np.float32))


def _held(held: Ids, among: ArrayLike) -> Ids:
    """Return those of ``among`` that are held, sorted, of which sorted ones cost no sorting."""
    numbers = np.asarray(among, np.int64)
    if (numbers[1:] <= numbers[:-1]).any():
        numbers = np.unique(numbers)
    places = np.searchsorted(held, numbers)
    return numbers[held[np.minimum(places, len(held) - 1)] == numbers] if len(held) else held


def _selector(allowed: Ids) -> Any:
    """What tells FAISS which ids, sorted, may be found: a bit for every id where that is not too many."""
    import faiss

    if allowed[-1] > _MOST_BITS:
        return faiss.IDSelectorBatch(allowed)
    among = np.zeros(int(allowed[-1]) + 1, bool)
    among[allowed] = True
    selector: Any = faiss.IDSelectorBitmap  # holds the array that it is given
    return selector(np.packbits(among, bitorder="little"))


def _ivf(training: NDArray[np.float32], count: int) -> Any:
    """An empty index with lists for so many vectors."""
    import faiss

    wanted = max(_LISTS, round(_LISTS_PER_ROOT * count**0.5))
    lists = max(1, min(wanted, len(training) // _TRAINING_PER_LIST))
    index: Any = faiss.index_factory(training.shape[1], f"IVF{lists},SQ8", faiss.METRIC_INNER_PRODUCT)
    index.sq.rangestat_arg = _RANGE_MARGIN
    index.train(training)
    return index


def _ids_in(index: Any) -> NDArray[np.int64]:
    """Return the ids that inverted lists hold, in no order."""
    import faiss

    lists = index.invlists
    sizes = [lists.list_size(number) for number in range(index.nlist)]
    found = [faiss.rev_swig_ptr(lists.get_ids(number), size).copy() for number, size in enumerate(sizes) if size]
    return np.concatenate(found) if found else np.empty(0, np.int64)
