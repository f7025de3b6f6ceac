"""What is computed for a segment from its frames and words, and stored with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexer.features.fusion import fused
from indexer.features.hubness import hubness, query_bank
from indexer.features.windows import embed_windows
from model.encoder.contract import Encoder
from store.types import Windows


@dataclass(frozen=True, eq=False)
class SegmentVectors:
    """The vectors of one segment; attributes are those of `store.types.NewSegment`."""

    embedding: NDArray[np.float32]
    windows: Windows
    hubness: float


def segment_vectors(
    pts_seconds: Sequence[NDArray[np.float64]],
    features: Sequence[NDArray[np.float16]],
    texts: Sequence[str],
    encoder: Encoder,
) -> list[SegmentVectors]:
    """Compute what is stored of N segments.

    Args:
        pts_seconds: N times (T_i,), when each frame appears.
        features: N times (T_i, F), of the frames; T_i is at least 1.
        texts: N strings, the subtitles; "" for a segment without words.
    """
    embeddings = fused(features, texts, encoder)
    windows = embed_windows(pts_seconds, features, encoder)
    near = hubness(embeddings, query_bank(encoder)).tolist()
    return [SegmentVectors(*row) for row in zip(embeddings, windows, near, strict=True)]
