"""How near segments are to everything: their mean cosine with the captions of a query bank that are nearest to them.

Some segments are near to every query (cross-domain similarity local scaling; Conneau and others, "Word Translation
Without Parallel Data", 2018; querybank normalization; Bogolin et al., CVPR 2022). It says nothing of a query, so it is
computed once for each segment.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from model.encoder.contract import Encoder
from model.encoder.prompts import everyday_queries

_NEAREST = 20  # captions of the bank


def query_bank(encoder: Encoder) -> NDArray[np.float32]:
    """The captions that travel with an encoder, or else everyday queries: float32 (Q, D), unit rows."""
    return encoder.query_bank if len(encoder.query_bank) else everyday_queries(encoder)[1]


def hubness(vectors: NDArray[np.float32], bank: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the mean cosine of vectors (N, D) with their nearest captions of a bank (Q, D): float32 (N,)."""
    nearest = min(_NEAREST, len(bank))
    return np.asarray(np.partition(vectors @ bank.T, -nearest, axis=1)[:, -nearest:].mean(axis=1))
