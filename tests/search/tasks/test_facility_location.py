"""Facility location against every possible choice, and by hand."""

from itertools import combinations

import numpy as np
import pytest

from search.tasks.facility_location import choose, coverage, frame_similarity


def ones(count: int) -> np.ndarray:
    return np.ones(count)


def films(rng: np.random.Generator, frames: int = 12) -> np.ndarray:
    return frame_similarity(rng.normal(size=(frames, 6)).astype(np.float16))


def test_similarity_is_the_cosine_and_never_negative():
    features = np.array([[3, 0], [1, 1], [-1, 0]], np.float16)
    half = np.sqrt(0.5)
    np.testing.assert_allclose(frame_similarity(features), [[1, half, 0], [half, 1, 0], [0, 0, 1]], atol=1e-6)


def test_frames_that_show_nothing_are_like_each_other():
    np.testing.assert_array_equal(frame_similarity(np.zeros((2, 3), np.float16)), np.ones((2, 2)))
    np.testing.assert_array_equal(frame_similarity(np.array([[0, 0], [0, 2]], np.float16)), np.eye(2))


def test_coverage_by_hand():
    alike = np.array([[1, 0.5, 0], [0.5, 1, 0], [0, 0, 1]], np.float32)
    weights = np.array([1.0, 1.0, 2.0])
    assert coverage(alike, weights, []) == 0
    assert coverage(alike, weights, [0]) == pytest.approx(1.5 / 4)
    assert coverage(alike, weights, [0, 2]) == pytest.approx(3.5 / 4)
    assert coverage(alike, weights, [0, 1, 2]) == 1


def test_first_what_is_common_then_what_is_new():
    features = np.repeat(np.eye(4, dtype=np.float16), [5, 3, 2, 1], axis=0)
    assert choose(frame_similarity(features), ones(11), ones(11), 3) == [0, 5, 8]
    assert choose(frame_similarity(features), ones(11), ones(11), 9) == [0, 5, 8, 10]  # a fifth would show nothing new


def test_frames_that_stay_longer_count_more():
    weights = np.array([1.0, 1, 1, 9])
    assert choose(frame_similarity(np.eye(4, dtype=np.float16)), weights, ones(4), 1) == [3]


def test_it_stops_where_enough_is_covered():
    features = np.repeat(np.eye(4, dtype=np.float16), [5, 3, 2, 1], axis=0)
    assert choose(frame_similarity(features), ones(11), ones(11), 4, enough=0.7) == [0, 5]


@pytest.mark.parametrize("seed", range(20))
def test_greedy_reaches_its_guarantee(seed: int):
    alike = films(np.random.default_rng(seed))
    best = max(coverage(alike, ones(12), list(some)) for some in combinations(range(12), 3))
    found = coverage(alike, ones(12), choose(alike, ones(12), ones(12), 3))
    assert (1 - 1 / np.e) * best <= found <= best + 1e-6
    assert found >= 0.9 * best  # and in truth it is far better


@pytest.mark.parametrize("seed", range(20))
def test_it_reaches_its_guarantee_where_costs_differ(seed: int):
    rng = np.random.default_rng(seed)
    alike, costs = films(rng, 8), rng.uniform(0.5, 3, 8)
    subsets = [list(some) for size in range(9) for some in combinations(range(8), size)]
    best = max(coverage(alike, ones(8), some) for some in subsets if costs[some].sum() <= 4)
    chosen = choose(alike, ones(8), costs, 4)
    assert costs[chosen].sum() <= 4
    assert coverage(alike, ones(8), chosen) >= (1 - 1 / np.e) / 2 * best


def test_a_cheap_trifle_does_not_keep_out_the_film():
    alike = np.array([[1, 0], [0, 1]], np.float32)
    assert choose(alike, np.array([0.1, 5.0]), np.array([0.01, 10.0]), 10.0) == [1]


def test_what_costs_more_than_the_budget_is_never_chosen():
    alike = np.eye(3, dtype=np.float32)
    assert choose(alike, np.array([9.0, 1, 1]), np.array([5.0, 1, 1]), 2.0) == [1, 2]
    assert choose(alike, ones(3), ones(3), 0.5) == []


def test_costs_must_be_positive():
    with pytest.raises(ValueError, match="must cost something, got 0"):
        choose(np.eye(2, dtype=np.float32), ones(2), np.array([1.0, 0.0]), 1.0)
