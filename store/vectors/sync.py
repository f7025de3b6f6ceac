"""Catalog -> vector index: what one has and the other lacks."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import numpy as np

from store.catalog.catalog import Catalog
from store.errors import NotInLibrary
from store.vectors.index import Ids, VectorIndex, Vectors

_log = logging.getLogger(__name__)

_CHUNK = 16_384  # vectors read and added at a time
_SAMPLE = 79_872  # vectors to learn from at most: what k-means in FAISS asks for, twice, for 1024 lists


def sync(index: VectorIndex, catalog: Catalog) -> tuple[int, int]:
    """Give an index the vectors of a catalog.

    Past its capacity the index is rebuilt; so is one of which nothing is wanted any more, and with it what it had
    learnt, which may come from another encoder. Segments that another process removes meanwhile are left out, or stay
    until the next call.

    Returns:
        How many vectors were added and removed; one that changed counts as both.
    """
    generation = catalog.database.generation  # before anything is read: what changes meanwhile comes with the next call
    target, before = catalog.segments.ids(), index.ids()
    common = np.intersect1d(before, target, assume_unique=True)
    library_id = catalog.library_id
    if index.source == library_id and index.generation > generation:
        _log.warning(
            "the library lost what was committed last: its vector file is newer (%d) than the catalog (%d). Was its "
            "write-ahead log (catalog.sqlite-wal) deleted? Index the folders again.",
            index.generation,
            generation,
        )
    if index.source != library_id:
        common = common[:0]  # the same ids, but of other segments, or with the vectors of another encoder
    common = np.setdiff1d(common, catalog.segments.revised(since=index.generation), assume_unique=True)
    if len(target) > index.capacity or (len(before) and not len(common)):
        sample = np.random.default_rng(0).choice(target, min(len(target), _SAMPLE), replace=False)
        index.replace(_batches(catalog, target), count=len(target), sample=_read(catalog, sample)[1])
    else:
        index.remove(np.setdiff1d(before, common, assume_unique=True))
        for ids, vectors in _batches(catalog, np.setdiff1d(target, common, assume_unique=True)):
            index.add(ids, vectors)
    index.source, index.generation = library_id, generation
    return len(index) - len(common), len(before) - len(common)


def _batches(catalog: Catalog, ids: Ids) -> Iterator[tuple[Ids, Vectors]]:
    for first in range(0, len(ids), _CHUNK):
        found, vectors = _read(catalog, ids[first : first + _CHUNK])
        if found.size:
            yield found, vectors


def _read(catalog: Catalog, ids: Ids) -> tuple[Ids, Vectors]:
    """Return those of ``ids`` that are still held, and their embeddings."""
    while True:
        try:
            return ids, catalog.segments.embeddings(ids)
        except NotInLibrary as error:
            ids = np.setdiff1d(ids, error.ids)
