"""Scores of the clauses of a query -> scores of segments, and of sequences of segments (THEN).

Scores of required clauses multiply, and each excluded clause reduces the score by its probability. Scores are geometric
means, so that queries with one clause and with several have the same range. The confidence of a conjunction is the
lowest of its parts: contents of a segment are not independent, so a product would be too low.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from search.ranking.clause import ClauseScores
from search.ranking.moments import TOUCHING_SECONDS, Hit


@dataclass(frozen=True)
class HitSequence:
    """Hits of one video in order of time, one for each step of a query."""

    hits: tuple[Hit, ...]
    score: float
    confidence: float


def combine(
    must: Sequence[ClauseScores], must_not: Sequence[NDArray[np.float64]]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return scores and confidences of candidates, float64 (C,) each.

    Args:
        must: scores for each required clause, at least one.
        must_not: probability of matching each excluded clause, float64 (C,), 0 to 1.
    """
    scores = np.prod([each.score for each in must], axis=0) ** (1 / len(must))
    confidences = np.min([each.confidence for each in must], axis=0)
    without = reduce(np.multiply, [1 - each for each in must_not], np.ones(len(scores)))
    return scores * without, confidences * without


def best_sequences(steps: Sequence[Sequence[Hit]], limits: Sequence[float | None]) -> list[HitSequence]:
    """Return the best sequence of hits in each video that has a hit for every step in order, best first.

    Dynamic programming over the hits in order of time (Viterbi, 1967).

    Args:
        steps: S lists of hits, in any order.
        limits: S - 1 longest gaps in seconds from the end of one hit to the start of the next; None for any.
    """
    by_video: dict[int, list[list[Hit]]] = defaultdict(lambda: [[] for _ in steps])
    for position, hits in enumerate(steps):
        for hit in hits:
            by_video[hit.video_id][position].append(hit)
    found = [_best_sequence(candidates, limits) for candidates in by_video.values() if all(candidates)]
    return sorted(
        (sequence for sequence in found if sequence), key=lambda sequence: (-sequence.score, sequence.hits[0].path)
    )


def _best_sequence(steps: Sequence[Sequence[Hit]], limits: Sequence[float | None]) -> HitSequence | None:
    ordered = [sorted(hits, key=lambda hit: hit.start) for hits in steps]
    best = np.array([hit.score for hit in ordered[0]])
    previous: list[NDArray[np.intp]] = []
    for before, after, limit in zip(ordered, ordered[1:], limits, strict=False):
        pauses = np.array([hit.start for hit in after])[:, None] - np.array([hit.end for hit in before])[None, :]
        possible = (pauses >= -TOUCHING_SECONDS) & (pauses <= (np.inf if limit is None else limit))
        through = np.where(possible, best[None, :], 0.0)
        previous.append(through.argmax(axis=1))
        best = through.max(axis=1) * np.array([hit.score for hit in after])
    last = int(best.argmax())
    if best[last] <= 0:
        return None
    places = [last]
    for step in reversed(previous):
        places.append(int(step[places[-1]]))
    hits = tuple(ordered[i][place] for i, place in enumerate(reversed(places)))
    confidence = min(hit.confidence or 0.0 for hit in hits)
    score = float(best[last] ** (1 / len(hits)))
    return HitSequence(hits, score, confidence)
