"""Numbers against a case worked out by hand, against torchmetrics, and against what must hold of any numbers."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from search.evaluation.metrics import (
    average_precision,
    bootstrap,
    chance,
    chance_mean_rank,
    chance_median_rank,
    dual_softmax,
    iou,
    ranks,
    recall_curve,
)

# Four texts ask for videos 0 to 3; worked out by hand, with a tie in the third row.
SCORES = np.array([[0.9, 0.1, 0.3, 0.2], [0.8, 0.7, 0.1, 0.9], [0.5, 0.1, 0.5, 0.2], [0.9, 0.8, 0.7, 0.1]])
RIGHT = np.eye(4, dtype=bool)

seconds = st.floats(0, 100, allow_nan=False).map(lambda value: round(value, 2))
windows = st.tuples(seconds, st.floats(0.1, 50)).map(lambda pair: (pair[0], pair[0] + pair[1]))
window_lists = st.lists(windows, min_size=1, max_size=6)


@st.composite
def tasks(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Scores with many ties, and right answers, at least one a query."""
    shape = draw(st.tuples(st.integers(1, 6), st.integers(1, 8)))
    scores = draw(arrays.arrays(np.float64, shape, elements=st.integers(-4, 4).map(lambda value: value / 4)))
    right = draw(arrays.arrays(np.bool_, shape))
    right[np.arange(shape[0]), draw(arrays.arrays(np.int64, shape[0], elements=st.integers(0, shape[1] - 1)))] = True
    return scores, right


def test_a_case_worked_out_by_hand():
    found = ranks(SCORES, RIGHT)
    assert found.tolist() == [1, 3, 2, 4]
    assert recall_curve(found, 4).tolist() == [0.25, 0.5, 0.75, 1.0]
    assert (np.median(found), np.mean(found)) == (2.5, 2.5)
    assert ranks(SCORES.T, RIGHT).tolist() == [2, 2, 2, 4]  # the first video ties at 0.9 with the last text


def test_the_best_of_several_right_answers_counts():
    right = np.array([[False, True, True, False]])
    assert ranks(np.array([[0.9, 0.2, 0.8, 0.7]]), right).tolist() == [2]


def test_one_score_for_everything_is_the_worst_and_not_the_best():
    assert ranks(np.zeros((3, 5)), np.eye(3, 5, dtype=bool)).tolist() == [5, 5, 5]


@pytest.mark.parametrize(
    ("scores", "right", "message"),
    [
        (np.zeros((2, 3)), np.ones((3, 2), bool), r"one shape \(Q, V\), got \(2, 3\) and \(3, 2\)"),
        (np.array([[0.0, np.nan]]), np.array([[True, False]]), "finite, got nan"),
        (np.zeros((2, 2)), np.array([[True, False], [False, False]]), "query 1 has none"),
    ],
)
def test_what_cannot_be_ranked_is_refused(scores: np.ndarray, right: np.ndarray, message: str):
    with pytest.raises(ValueError, match=message):
        ranks(scores, right)


def test_agrees_with_torchmetrics():
    retrieval = pytest.importorskip("torchmetrics.functional.retrieval", reason="torchmetrics is not installed")
    import torch

    rng = np.random.default_rng(0)
    scores = rng.random(size=(200, 50))
    right = rng.random(size=(200, 50)) < 0.03
    right[np.arange(200), rng.integers(50, size=200)] = True
    found = ranks(scores, right)
    pairs = list(zip(torch.from_numpy(scores), torch.from_numpy(right), strict=True))
    curve = recall_curve(found, 50)
    for k in (1, 5, 10, 50):
        theirs = [float(retrieval.retrieval_hit_rate(row, target, top_k=k)) for row, target in pairs]
        assert curve[k - 1] == pytest.approx(np.mean(theirs), abs=1e-6)
    theirs = [float(retrieval.retrieval_reciprocal_rank(row, target)) for row, target in pairs]
    np.testing.assert_allclose(1 / found, theirs, atol=1e-6)


def test_average_precision_of_one_right_window_agrees_with_torchmetrics():
    retrieval = pytest.importorskip("torchmetrics.functional.retrieval", reason="torchmetrics is not installed")
    import torch

    for place in range(5):
        overlap = np.full((5, 1), 0.1)
        overlap[place] = 0.8
        target = torch.arange(5) == place
        theirs = float(retrieval.retrieval_average_precision(torch.linspace(1, 0.2, 5), target))
        assert average_precision(overlap, 0.5) == pytest.approx(theirs, abs=1e-6)


@given(tasks(), st.randoms(use_true_random=False))
def test_the_order_of_the_videos_does_not_matter(task: tuple[np.ndarray, np.ndarray], random):
    scores, right = task
    order = random.sample(range(scores.shape[1]), scores.shape[1])
    assert ranks(scores, right).tolist() == ranks(scores[:, order], right[:, order]).tolist()


@given(tasks())
def test_only_the_order_of_scores_matters(task: tuple[np.ndarray, np.ndarray]):
    scores, right = task
    assert ranks(scores, right).tolist() == ranks(np.exp(scores) * 3 - 7, right).tolist()


@given(tasks(), st.integers(0, 1000))
def test_breaking_ties_in_any_way_never_makes_it_worse(task: tuple[np.ndarray, np.ndarray], seed: int):
    scores, right = task
    broken = scores + np.random.default_rng(seed).uniform(0, 1e-3, scores.shape)
    assert (ranks(broken, right) <= ranks(scores, right)).all()


