"""VectorIndex: which vectors are nearest to a query. The contract of every vector store."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from store.filters import Filter

Ids = NDArray[np.int64]  # (N,)
Vectors = NDArray[np.float32]  # (N, D)


class VectorIndex(Protocol):
    """Inner products of unit vectors by id (distinct, >= 0), else ValueError. Thread-safe.

    A cache: ``store.vectors.sync`` restores all of it from the catalog.

    Attributes:
        dim: D, components of a vector.
        generation: of the catalog when it was last brought up to date with it.
        source: ``library_id`` of the catalog whose vectors these are, "" if none.
    """

    dim: int
    generation: int
    source: str

    @property
    def capacity(self) -> int:
        """Vectors past which ``sync`` calls ``replace``, so that the index can choose another construction."""

    @property
    def read_only(self) -> bool:
        """Whether only others may write to it."""

    @property
    def takes_filters(self) -> bool:
        """Whether it translates filters itself; to others it is quicker to give the ids that they leave, found once."""

    def __len__(self) -> int:
        """Return how many vectors are held."""

    def ids(self) -> Ids:
        """Return the ids held, sorted."""

    def sample(self, count: int) -> Ids:
        """Return up to ``count`` of the ids held, spread evenly over them, sorted."""

    def add(self, ids: Ids, vectors: Vectors) -> None:
        """Store vectors; an id already held gets the new one.

        Raises:
            ValueError: shapes do not fit, an id is negative or given twice, or a vector is not of unit length.
        """

    def remove(self, ids: Ids) -> int:
        """Delete ids; return how many were held."""

    def replace(self, batches: Iterable[tuple[Ids, Vectors]], *, count: int, sample: Vectors) -> None:
        """Rebuild from about ``count`` vectors; searches see the old content until the last batch is in.

        Args:
            batches: ids (N,) and unit vectors (N, D), no id twice.
            count: how many these are, more or less, by which a construction is chosen.
            sample: (S, D), like those in the batches; what has to be learnt is learnt from them.

        Raises:
            ValueError: as in ``add``; the old content stays.
        """

    def search(self, queries: Vectors, k: int, *, among: Ids | tuple[Filter, ...] | None = None) -> tuple[Vectors, Ids]:
        """Return the ``k`` nearest vectors of each query.

        Args:
            queries: (Q, D) unit vectors.
            k: results for each query.
            among: limits the search, not its result: as many come back as if nothing else were held. Ids; or filters,
                which a server translates and a local index resolves by ``catalog.segments.ids``, given to it.

        Returns:
            Scores float32 and ids int64, both (Q, k), best first, padded with -inf and -1.

        Raises:
            ValueError: shapes do not fit, a query is not of unit length, or ``k`` is less than 1.
        """

    def save(self) -> None:
        """Write durably and atomically."""

    def close(self) -> None:
        """Release everything; what was not saved may be lost."""


def checked_ids(ids: ArrayLike) -> Ids:
    """Return ids as an index takes them: int64 (N,).

    Raises:
        ValueError: one is negative, or given twice.
    """
    numbers = np.ascontiguousarray(ids, dtype=np.int64)
    if numbers.ndim != 1 or (numbers < 0).any() or len(np.unique(numbers)) < len(numbers):
        raise ValueError(f"Ids must be one row of distinct numbers from 0 on, got {numbers}.")
    return numbers
