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


def sync(index: VectorIndex, catalog: Catalog, *, rebuild: bool = True) -> tuple[int, int]:
    """Give an index the vectors of a catalog: those that changed, by the log of the catalog, since the last call; where
    the log does not reach back so far, those that a comparison of all ids finds.

    Past its capacity the index is rebuilt; so is one of which nothing is wanted any more, and with it what it had
    learnt, which may come from another encoder. Segments that another process removes meanwhile are left out, or stay
    until the next call.

    Args:
        rebuild: whether an index past its capacity is rebuilt, which takes long; it answers until then.

    Returns:
        How many vectors were added and removed; one that changed counts as both.
    """
    if index.read_only:
        return 0, 0
    known, source = index.generation, index.source  # before that of the catalog, which may write to the index itself
    generation = catalog.database.generation  # before anything is read: what changes meanwhile comes with the next call
    library_id = catalog.library_id
    if lost := source == library_id and known > generation:
        _log.warning(
            "the library lost what was committed last: its vector file is newer (%d) than the catalog (%d). Was its "
            "write-ahead log (catalog.sqlite-wal) deleted? Index the folders again.",
            known,
            generation,
        )
    if lost or source != library_id or known < catalog.segments.changed_since():
        counts = _apply(index, catalog, *_compared(index, catalog), rebuild=rebuild)
    else:
        changed = catalog.segments.changed(since=known)
        counts = 0, 0
        if len(changed):
            counts = _apply(index, catalog, changed, catalog.segments.held(changed), rebuild=rebuild)
        if len(changed) and len(index) != catalog.segments.count() and catalog.database.generation == generation:
            # a catalog that was restored, or was edited
            further = _apply(index, catalog, *_compared(index, catalog), rebuild=rebuild)
            counts = counts[0] + further[0], counts[1] + further[1]
    if rebuild and len(index) > index.capacity:
        _rebuild(index, catalog)
    if (source, known) != (library_id, generation) or any(counts):
        index.source, index.generation = library_id, generation
    return counts


def _apply(index: VectorIndex, catalog: Catalog, stale: Ids, wanted: Ids, *, rebuild: bool) -> tuple[int, int]:
    """Take `stale` from an index and give it `wanted`; return how many it got and lost."""
    before = len(index)
    removed = index.remove(stale) if len(stale) else 0
    if (rebuild and before - removed + len(wanted) > index.capacity) or (before and removed == before):
        _rebuild(index, catalog)
    else:
        for ids, vectors in _batches(catalog, wanted):
            index.add(ids, vectors)
    return len(index) - before + removed, removed


def _rebuild(index: VectorIndex, catalog: Catalog) -> None:
    target = catalog.segments.ids()
    sample = np.random.default_rng(0).choice(target, min(len(target), _SAMPLE), replace=False)
    index.replace(_batches(catalog, target), count=len(target), sample=_read(catalog, sample)[1])


def _compared(index: VectorIndex, catalog: Catalog) -> tuple[Ids, Ids]:
    """The ids that an index holds and should not, and those that it lacks; one with another vector is both."""
    target, before = catalog.segments.ids(), index.ids()
    common = np.intersect1d(before, target, assume_unique=True)
    if index.source != catalog.library_id:
        common = common[:0]  # the same ids, but of other segments, or with the vectors of another encoder
    common = np.setdiff1d(common, catalog.segments.changed(since=index.generation), assume_unique=True)
    return np.setdiff1d(before, common, assume_unique=True), np.setdiff1d(target, common, assume_unique=True)


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
