"""Cosines -> confidence: how likely a hit is what was asked for, on one scale for all queries and libraries.

The cosine of a text and a segment depends on how the text is put. It is standardized by the cosines of the same text
with a background of segments of the library, and what remains is read by a logistic regression (Platt, "Probabilistic
Outputs for Support Vector Machines", 1999). The larger the library, the likelier an equal score is chance, so its size
is the second variable. The coefficients are those that `python -m benchmarks.confidence fit` prints.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

_SLOPE, _PER_LOG_SIZE, _OFFSET = 1.32, -0.78, -1.43  # of the standardized cosine; of log(segments); of 1
_SAID = 0.9  # confidence where every word of the query is said: a word can mean something else
WORDS_ENOUGH = 0.5  # share of a query's words, by information, below which a segment holds some of them by chance


class Background:
    """Segments of a library against which the cosines of a query are read.

    Args:
        vectors: float32 (B, D), unit rows; a sample.
        size: segments in the whole library.
    """

    def __init__(self, vectors: NDArray[np.float32], size: int) -> None:
        self.vectors, self.size = vectors, size

    def spread(self, queries: NDArray[np.float32]) -> tuple[float, float]:
        """Mean and standard deviation of the best cosine with any of the queries (Q, D), over the background."""
        if len(self.vectors) < 2:
            return 0.0, 1.0
        cosines = (self.vectors @ queries.T).max(axis=1)
        return float(cosines.mean()), max(float(cosines.std()), 1e-6)

    def confidence(self, cosines: NDArray[np.float32], queries: NDArray[np.float32]) -> NDArray[np.float64]:
        """How likely segments with these cosines (C,) to the queries (Q, D) are what was asked for: (C,), 0 to 1."""
        mean, deviation = self.spread(queries)
        logits = _SLOPE * (cosines - mean) / deviation + _PER_LOG_SIZE * math.log(max(self.size, 1)) + _OFFSET
        return np.asarray(1 / (1 + np.exp(-logits.astype(np.float64))))


def confidence_of_words(coverage: NDArray[np.float64]) -> NDArray[np.float64]:
    """How likely segments that hold this share of the words of a query are what was asked for: (C,), 0 to 1."""
    return np.where(coverage >= WORDS_ENOUGH, _SAID * coverage**2, 0.0)
