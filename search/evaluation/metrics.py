"""Retrieval metrics: pure functions of score matrices, ranks and time windows.

Ties are pessimistic: the right answer ranks behind all wrong ones with its score, so that constant scores give the
worst metrics. If a query has several right answers, the best-ranked one counts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

Ranks = NDArray[np.int64]
Values = NDArray[np.float64]
T = TypeVar("T", bound=np.generic)

# The final temperature of CLIP's contrastive training; published dual softmax results use it.
DUAL_SOFTMAX_TEMPERATURE = 0.01


def ranks(scores: NDArray[np.floating], right: NDArray[np.bool_]) -> Ranks:
    """Rank the best right answer of each query, from 1.

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
    """Compute recall at k for k = 1 ... depth: (depth,)."""
    within = np.bincount(np.minimum(ranks, depth + 1), minlength=depth + 2)[1 : depth + 1]
    return np.asarray(np.cumsum(within) / len(ranks))


def chance(right_counts: ArrayLike, candidates: int) -> Values:
    """Compute the recall curve of a random order, in closed form.

    A query with m right answers among V candidates finds none in the first k with probability C(V - m, k) / C(V, k).

    Args:
        right_counts: (Q,), number of right answers per query.
        candidates: V.

    Returns:
        (V,), averaged over the queries, for k = 1 ... V.
    """
    counts, queries = np.unique(np.asarray(right_counts), return_counts=True)
    taken = np.arange(candidates)
    missed = [np.cumprod(np.maximum(candidates - m - taken, 0) / (candidates - taken)) for m in counts]
    return np.asarray(1 - np.average(missed, axis=0, weights=queries))


def chance_median_rank(right_counts: ArrayLike, candidates: int) -> float:
    """Compute the median rank of a random order."""
    return 1.0 + float(np.argmax(chance(right_counts, candidates) >= 0.5 - 1e-12))


def chance_mean_rank(right_counts: ArrayLike, candidates: int) -> float:
    """Compute the mean rank of a random order: the mean of (V + 1) / (m + 1)."""
    return float(np.mean((candidates + 1) / (np.asarray(right_counts) + 1)))


def dual_softmax(scores: NDArray[np.floating], temperature: float = DUAL_SOFTMAX_TEMPERATURE) -> Values:
    """Compute the log of the softmax over rows times the softmax over columns.

    Cheng et al., "Improving Video-Text Retrieval by Multi-Stream Corpus Alignment and Dual Softmax Loss", 2021. Needs
    all queries of a test at once.

    Args:
        scores: (Q, V) cosines.

    Returns:
        (Q, V).
    """
    logits = scores.astype(np.float64) / temperature
    return np.asarray(2 * logits - _log_sum(logits, axis=0) - _log_sum(logits, axis=1))


def iou(some: ArrayLike, others: ArrayLike) -> Values:
    """Compute the intersection over union of time windows.

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
    """Compute the area under the interpolated precision-recall curve, as ActivityNet and Moment-DETR do.

    Predictions, best first, match the right window with the highest IoU that is still free, if it reaches `threshold`.

    Args:
        overlap: (P, G), IoU of P predictions and G right windows.
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
) -> tuple[Values, Values]:
    """Compute 95 % bootstrap percentile intervals of a statistic over queries (Efron, "Bootstrap methods", 1979).

    Args:
        values: (Q, ...), one row per query.
        statistic: maps resampled rows to a number or an array.

    Returns:
        lower and upper ends, shaped as the statistic.
    """
    rng = np.random.default_rng(seed)
    drawn = [statistic(values[rng.integers(len(values), size=len(values))]) for _ in range(resamples)]
    low, high = np.quantile(np.asarray(drawn, np.float64), [0.025, 0.975], axis=0)
    return np.asarray(low), np.asarray(high)


def _log_sum(logits: Values, axis: int) -> Values:
    highest = logits.max(axis=axis, keepdims=True)
    return np.asarray(highest + np.log(np.exp(logits - highest).sum(axis=axis, keepdims=True)))
