"""Rankings of the same candidates -> one ranking."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_K = 60  # as in the paper; the first of one ranking does not outweigh a good place in two


def reciprocal_ranks(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """What a ranking by these scores gives to each candidate: 1 / (60 + rank), and 0 where the score is -inf.

    The sum over rankings is reciprocal rank fusion (Cormack, Clarke and Büttcher, "Reciprocal Rank Fusion outperforms
    Condorcet and Individual Rank Learning Methods", 2009). Equal scores get equal ranks, the best of theirs.

    Args:
        scores: float64 (C,), the higher the better.

    Returns:
        float64 (C,).
    """
    descending = np.sort(-scores)
    ranks = 1 + np.searchsorted(descending, -scores, side="left")
    return np.where(np.isneginf(scores), 0.0, 1.0 / (_K + ranks))
