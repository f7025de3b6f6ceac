"""Frames and subtitles -> one vector a segment, in which the words count as far as they belong to the picture.

People talk about other things than what is to be seen, and a network that was shown captions as subtitles believes
every word. So a segment is embedded twice, with and without its words, and the two are mixed. The words' share depends
on how well they describe the picture: their cosine with it, in standard deviations above what `model.encoder.prompts`
have with the same picture. Words that are left out of the vector are still found by the full-text index.

The constants are those that cost at most two points of R@1 where every subtitle is wrong (benchmarks/hybrid.py).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from model.encoder.contract import Encoder
from model.encoder.prompts import phrases

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
    told = [i for i, text in enumerate(texts) if text.strip()]
    if not told:
        return embeddings
    words, seen = [texts[i] for i in told], embeddings[told]
    both = encoder.embed_segments([features[i] for i in told], words)
    if not np.allclose(both, seen, rtol=0, atol=_ROUNDING):  # some encoders read no subtitles
        share = _share(encoder.embed_text(words), seen, phrases(encoder)[1])[:, None]
        mixed = share * both + (1 - share) * seen
        embeddings[told] = mixed / np.linalg.norm(mixed, axis=1, keepdims=True)
    return embeddings


def _share(words: NDArray[np.float32], seen: NDArray[np.float32], usual: NDArray[np.float32]) -> NDArray[np.float32]:
    """How much words (N, D) are to count beside pictures (N, D), if phrases (R, D) are usual: (N,), 0 to 1."""
    cosines = seen @ usual.T
    spread = np.maximum(cosines.std(axis=1), 1e-6)
    above = ((words * seen).sum(axis=1) - cosines.mean(axis=1)) / spread
    belief = 0.5 * (1 + np.tanh((above - _HALF_AT) / (2 * _WIDTH)))  # the logistic function, without overflow
    return np.asarray(_MOST * belief, np.float32)
