"""Pairs of videos that may show the same, from the vector index: for each segment its nearest in other videos.

So the work grows with the number of segments and not with its square.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from search.clips.frames import Looks
from store.catalog.catalog import Catalog
from store.types import Video
from store.vectors.faiss_index import FaissIndex

_NEAREST = 8  # segments looked at for each
_MOST_NEAREST = 512  # where the nearest are all of the same video, as in films of one long shot
_ALIKE = 0.65  # cosine of segments from which two videos are compared; a copy seldom has less, unrelated ones often do
_BLANK = 0.97  # cosine with the embedding of a picture that shows nothing
_AT_ONCE = 1024  # segments
_INSTANTS = 4  # of each pair that are remembered: where the segments are most alike


@dataclass(frozen=True)
class Pair:
    """Two videos, and instants at which they are alike, best first."""

    first: int
    second: int
    near: tuple[tuple[float, float], ...]


@dataclass(frozen=True, eq=False)
class _Segments:
    """All segments that are compared, in order of their ids: arrays (N,)."""

    ids: NDArray[np.int64]
    videos: NDArray[np.int64]
    middles: NDArray[np.float64]  # seconds


def candidates(catalog: Catalog, index: FaissIndex, looks: Looks, videos: dict[int, Video]) -> list[Pair]:
    """Pairs among some videos, each once."""
    segments = _segments(catalog, videos)
    among = None if len(segments.ids) == len(index) else segments.ids
    best: dict[tuple[int, int], list[tuple[float, float, float]]] = defaultdict(list)
    for first in range(0, len(segments.ids), _AT_ONCE):
        rows = np.arange(first, min(first + _AT_ONCE, len(segments.ids)))
        vectors = catalog.embeddings(segments.ids[rows])
        shown = (vectors @ looks.blank_embeddings.T).max(axis=1) < _BLANK
        for row, other, score in _nearest(index, segments, rows[shown], vectors[shown], among):
            one, two = sorted((row, other), key=lambda each: int(segments.videos[each]))
            seeds = best[int(segments.videos[one]), int(segments.videos[two])]
            seed = (score, float(segments.middles[one]), float(segments.middles[two]))
            if seed not in seeds:
                heapq.heappush(seeds, seed)
            if len(seeds) > _INSTANTS:
                heapq.heappop(seeds)
    return [
        Pair(*pair, tuple((here, there) for _, here, there in sorted(seeds, reverse=True)))
        for pair, seeds in sorted(best.items())
    ]


def _segments(catalog: Catalog, videos: Iterable[int]) -> _Segments:
    held = [(segment, number) for number in videos for segment in catalog.segments(number)]
    held.sort(key=lambda each: each[0].id or 0)
    return _Segments(
        np.array([segment.id for segment, _ in held], np.int64),
        np.array([number for _, number in held], np.int64),
        np.array([(segment.start + segment.end) / 2 for segment, _ in held]),
    )


def _nearest(
    index: FaissIndex,
    segments: _Segments,
    rows: NDArray[np.int64],
    vectors: NDArray[np.float32],
    among: NDArray[np.int64] | None,
) -> list[tuple[int, int, float]]:
    """Rows of segments, of segments of other videos that are near to them, and the cosines."""
    found: list[tuple[int, int, float]] = []
    k = _NEAREST
    while len(rows):
        scores, ids = index.search(vectors, k, among=among)
        places = np.minimum(np.searchsorted(segments.ids, ids), len(segments.ids) - 1)
        near = (scores >= _ALIKE) & (segments.ids[places] == ids)
        elsewhere = near & (segments.videos[places] != segments.videos[rows][:, None])
        for i, j in zip(*np.nonzero(elsewhere), strict=True):
            found.append((int(rows[i]), int(places[i, j]), float(scores[i, j])))
        # Where a film is like itself for long, what is near elsewhere comes after all of that.
        again = near.all(axis=1) & ~elsewhere.any(axis=1)
        rows, vectors, k = rows[again], vectors[again], 8 * k
        if k > _MOST_NEAREST:
            break
    return found
