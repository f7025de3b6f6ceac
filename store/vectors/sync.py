"""Catalog -> vector index: what one has and the other lacks."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from store.catalog.catalog import Catalog
from store.errors import NotInLibrary
from store.vectors.index import Ids, VectorIndex, Vectors

_CHUNK = 16_384  # vectors read and added at a time
_SAMPLE = 79_872  # vectors to learn from at most: what k-means in FAISS asks for, twice, for 1024 lists


def sync(index: VectorIndex, catalog: Catalog) -> tuple[int, int]:
    """Give an index the vectors of a catalog.

    Past its capacity the index is rebuilt; so is one of which nothing is wanted any more, and with it what it had
    learnt, which may come from another encoder. Segments that another process removes meanwhile are left out, or stay
    until the next call.

    Returns:
        How many vectors were added and removed.
    """
    wanted, before = catalog.segments.ids(), index.ids()
    kept = np.intersect1d(before, wanted, assume_unique=True)
    library_id = catalog.library_id
    if index.source != library_id:
        kept = kept[:0]  # the same ids, but of other segments, or with the vectors of another encoder
    if len(wanted) > index.capacity or (len(before) and not len(kept)):
        sample = np.random.default_rng(0).choice(wanted, min(len(wanted), _SAMPLE), replace=False)
        index.replace(_batches(catalog, wanted), count=len(wanted), sample=_read(catalog, sample)[1])
    else:
        index.remove(np.setdiff1d(before, kept, assume_unique=True))
        for ids, vectors in _batches(catalog, np.setdiff1d(wanted, kept, assume_unique=True)):
            index.add(ids, vectors)
    index.source = library_id
    return len(index) - len(kept), len(before) - len(kept)


def _batches(catalog: Catalog, ids: Ids) -> Iterator[tuple[Ids, Vectors]]:
    for first in range(0, len(ids), _CHUNK):
        held, vectors = _read(catalog, ids[first : first + _CHUNK])
        if held.size:
            yield held, vectors


def _read(catalog: Catalog, ids: Ids) -> tuple[Ids, Vectors]:
    """Return those of ``ids`` that are still held, and their embeddings."""
    while True:
        try:
            return ids, catalog.segments.embeddings(ids)
        except NotInLibrary as error:
            ids = np.setdiff1d(ids, error.ids)
