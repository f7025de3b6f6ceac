"""Fuse frames and subtitles into one embedding per segment; subtitles count as far as they describe the frames.

Speech is often unrelated to the picture, and a network trained on captions as subtitles trusts every word. So a segment
is embedded with and without subtitles, and the two embeddings are mixed. The weight of the first depends on the cosine
of subtitles and frames, standardized by the cosines of everyday queries with the same frames. Subtitles with low weight
are still found by full-text search.

The constants cost at most two points of R@1 where every subtitle is wrong (benchmarks/hybrid.py).

Subtitles in other languages than the network reads are embedded as a query is, by the second tower, and their vector is
mixed with that of the frames, with less weight: a vector of words alone is nearer to queries than one of both is. These
constants were chosen on every other clip of `benchmarks/languages.json`: where every subtitle is wrong, they cost no
more than English ones do.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from model.encoder.contract import Encoder
from model.encoder.multilingual import by_second_tower
from model.encoder.prompts import everyday_queries

_MAX_WEIGHT = 0.7  # of the embedding with subtitles
_ROUNDING = 1e-5  # of unit vectors computed in different batches
_HALF_AT, _WIDTH = 0.5, 0.3  # midpoint and width of the logistic weight, in standard deviations
_MAX_FOREIGN_WEIGHT, _FOREIGN_HALF_AT = 0.3, 1.0  # the same of words that the second tower reads


def fused(features: Sequence[NDArray[np.float16]], texts: Sequence[str], encoder: Encoder) -> NDArray[np.float32]:
    """Embed segments.

    Args:
        features: N times (T_i, F), frame features; T_i is at least 1.
        texts: N subtitles; "" for none.

    Returns:
        float32 (N, D), unit length.
    """
    embeddings = encoder.embed_segments(features, [""] * len(texts))
    spoken = [i for i, text in enumerate(texts) if text.strip()]
    if not spoken:
        return embeddings
    words, silent = [texts[i] for i in spoken], embeddings[spoken]
    both = encoder.embed_segments([features[i] for i in spoken], words)
    if not np.allclose(both, silent, rtol=0, atol=_ROUNDING):  # two-tower encoders ignore subtitles
        queries, foreign = encoder.embed_text(words), by_second_tower(encoder, words)
        z_scores = _z_scores(queries, silent, everyday_queries(encoder)[1])
        share = _MAX_WEIGHT * _logistic((z_scores - _HALF_AT) / _WIDTH)
        share[foreign] = _MAX_FOREIGN_WEIGHT * _logistic((z_scores[foreign] - _FOREIGN_HALF_AT) / _WIDTH)
        both[foreign] = queries[foreign]
        mixed = share[:, None] * both + (1 - share[:, None]) * silent
        embeddings[spoken] = mixed / np.linalg.norm(mixed, axis=1, keepdims=True)
    return embeddings


def _z_scores(
    words: NDArray[np.float32], frames: NDArray[np.float32], everyday: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Standardize the cosines of subtitles (N, D) and frames (N, D) by those of everyday queries (R, D): (N,)."""
    cosines = frames @ everyday.T
    spread = np.maximum(cosines.std(axis=1), 1e-6)
    return np.asarray(((words * frames).sum(axis=1) - cosines.mean(axis=1)) / spread, np.float32)


def _logistic(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(0.5 * (1 + np.tanh(logits / 2)), np.float32)  # without overflow
