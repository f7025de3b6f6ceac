"""Rankings of the same candidates -> one ranking."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from search.ranking.verdict import MATCH, NOTHING, standing

_K = 60  # as in the paper; the first of one ranking does not outweigh a good place in two
_WORDS_BESIDE_PICTURES = 0.4  # weight of words where pictures answer: keeps most of what right subtitles give


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


def weight_of_words(seen: NDArray[np.float64]) -> float:
    """How much the ranking by words counts beside the ranking by looks, of candidates that are so likely (C,) by looks.

    1 where nothing that is shown answers the query, since then it is about what is said; less, the likelier it is that
    something shown does: what is said beside another picture should not come before it.
    """
    shown = np.clip((standing(seen) - NOTHING) / (MATCH - NOTHING), 0.0, 1.0)
    return float(1 - (1 - _WORDS_BESIDE_PICTURES) * shown)
