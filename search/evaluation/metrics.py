"""What the numbers of an evaluation mean: pure functions over score matrices, ranks and time windows.

A tie is lost: the right answer stands behind every wrong one with the same score, so a model that gives everything one
score gets the worst numbers and not the best. Where a query has several right answers, the best placed one counts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

Ranks = NDArray[np.int64]
Values = NDArray[np.float64]
T = TypeVar("T", bound=np.generic)

# The temperature at which CLIP's contrastive training ends, and the published uses of dual softmax begin.
DUAL_SOFTMAX_TEMPERATURE = 0.01


def ranks(scores: NDArray[np.floating], right: NDArray[np.bool_]) -> Ranks:
    """The place of the best right answer of each query, from 1.

    Args:
        scores: (Q, V), higher is better.
        right: (Q, V), True where the answer is right.

    Returns:
        (Q,).

    Raises:
        ValueError: the shapes differ, a score is not finite, or a query has no right answer.
    """
    if scores.ndim != 2 or scores.shape != right.shape:
        raise ValueError(f"scores and right answers must share one shape (Q, V), got {scores.shape} and {right.shape}")
    if not np.isfinite(scores).all():
        raise ValueError(f"scores must be finite, got {scores[~np.isfinite(scores)][0]}")
    lost = np.flatnonzero(~right.any(axis=1))
    if lost.size:
        raise ValueError(f"every query needs a right answer, query {lost[0]} has none")
    best = np.where(right, scores, -np.inf).max(axis=1, keepdims=True)
    return np.asarray(1 + (~right & (scores >= best)).sum(axis=1), np.int64)


def recall_curve(ranks: Ranks, depth: int) -> Values:
    """The share of queries whose right answer is among the first k, for k = 1 ... depth: (depth,)."""
    within = np.bincount(np.minimum(ranks, depth + 1), minlength=depth + 2)[1 : depth + 1]
    return np.asarray(np.cumsum(within) / len(ranks))


def chance(right_counts: ArrayLike, candidates: int) -> Values:
    """The recall curve of a random order, in closed form.

    A query with m right answers among V candidates misses all of them in the first k with the probability
    C(V - m, k) / C(V, k).

    Args:
        right_counts: (Q,), right answers of each query.
        candidates: V.

    Returns:
        (V,), averaged over the queries, for k = 1 ... V.
    """
    counts, queries = np.unique(np.asarray(right_counts), return_counts=True)
    taken = np.arange(candidates)
    missed = [np.cumprod(np.maximum(candidates - m - taken, 0) / (candidates - taken)) for m in counts]
    return np.asarray(1 - np.average(missed, axis=0, weights=queries))


def chance_median_rank(right_counts: ArrayLike, candidates: int) -> float:
    """The rank by which a random order has found a right answer in half of all cases."""
    return 1.0 + float(np.argmax(chance(right_counts, candidates) >= 0.5 - 1e-12))


def chance_mean_rank(right_counts: ArrayLike, candidates: int) -> float:
    """The expected rank of the first right answer in a random order: the mean of (V + 1) / (m + 1)."""
    return float(np.mean((candidates + 1) / (np.asarray(right_counts) + 1)))


def dual_softmax(scores: NDArray[np.floating], temperature: float = DUAL_SOFTMAX_TEMPERATURE) -> Values:
    """Scores in which a pair counts only if each also prefers the other: log of softmax over rows times over columns.

    After Cheng et al., "Improving Video-Text Retrieval by Multi-Stream Corpus Alignment and Dual Softmax Loss", 2021.
    It looks at all queries of the test together, which no single search can.

    Args:
        scores: (Q, V) cosines.

    Returns:
        (Q, V).
    """
    logits = scores.astype(np.float64) / temperature
    return np.asarray(2 * logits - _log_sum(logits, axis=0) - _log_sum(logits, axis=1))


def iou(some: ArrayLike, others: ArrayLike) -> Values:
    """Intersection over union of time windows.

    Args:
        some: (N, 2), start and end in seconds.
        others: (M, 2).

    Returns:
        (N, M), 0 to 1.
    """
    a, b = np.asarray(some, np.float64)[:, None], np.asarray(others, np.float64)[None]
    shared = np.maximum(np.minimum(a[..., 1], b[..., 1]) - np.maximum(a[..., 0], b[..., 0]), 0)
    union = (a[..., 1] - a[..., 0]) + (b[..., 1] - b[..., 0]) - shared
    return np.asarray(np.divide(shared, union, out=np.zeros_like(shared), where=union > 0))


def average_precision(overlap: Values, threshold: float) -> float:
    """Area under the interpolated curve of precision over recall, as ActivityNet and Moment-DETR compute it.

    A prediction, best first, takes the right window it overlaps most among those not yet taken, if by `threshold` at
    least; else it is wrong.

    Args:
        overlap: (P, G), IoU of predictions and right windows.
    """
    free = np.ones(overlap.shape[1], bool)
    correct = np.zeros(len(overlap))
    for row, found in enumerate(overlap):
        taken = int(np.argmax(np.where(free, found, -1.0)))
        if free[taken] and found[taken] >= threshold:
            free[taken], correct[row] = False, 1
    precision = np.cumsum(correct) / np.arange(1, len(overlap) + 1)
    interpolated = np.maximum.accumulate(precision[::-1])[::-1]
    return float((interpolated * correct).sum() / overlap.shape[1])


def bootstrap(
    values: NDArray[T],
    statistic: Callable[[NDArray[T]], ArrayLike],
    *,
    resamples: int,
    seed: int,
    confidence: float = 0.95,
) -> tuple[Values, Values]:
    """Percentile intervals of a statistic over queries (Efron, "Bootstrap methods", 1979).

    Args:
        values: (Q, ...), one row a query.
        statistic: maps rows drawn with replacement to a number or an array.

    Returns:
        the lower and the upper ends, shaped as the statistic.
    """
    rng = np.random.default_rng(seed)
    drawn = [statistic(values[rng.integers(len(values), size=len(values))]) for _ in range(resamples)]
    low, high = np.quantile(np.asarray(drawn, np.float64), [(1 - confidence) / 2, (1 + confidence) / 2], axis=0)
    return np.asarray(low), np.asarray(high)


def _log_sum(logits: Values, axis: int) -> Values:
    highest = logits.max(axis=axis, keepdims=True)
    return np.asarray(highest + np.log(np.exp(logits - highest).sum(axis=axis, keepdims=True)))
