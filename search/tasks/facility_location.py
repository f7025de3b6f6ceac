"""Choose few frames or windows that represent a whole video: facility location.

A selection S is worth the seconds it covers, each frame as well as its most similar selected one does:

    f(S) = sum over frames t of  seconds(t) * interest(t) * max over s in S of  similarity(t, s)

Frequent content is represented, and near-duplicates of selected frames add nothing. f is submodular, so the greedy
algorithm reaches 1 - 1/e of the optimum of the same size (Nemhauser, Wolsey and Fisher, "An analysis of approximations
for maximizing submodular set functions", 1978); lazy evaluation recomputes few gains (Minoux, "Accelerated greedy
algorithms", 1978). With unequal costs, the better of two greedy runs, by gain and by gain per second, reaches
(1 - 1/e) / 2 (Leskovec et al., "Cost-effective outbreak detection in networks", 2007).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_MIN_GAIN = 1e-6  # share of all seconds; less adds nothing new


def frame_similarity(features: NDArray[np.float16]) -> NDArray[np.float32]:
    """Compute the cosine of each pair of frames, clipped at 0.

    Args:
        features: float16 (T, F).

    Returns:
        float32 (T, T), from 0 to 1.
    """
    rows = features.astype(np.float32)
    rows = np.hstack([rows, ~rows.any(axis=1, keepdims=True)])  # blank frames are similar to each other
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(np.clip(rows @ rows.T, 0.0, 1.0))


def choose(
    similarity: NDArray[np.float32],
    weights: NDArray[np.float64],
    costs: NDArray[np.float64],
    budget: float,
    *,
    enough: float = 1.0,
) -> list[int]:
    """Choose candidates that cover the frames well, within a budget.

    Args:
        similarity: float32 (T, C), of T frames and C candidates; not negative.
        weights: float64 (T,), what each frame is worth; not negative.
        costs: float64 (C,), positive.
        budget: maximum sum of costs.
        enough: coverage at which to stop.

    Returns:
        Indices of the chosen candidates in the order chosen: the first n are the choice for a smaller budget. Fewer
        than would fit where the rest adds nothing new.

    Raises:
        ValueError: a cost is not positive.
    """
    if not (costs > 0).all():
        raise ValueError(f"every candidate must cost something, got {costs.min()}")
    by_gain_per_cost = _greedy(similarity, weights, costs, budget, enough, per_cost=True)
    if np.ptp(costs) == 0:
        return by_gain_per_cost
    by_gain = _greedy(similarity, weights, costs, budget, enough, per_cost=False)
    return max(by_gain_per_cost, by_gain, key=lambda chosen: coverage(similarity, weights, chosen))


def coverage(similarity: NDArray[np.float32], weights: NDArray[np.float64], chosen: list[int]) -> float:
    """Compute the share of the video that a selection covers, 0 to 1.

    Arguments as in `choose`.
    """
    if not chosen:
        return 0.0
    return float(weights @ similarity[:, chosen].max(axis=1) / weights.sum())


def _greedy(
    similarity: NDArray[np.float32],
    weights: NDArray[np.float64],
    costs: NDArray[np.float64],
    budget: float,
    enough: float,
    *,
    per_cost: bool,
) -> list[int]:
    values = weights.astype(np.float32)
    covered = np.zeros(len(similarity), np.float32)  # similarity of each frame to its nearest chosen one
    gains = values @ similarity  # upper bounds: gains only shrink, so small ones need no update
    divisor = costs if per_cost else np.ones_like(costs)
    chosen: list[int] = []
    while True:
        gains[costs > budget + 1e-9] = 0
        exact: set[int] = set()
        while (best := int(np.argmax(gains / divisor))) not in exact and gains[best] > 0:
            gains[best] = values @ np.maximum(similarity[:, best] - covered, 0)
            exact.add(best)
        done = values @ covered >= enough * values.sum()
        if done or gains[best] <= _MIN_GAIN * values.sum():
            return chosen
        chosen.append(best)
        budget -= costs[best]
        covered = np.maximum(covered, similarity[:, best])
