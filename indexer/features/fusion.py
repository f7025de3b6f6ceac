"""Frames and subtitles -> one vector a segment, in which the words count as far as they belong to the picture.

Speech is often about other things than the picture shows, and a network that was shown captions as subtitles takes
every word for true. So a segment is embedded twice, with and without its words, and the two are mixed. The words' share
depends on how well they describe the picture: their cosine with it, in standard deviations above the cosines of
everyday queries with the same picture. Words that are left out of the vector are still found by the full-text index.

The constants are those that cost at most two points of R@1 where every subtitle is wrong (benchmarks/hybrid.py).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from model.encoder.contract import Encoder
from model.encoder.prompts import everyday_queries

_MOST = 0.7  # share of the vector with words, where they surely belong to the picture
_ROUNDING = 1e-5  # of unit vectors that were computed in different batches
_HALF_AT, _WIDTH = 0.5, 0.3  # standard deviations: where the share is half of that, and how soon it changes


def fused(features: Sequence[NDArray[np.float16]], texts: Sequence[str], encoder: Encoder) -> NDArray[np.float32]:
    """Make one vector of each segment.

    Args:
        features: N times (T_i, F), the frames; T_i is at least 1.
        texts: N strings, the subtitles; "" for a segment without words.

    Returns:
        float32 (N, D), unit length.
    """
    embeddings = encoder.embed_segments(features, [""] * len(texts))
    spoken = [i for i, text in enumerate(texts) if text.strip()]
    if not spoken:
        return embeddings
    words, silent = [texts[i] for i in spoken], embeddings[spoken]
    both = encoder.embed_segments([features[i] for i in spoken], words)
    if not np.allclose(both, silent, rtol=0, atol=_ROUNDING):  # some encoders read no subtitles
        share = _share(encoder.embed_text(words), silent, everyday_queries(encoder)[1])[:, None]
        mixed = share * both + (1 - share) * silent
        embeddings[spoken] = mixed / np.linalg.norm(mixed, axis=1, keepdims=True)
    return embeddings


def _share(
    words: NDArray[np.float32], frames: NDArray[np.float32], everyday: NDArray[np.float32]
) -> NDArray[np.float32]:
    """The weight of words (N, D) beside frames (N, D), standardized against everyday queries (R, D): (N,), 0 to 1."""
    cosines = frames @ everyday.T
    spread = np.maximum(cosines.std(axis=1), 1e-6)
    z_scores = ((words * frames).sum(axis=1) - cosines.mean(axis=1)) / spread
    logistic = 0.5 * (1 + np.tanh((z_scores - _HALF_AT) / (2 * _WIDTH)))  # without overflow
    return np.asarray(_MOST * logistic, np.float32)
