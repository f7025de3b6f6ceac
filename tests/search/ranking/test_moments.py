from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from search.ranking.moments import Hit, located_hits, merge
from store.types import LocatedSegment


def hit(segment: int, start: float, end: float, score: float, *, video: int = 1, text: str = "") -> Hit:
    return Hit(segment, video, f"/films/{video}.mp4", start, end, score, text)


def test_neighbours_that_answer_alike_become_one_moment():
    moments = merge([hit(2, 10, 20, 0.9, text="b"), hit(1, 0, 10, 0.8, text="a"), hit(3, 20, 30, 0.85, text="b")])
    assert [(m.start, m.end, m.score, m.text, m.segment_id) for m in moments] == [(0, 30, 0.9, "a b", 2)]
    assert [h.segment_id for h in moments[0].hits] == [2, 3, 1]


def test_a_gap_another_video_or_a_fall_in_score_keeps_moments_apart():
    hits = [hit(1, 0, 10, 0.9), hit(2, 10, 20, 0.5), hit(3, 30, 40, 0.8), hit(4, 0, 10, 0.7, video=2)]
    assert [(m.path, m.start, m.score) for m in merge(hits)] == [
        ("/films/1.mp4", 0, 0.9),
        ("/films/1.mp4", 30, 0.8),
        ("/films/2.mp4", 0, 0.7),
        ("/films/1.mp4", 10, 0.5),
    ]


def test_nothing_merges_to_nothing():
    assert merge([]) == []


def test_hits_keep_the_order_and_leave_out_what_is_gone():
    segments = [LocatedSegment(number, 5, "/films/a.mp4", number, number + 1.0, f"text {number}") for number in (2, 1)]
    catalog = SimpleNamespace(segments=SimpleNamespace(located=lambda ids: segments))
    two, one = (Hit(number, 5, "/films/a.mp4", number, number + 1.0, 0.0, f"text {number}") for number in (2, 1))
    assert located_hits(catalog, [2, 99, -1, 1]) == [two, one]
    assert located_hits(catalog, np.array([2, 9, 1]), np.array([0.5, 1, 0.25], np.float32)) == [
        replace(two, score=0.5),
        replace(one, score=0.25),
    ]
    with pytest.raises(ValueError, match="zip"):
        located_hits(catalog, [1, 2], [0.5])
