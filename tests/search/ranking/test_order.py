"""The order of moments, and the numbers beside them."""

import pytest

from search.ranking.moments import Hit, Moment
from search.ranking.order import with_both, with_falling_confidences


def moments(*confidences: float | None) -> list[Moment]:
    hits = [Hit(number, 1, "/v/a.mp4", 0.0, 5.0, 0.5) for number in range(len(confidences))]
    return [
        Moment("/v/a.mp4", 0.0, 5.0, 0.5, "", (hit,), confidence=confidence)
        for hit, confidence in zip(hits, confidences, strict=True)
    ]


@pytest.mark.parametrize(
    ("confidences", "falling"),
    [
        ((), []),
        ((0.62, 0.41, 0.27, 0.25, 0.33), [0.62, 0.41, 0.85 / 3, 0.85 / 3, 0.85 / 3]),  # as `a cat NOT dog` had them
        ((0.1, 0.2, 0.3), [0.2, 0.2, 0.2]),
        ((0.9, 0.5, 0.5, 0.0), [0.9, 0.5, 0.5, 0.0]),
        ((0.5, 0.6, 0.1, 0.9), [0.55, 0.55, 0.5, 0.5]),
        ((None, None), [None, None]),
    ],
)
def test_confidences_never_rise(confidences: tuple[float | None, ...], falling: list[float | None]) -> None:
    assert [each.confidence for each in with_falling_confidences(moments(*confidences))] == pytest.approx(falling)


@pytest.mark.parametrize(
    ("confidences", "by_words", "order"),
    [
        ((0.9, 0.9, 0.9, 0.41), {0, 1, 2}, [0, 3, 1, 2]),  # the one boat that is shown, after those that are only said
        ((0.4, 0.3, 0.2, 0.9), {3}, [0, 3, 1, 2]),
        ((0.9, 0.9, 0.9, 0.05), {0, 1, 2}, [0, 1, 2, 3]),  # nothing that is shown is likely
        ((0.9, 0.41, 0.9), {0, 2}, [0, 1, 2]),  # both are there
        ((0.9,) * 30 + (0.41,), set(range(30)), list(range(31))),  # too far behind
        ((None, None, None), set(), [0, 1, 2]),
    ],
)
def test_pictures_and_words_are_both_seen_at_once(
    confidences: tuple[float | None, ...], by_words: set[int], order: list[int]
) -> None:
    assert [each.segment_id for each in with_both(moments(*confidences), by_words)] == order
