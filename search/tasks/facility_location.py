"""Few frames, or few pieces, that stand for all frames of a film: facility location.

What is chosen covers each frame as well as the most similar chosen one does, and a choice is worth the covered seconds:

    f(S) = sum over frames t of  seconds(t) * interest(t) * max over s in S of  likeness(t, s)

So what is common in the film is represented, and what looks like something chosen adds nothing: one function for
representative and for diverse. It is submodular, and taking the best next one, again and again, reaches 1 - 1/e of
the best possible choice of that size (Nemhauser, Wolsey and Fisher, "An analysis of approximations for maximizing
submodular set functions", 1978); few gains need be computed anew for it (Minoux, "Accelerated greedy algorithms",
1978). Where choices cost different times, the better of two greedy runs, by gain and by gain per second, reaches
(1 - 1/e) / 2 (Leskovec et al., "Cost-effective outbreak detection in networks", 2007).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_NOTHING = 1e-6  # of all seconds; a choice that adds less shows nothing new


def likeness(features: NDArray[np.float16]) -> NDArray[np.float32]:
    """How well each frame stands for each other one: their cosine, and 0 where that is negative.

    Args:
        features: float16 (T, F).

    Returns:
        float32 (T, T), from 0 to 1.
    """
    rows = features.astype(np.float32)
    rows = np.hstack([rows, ~rows.any(axis=1, keepdims=True)])  # those that show nothing are like each other
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(np.clip(rows @ rows.T, 0.0, 1.0))


def choose(
    likeness: NDArray[np.float32],
    weights: NDArray[np.float64],
    costs: NDArray[np.float64],
    budget: float,
    *,
    enough: float = 1.0,
) -> list[int]:
    """Choose candidates that cover the frames well and together cost no more than the budget.

    Args:
        likeness: float32 (T, C), how well each of C candidates stands for each of T frames; not negative.
        weights: float64 (T,), what each frame is worth; not negative.
        costs: float64 (C,), positive.
        budget: in the unit of the costs.
        enough: coverage at which to stop.

    Returns:
        The numbers of the chosen candidates, in the order chosen: the first n are the choice for a smaller budget.
        Fewer than would fit, where the rest shows nothing new.

    Raises:
        ValueError: a cost is not positive.
    """
    if not (costs > 0).all():
        raise ValueError(f"every candidate must cost something, got {costs.min()}")
    by_gain_per_cost = _greedy(likeness, weights, costs, budget, enough, per_cost=True)
    if np.ptp(costs) == 0:
        return by_gain_per_cost
    by_gain = _greedy(likeness, weights, costs, budget, enough, per_cost=False)
    return max(by_gain_per_cost, by_gain, key=lambda chosen: coverage(likeness, weights, chosen))


def coverage(likeness: NDArray[np.float32], weights: NDArray[np.float64], chosen: list[int]) -> float:
    """The share of the film that a choice covers: 1 where every frame is like a chosen one, 0 for no choice.

    Arguments as in `choose`.
    """
    if not chosen:
        return 0.0
    return float(weights @ likeness[:, chosen].max(axis=1) / weights.sum())


def _greedy(
    likeness: NDArray[np.float32],
    weights: NDArray[np.float64],
    costs: NDArray[np.float64],
    budget: float,
    enough: float,
    *,
    per_cost: bool,
) -> list[int]:
    worth = weights.astype(np.float32)
    covered = np.zeros(len(likeness), np.float32)  # how well each frame is
    gains = worth @ likeness  # or more than that: they only shrink, so those that look small need no second look
    divisor = costs if per_cost else np.ones_like(costs)
    chosen: list[int] = []
    while True:
        gains[costs > budget + 1e-9] = 0
        exact: set[int] = set()
        while (best := int(np.argmax(gains / divisor))) not in exact and gains[best] > 0:
            gains[best] = worth @ np.maximum(likeness[:, best] - covered, 0)
            exact.add(best)
        done = worth @ covered >= enough * worth.sum()
        if done or gains[best] <= _NOTHING * worth.sum():
            return chosen
        chosen.append(best)
        budget -= costs[best]
        covered = np.maximum(covered, likeness[:, best])
