"""FlatVectors: a query is compared with every vector, by NumPy.

Up to tens of thousands of vectors that takes as long as in FAISS, whose import would take longer than the search.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from store.vectors.index import Ids, Vectors

_ID, _COMPONENT = np.dtype("<i8"), np.dtype("<f4")


class FlatVectors:
    """Unit vectors by id, in order of their ids; never changed in place, so that a search may go on beside a change.

    Attributes:
        ids: int64 (N,), sorted.
        vectors: float32 (N, D).
    """

    def __init__(self, ids: Ids, vectors: Vectors) -> None:
        self.ids, self.vectors = ids, vectors

    @classmethod
    def read(cls, content: NDArray[np.uint8], dim: int) -> FlatVectors:
        """Take what ``write`` gave, without copying it.

        Raises:
            ValueError: its length does not fit vectors of ``dim`` components.
        """
        row = _ID.itemsize + dim * _COMPONENT.itemsize
        if len(content) % row:
            raise ValueError(f"{len(content)} bytes are no vectors of {dim} components")
        count = len(content) // row
        ids, vectors = content[: count * _ID.itemsize], content[count * _ID.itemsize :]
        return cls(ids.view(_ID), vectors.view(_COMPONENT).reshape(count, dim))

    def write(self) -> bytes:
        """Return ids and vectors as bytes, little-endian on every machine."""
        return self.ids.astype(_ID).tobytes() + self.vectors.astype(_COMPONENT).tobytes()

    def with_added(self, ids: Ids, vectors: Vectors) -> FlatVectors:
        """Return these vectors and others, under ids that are not held yet."""
        every = np.concatenate([self.ids, ids])
        order = np.argsort(every)
        return FlatVectors(every[order], np.concatenate([self.vectors, vectors])[order])

    def without(self, ids: Ids) -> FlatVectors:
        """Return these vectors less some."""
        remaining = ~np.isin(self.ids, ids)
        return FlatVectors(self.ids[remaining], self.vectors[remaining])

    def search(self, queries: Vectors, k: int, allowed: Ids | None) -> tuple[Vectors, Ids]:
        """Return the ``k`` best scores and ids of each query, both (Q, k), best first.

        Args:
            k: at most as many as there are, or are allowed.
            allowed: ids that are held; None for all.
        """
        ids, vectors = self.ids, self.vectors
        if allowed is not None:
            ids, vectors = allowed, vectors[np.searchsorted(ids, allowed)]
        scores = queries @ vectors.T
        best = np.argpartition(-scores, k - 1, axis=1)[:, :k] if k < len(ids) else np.argsort(-scores, axis=1)
        found = np.take_along_axis(scores, best, axis=1)
        order = np.lexsort((ids[best], -found), axis=1)
        return np.take_along_axis(found, order, axis=1), ids[np.take_along_axis(best, order, axis=1)]
