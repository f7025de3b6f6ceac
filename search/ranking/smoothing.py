"""Smooth text scores over time.

The context of a segment tells more about what happens in it than its few frames. The similarity of a segment to a text
is therefore a mean over it and its neighbours in the video. A neighbour's weight grows with its length, its closeness
in time and its similarity to the segment: a bilateral filter along the video (Tomasi and Manduchi, "Bilateral filtering
for gray and color images", 1998), which does not smooth across a cut to another scene.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from store.catalog.catalog import Catalog

_BESIDE = 4  # segments before, and as many after
_FADING_SECONDS = 4.0  # distance of midpoints at which the weight is 1/e
_SHORTEST_SECONDS = 1e-3  # a segment of one frame at the end of a video may be shorter


@dataclass(frozen=True, eq=False)
class Neighbours:
    """C segments and their neighbours in time, N distinct segments in all.

    Attributes:
        embeddings: float32 (N, D), unit rows.
        hubness: float32 (N,), closeness of each to the query bank, NaN if unknown.
        rows: int64 (C, B), indices into the N of each segment's neighbours, including itself.
        weights: float64 (C, B), rows sum to 1; 0 for no neighbour.
    """

    embeddings: NDArray[np.float32]
    hubness: NDArray[np.float32]
    rows: NDArray[np.int64]
    weights: NDArray[np.float64]

    def own(self, similarity: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the similarities of the C segments themselves, from those of all N: float32 (C,)."""
        return np.asarray(similarity[self.rows[:, _BESIDE]])

    def smooth(self, similarity: NDArray[np.float32]) -> NDArray[np.float32]:
        """Average similarities (N,) over the neighbours of each segment: float32 (C,)."""
        return np.asarray((similarity[self.rows] * self.weights).sum(axis=1), np.float32)


def neighbours_of(catalog: Catalog, ids: Sequence[int]) -> Neighbours:
    """Find the neighbours of C segments and their weights.

    Raises:
        NotInLibrary: some ids are unknown.
    """
    beside, spans = catalog.segments.neighbours(ids, _BESIDE)
    there = beside >= 0
    distinct = np.unique(beside[there])
    embeddings, hubness = catalog.segments.embeddings_and_hubness(distinct)
    rows = np.where(there, np.searchsorted(distinct, beside), 0)
    own = rows[:, _BESIDE]
    middles, seconds = spans.mean(axis=2), np.maximum(spans[..., 1] - spans[..., 0], _SHORTEST_SECONDS)
    near = np.exp(-np.abs(middles - middles[:, _BESIDE : _BESIDE + 1]) / _FADING_SECONDS)
    mine = embeddings[own]
    alike = np.stack([np.einsum("cd,cd->c", mine, embeddings[column]) for column in rows.T], axis=1)
    weights = there * near * seconds * alike.clip(min=0.0) ** 2
    return Neighbours(embeddings, hubness, rows, weights / weights.sum(axis=1, keepdims=True))
