"""Vectors, indexes and catalogs for the tests of this folder."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import store.vectors.faiss_index
from store.catalog.catalog import Catalog
from store.filters import Filter
from store.types import EncoderInfo, NewSegment, Video
from store.vectors.faiss_index import FaissIndex
from store.vectors.index import Ids

DIM = 16
Make = Callable[..., FaissIndex]
Resolve = Callable[[Iterable[Filter]], Ids]


def unit(count: int, seed: int = 0, dim: int = DIM) -> NDArray[np.float32]:
    vectors = np.random.default_rng(seed).normal(size=(count, dim))
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def make_flat(path: Path | None = None, resolve: Resolve | None = None) -> FaissIndex:
    return FaissIndex(DIM, path=path, resolve=resolve)


def make_ivf(path: Path | None = None, resolve: Resolve | None = None) -> FaissIndex:
    """An index of 38 lists: more than are probed."""
    index = FaissIndex(DIM, path=path, resolve=resolve)
    index.replace([], count=store.vectors.faiss_index.EXACT_LIMIT + 1, sample=unit(1500, seed=99))
    return index


def fill(catalog: Catalog, name: str, vectors: NDArray[np.float32]) -> Video:
    video = Video(f"/v/{name}", 1, 2, "00", "mp4", "h264", 10.0, 25.0, 64, 48, 0)
    frames = np.zeros((1, 2), np.float16)
    segments = [
        NewSegment(float(i), i + 1.0, "", np.array([float(i)]), frames, v, b"jpeg", 0.0) for i, v in enumerate(vectors)
    ]
    return catalog.with_encoder(EncoderInfo("test", vectors.shape[1])).put_video(video, segments, [])
