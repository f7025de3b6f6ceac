"""The final order of moments: pictures and words mixed in the first row, likely ones before the rest."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from search.ranking.calibration import LIKELY
from search.ranking.moments import Moment

_FIRST_ROW = 2  # moments visible at once even on a phone
_LOOKED_AT = 20  # moments that compete for the first row


def with_both(moments: Sequence[Moment], by_words: Collection[int]) -> list[Moment]:
    """Reorder moments so that the first row has a match by frames and one by words, if both have a likely one.

    Args:
        moments: best first.
        by_words: segments found by words rather than by frames.
    """
    likely = [place for place, each in enumerate(moments[:_LOOKED_AT]) if (each.confidence or 0.0) >= LIKELY]
    spoken = {place for place in likely if moments[place].hits[0].segment_id in by_words}
    for kind in (spoken, set(likely) - spoken):
        if kind and (first := min(kind)) >= _FIRST_ROW:
            rest = [*moments[:first], *moments[first + 1 :]]
            return [*rest[: _FIRST_ROW - 1], moments[first], *rest[_FIRST_ROW - 1 :]]
    return list(moments)


def with_falling_confidences(moments: Sequence[Moment]) -> list[Moment]:
    """Return the same moments with confidences that never rise from one to the next.

    The order fuses several rankings, so a later moment may have a higher confidence. Rising runs get their mean
    (isotonic regression by pool adjacent violators; Ayer et al., 1955).
    """
    runs: list[tuple[float, int]] = []  # mean and length
    for moment in moments:
        run = (moment.confidence or 0.0, 1)
        while runs and runs[-1][0] < run[0]:
            mean, length = runs.pop()
            run = ((mean * length + run[0] * run[1]) / (length + run[1]), length + run[1])
        runs.append(run)
    falling = [mean for mean, length in runs for _ in range(length)]
    return [
        moment if moment.confidence is None else replace(moment, confidence=confidence)
        for moment, confidence in zip(moments, falling, strict=True)
    ]