@given(tasks())
def test_recall_grows_to_one(task: tuple[np.ndarray, np.ndarray]):
    scores, right = task
    curve = recall_curve(ranks(scores, right), scores.shape[1])
    assert (np.diff(curve) >= 0).all()
    assert curve[-1] == 1


@given(st.integers(1, 6), st.data())
def test_chance_is_the_mean_over_all_orders(candidates: int, data: st.DataObject):
    counts = data.draw(st.lists(st.integers(1, candidates), min_size=1, max_size=3))
    firsts = np.array(
        [
            [1 + min(order.index(i) for i in range(m)) for order in itertools.permutations(range(candidates))]
            for m in counts
        ]
    )
    assert chance(counts, candidates) == pytest.approx(recall_curve(firsts.ravel(), candidates), abs=1e-12)
    assert chance_mean_rank(counts, candidates) == pytest.approx(firsts.mean(), abs=1e-12)
    assert chance_median_rank(counts, candidates) == np.sort(firsts.ravel())[(firsts.size - 1) // 2]


def test_chance_of_a_thousand_videos():
    assert chance(np.ones(1000), 1000)[[0, 4, 9]] == pytest.approx([0.001, 0.005, 0.01])
    assert chance_median_rank([1], 1000) == 500
    assert chance_mean_rank([1], 1000) == 500.5
    assert chance([0], 3).tolist() == [0, 0, 0]


def test_dual_softmax_settles_a_video_that_everybody_likes():
    scores = np.array([[0.9, 0.5, 0.5], [0.8, 0.75, 0.5], [0.8, 0.5, 0.78]])
    assert ranks(scores, np.eye(3, dtype=bool)).tolist() == [1, 2, 2]
    assert ranks(dual_softmax(scores), np.eye(3, dtype=bool)).tolist() == [1, 1, 1]


def test_dual_softmax_is_the_log_of_both_softmaxes():
    logits = np.array([[0.3, -0.2], [0.1, 0.4]])
    powers = np.exp(logits)
    expected = np.log(powers / powers.sum(0)) + np.log(powers / powers.sum(1, keepdims=True))
    np.testing.assert_allclose(dual_softmax(logits, temperature=1.0), expected, atol=1e-12)
    assert np.isfinite(dual_softmax(np.array([[1.0, -1.0], [-1.0, 1.0]]))).all()


@given(window_lists, window_lists, st.floats(0, 50))
def test_iou_is_a_symmetric_share_that_shifts_along(some: list, others: list, shift: float):
    shares = iou(some, others)
    assert ((shares >= 0) & (shares <= 1)).all()
    np.testing.assert_allclose(shares, iou(others, some).T)
    np.testing.assert_allclose(shares, iou(np.add(some, shift), np.add(others, shift)), atol=1e-6)
    np.testing.assert_allclose(np.diag(iou(some, some)), 1)


def test_iou_by_hand():
    assert iou([(0, 10), (5, 6)], [(5, 15), (20, 30)]).tolist() == [[pytest.approx(1 / 3), 0], [0.1, 0]]
    assert iou([(3, 3)], [(3, 3)]).tolist() == [[0.0]]


def test_average_precision_by_hand():
    overlap = np.array([[0.9, 0.0], [0.6, 0.0], [0.0, 0.2], [0.1, 0.7]])
    # Right, the same window again, wrong, right: precision 1, 1/2, 1/3, 1/2 and recall 1/2, 1/2, 1/2, 1.
    assert average_precision(overlap, 0.5) == pytest.approx((1 + 1 / 2) / 2)
    assert average_precision(overlap, 0.8) == pytest.approx(1 / 2)
    assert average_precision(overlap, 0.95) == 0


def test_precision_is_interpolated():
    overlap = np.array([[0, 0], [1.0, 0], [0, 1.0]])
    # Precision 0, 1/2, 2/3: at recall 1/2 the better precision that follows counts.
    assert average_precision(overlap, 0.5) == pytest.approx(2 / 3)


def test_a_prediction_takes_the_free_window_it_overlaps_most():
    overlap = np.array([[0.9, 0.6], [0.8, 0.1], [0.0, 0.7]])
    # The first takes window 0, so the second has none left that it overlaps enough; the third takes window 1.
    assert average_precision(overlap, 0.5) == pytest.approx((1 + 2 / 3) / 2)


@given(window_lists, st.sampled_from([0.5, 0.7, 0.95]))
def test_perfect_predictions_have_precision_one(some: list, threshold: float):
    assert average_precision(iou(some, some), threshold) == 1


@given(st.lists(st.integers(1, 50), min_size=1, max_size=30), st.integers(0, 2**32))
def test_bootstrap_intervals_are_ordered_repeatable_and_within_the_values(found: list[int], seed: int):
    values = np.array(found)
    low, high = bootstrap(values, np.mean, resamples=20, seed=seed)
    assert min(found) <= low <= high <= max(found)
    assert (low, high) == bootstrap(values, np.mean, resamples=20, seed=seed)


def test_bootstrap_of_a_mean_agrees_with_its_standard_error():
    values = np.random.default_rng(1).normal(size=400)
    low, high = bootstrap(values, np.mean, resamples=2000, seed=0)
    error = values.std() / 20
    assert low == pytest.approx(values.mean() - 1.96 * error, abs=0.15 * error)
    assert high == pytest.approx(values.mean() + 1.96 * error, abs=0.15 * error)


def test_bootstrap_intervals_have_the_shape_of_the_statistic():
    low, high = bootstrap(np.array([1, 1, 1]), lambda found: recall_curve(found, 2), resamples=10, seed=0)
    assert low.tolist() == high.tolist() == [1, 1]
