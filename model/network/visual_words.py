"""Frame features -> visual words: a vocabulary of frames, by hierarchical k-means.

After Sun et al., ICCV 2019, section 4.2: features are split into k cells, every cell again, d times (there k = 12 and
d = 4, 20,736 words). A lookup walks down the tree, k distances per level, instead of comparing with every leaf. FAISS
fits the tree; lookups need torch only.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

_FLOATS_AT_ONCE = 4_000_000  # of centroids gathered for one chunk of features: 16 MB
_POINTS_PER_CELL = 512  # points per centroid that k-means samples; more do not change the result
_ITERATIONS = 20


class VisualWords(nn.Module):
    """A tree of centroids; `level_l` (l from 0) holds branching**(l+1) of them, children of a cell in adjacent rows.

    Raises:
        ValueError: the branching is below 2 or the depth below 1.
    """

    def __init__(self, feature_dim: int, *, branching: int, depth: int) -> None:
        super().__init__()
        if branching < 2 or depth < 1:
            raise ValueError(f"visual words need a branching of 2 and a depth of 1 at least, got {branching}, {depth}")
        self.feature_dim, self.branching, self.depth = feature_dim, branching, depth
        for level in range(depth):
            self.register_buffer(f"level_{level}", torch.zeros(branching ** (level + 1), feature_dim))

    def __len__(self) -> int:
        """Return the number of words."""
        return int(self.branching**self.depth)

    @property
    def centroids(self) -> Tensor:
        """The leaves: float (W, F), row w is the centroid of word w."""
        return self.get_buffer(f"level_{self.depth - 1}")

    def forward(self, features: Tensor) -> Tensor:
        """Return the visual word of each feature: float (..., F) -> int64 (...), 0 to W - 1."""
        flat = features.reshape(-1, self.feature_dim).float()
        chunk = max(1, _FLOATS_AT_ONCE // (self.branching * self.feature_dim))
        words = [self._descend(part) for part in flat.split(chunk)] if len(flat) else [flat.new_zeros(0).long()]
        return torch.cat(words).view(features.shape[:-1])

    @torch.no_grad()
    def fit(self, features: NDArray[np.floating], *, seed: int) -> None:
        """Fit the tree to features (N, F), level by level.

        A cell with fewer members than branches is not split: its children are equal, and only the first is ever used.
        Centroids are rounded to float16, so that a stored checkpoint gives the same words.

        Raises:
            ValueError: features have another shape, or are fewer than the branching.
        """
        if features.ndim != 2 or features.shape[1] != self.feature_dim or len(features) < self.branching:
            raise ValueError(
                f"fitting visual words needs at least {self.branching} features of {self.feature_dim} values, "
                f"got an array of shape {features.shape}"
            )
        device = self.centroids.device
        self.cpu()
        points = np.ascontiguousarray(features, np.float32)
        rows = torch.from_numpy(points)
        cells = np.zeros(len(points), np.int64)
        parents = points.mean(axis=0, keepdims=True)
        for level in range(self.depth):
            children = [
                _split(points[members], self.branching, parent, seed=seed)
                for parent, members in zip(parents, _members(cells, len(parents)), strict=True)
            ]
            parents = np.concatenate(children).astype(np.float16).astype(np.float32)
            self.get_buffer(f"level_{level}").copy_(torch.from_numpy(parents))
            cells = self._walk(rows, levels=level + 1)
        self.to(device)

    def _walk(self, rows: Tensor, *, levels: int) -> NDArray[np.int64]:
        chunk = max(1, _FLOATS_AT_ONCE // (self.branching * self.feature_dim))
        return np.concatenate([self._descend(part, levels).numpy() for part in rows.split(chunk)])

    def _descend(self, features: Tensor, levels: int | None = None) -> Tensor:
        """Return the cell of each feature (N, F) at the level reached, int64 (N,)."""
        cells = torch.zeros(len(features), dtype=torch.int64, device=features.device)
        branches = torch.arange(self.branching, device=features.device)
        for level in range(self.depth if levels is None else levels):
            children = cells[:, None] * self.branching + branches  # (N, k)
            centroids = self.get_buffer(f"level_{level}").float()[children]  # (N, k, F)
            distances = (features[:, None] - centroids).square().sum(dim=-1)
            cells = children.gather(1, distances.argmin(dim=1, keepdim=True)).squeeze(1)
        return cells


def _members(cells: NDArray[np.int64], count: int) -> list[NDArray[np.int64]]:
    """Return the indices of the members of each of `count` cells."""
    order = np.argsort(cells, kind="stable")
    return np.split(order, np.searchsorted(cells[order], np.arange(1, count)))


def _split(points: NDArray[np.float32], k: int, centroid: NDArray[np.float32], *, seed: int) -> NDArray[np.float32]:
    """Return the centroids (k, F) of one cell's members."""
    if len(points) < k:
        return np.repeat(centroid[None], k, axis=0)
    import faiss  # fitting is rare; loading a checkpoint should not wait for it

    kmeans = faiss.Kmeans(
        points.shape[1],
        k,
        niter=_ITERATIONS,
        seed=seed,
        min_points_per_centroid=1,  # FAISS warns below it; small cells are expected here
        max_points_per_centroid=_POINTS_PER_CELL,
    )
    kmeans.train(points)
    return np.asarray(kmeans.centroids, np.float32)
