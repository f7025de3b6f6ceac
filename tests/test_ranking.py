import numpy as np
import pytest

from search.ranking import align, merge
from store.types import Hit


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


def film(seconds: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Frames at 2 a second that change slowly, as unit vectors."""
    count = int(seconds * 2)
    walk = np.random.default_rng(seed).normal(size=(count, 16)).cumsum(axis=0).astype(np.float32)
    return np.arange(count) / 2, walk / np.linalg.norm(walk, axis=1, keepdims=True)


@pytest.mark.parametrize(("first", "last"), [(0, 8), (5, 12), (10, 16), (3.5, 6)])
def test_an_excerpt_is_found_where_it_was_cut(first, last):
    pts, frames = film(16, seed=3)
    cut = (pts >= first) & (pts < last)
    match = align(pts[cut] - first, frames[cut], pts, frames)
    assert (match.start, match.end) == (first, last)
    assert (match.query_start, match.query_end) == (0, last - first)
    assert match.similarity == pytest.approx(1.0, abs=1e-5)


def test_a_query_longer_than_what_it_finds_says_which_part_matches():
    pts, frames = film(20, seed=4)
    match = align(pts, frames, pts[10:20], frames[10:20])
    assert (match.query_start, match.query_end, match.start, match.end) == (5.0, 10.0, 5.0, 10.0)


def test_a_single_frame_matches_the_frame_like_it():
    pts, frames = film(10, seed=5)
    match = align(np.array([0.0]), frames[7:8], pts, frames)
    assert (match.start, match.end) == (3.5, 4.0)
