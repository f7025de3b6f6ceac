"""What an answer as a whole is worth, in one word for people: whether what they asked for is among what was found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from store.types import Moment

Verdict = Literal["match", "unsure", "nothing"]
ConfidenceLevel = Literal["high", "medium", "low"]

LOOKED_AT = 5  # moments: several that are fairly likely say more than the one that stands out
# Mean confidences of the best moments, as `python -m benchmarks.confidence measure` prints them.
MATCH = 0.24  # one in twenty things that a library does not show reaches it
NOTHING = 0.11  # one in ten that it shows stays below
SURE = 0.5  # of a single moment that is enough, such as one in which the words are said

HIGH = 0.3  # confidence of one moment, as it is shown to people
MEDIUM = 0.1  # most moments below it are not what was asked for
MIN_CONFIDENCES = (0.1, 0.25, 0.5)  # offered as the least confidence of a search


def confidence_level(confidence: float) -> ConfidenceLevel:
    """Return the level at which a confidence is shown."""
    return "high" if confidence >= HIGH else "medium" if confidence >= MEDIUM else "low"


def standing(confidences: ArrayLike) -> float:
    """The mean confidence of the best few, 0 to 1; 0 where there is none."""
    best = np.sort(np.asarray(confidences, np.float64))[-LOOKED_AT:]
    return float(best.mean()) if len(best) else 0.0


def verdict(moments: Sequence[Moment]) -> Verdict:
    """Say what moments that answer one query are worth: "match", "unsure", or "nothing" of what was asked for.

    Moments without a confidence, which filters alone or a clip found, are what was asked for.
    """
    if not moments:
        return "nothing"
    confidences = [moment.confidence for moment in moments if moment.confidence is not None]
    if not confidences or max(confidences) >= SURE:
        return "match"
    mean = standing(confidences)
    return "match" if mean >= MATCH else "unsure" if mean >= NOTHING else "nothing"
