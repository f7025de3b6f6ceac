"""The contract of `VectorIndex`, over every implementation: add a new one to `IMPLEMENTATIONS`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from store.catalog.catalog import Catalog
from store.filters import Filter
from store.vectors.faiss_index import FaissIndex
from store.vectors.index import Ids, VectorIndex, Vectors
from store.vectors.sync import sync
from tests.support.vectors import DIM, fill, make_flat, make_ivf, unit

Make = Callable[..., VectorIndex]


@dataclass(frozen=True)
class Implementation:
    """How one is made, without vectors (path, resolve), and opened again (path), and by how much its scores err."""

    make: Make
    reopen: Callable[[Path], VectorIndex]
    error: float


def reopen(path: Path) -> VectorIndex:
    return FaissIndex.open(path, DIM)


IMPLEMENTATIONS = {
    "flat": Implementation(make_flat, reopen, 1e-6),
    "ivf": Implementation(make_ivf, reopen, 0.015),
}


@pytest.fixture(params=IMPLEMENTATIONS)
def implementation(request: pytest.FixtureRequest) -> Implementation:
    return IMPLEMENTATIONS[request.param]


@pytest.fixture
def make(implementation: Implementation) -> Make:
    return implementation.make


@pytest.fixture
def error(implementation: Implementation) -> float:
    return implementation.error


def test_an_index_says_what_it_is(make: Make) -> None:
    index: VectorIndex = make()
    assert (index.dim, index.source, len(index)) == (DIM, "", 0)
    assert index.capacity > 0


def test_an_empty_index_finds_nothing(make: Make) -> None:
    index = make()
    scores, ids = index.search(unit(2), 3)
    assert len(index) == 0
    assert ids.tolist() == [[-1] * 3] * 2
    assert scores.tolist() == [[-np.inf] * 3] * 2
    assert (scores.dtype.name, ids.dtype.name) == ("float32", "int64")


def test_every_vector_finds_itself_and_scores_are_inner_products(make: Make, error: float) -> None:
    index, vectors = make(), unit(300)
    numbers = np.arange(300) * 7 + 5
    index.add(numbers, vectors)
    scores, ids = index.search(vectors, 4)
    assert ids.shape == scores.shape == (300, 4)
    assert (ids[:, 0] == numbers).mean() > 0.99
    assert (np.diff(scores, axis=1) <= 0).all()
    expected = np.einsum("qd,qkd->qk", vectors, vectors[(ids - 5) // 7])
    np.testing.assert_allclose(scores, expected, atol=error)


def test_adding_again_replaces(make: Make) -> None:
    index, vectors = make(), unit(2)
    index.add([4, 9], vectors)
    index.add([9], -vectors[1:])
    assert index.ids().tolist() == [4, 9]
    scores, ids = index.search(-vectors[1:], 1)
    assert ids.tolist() == [[9]]
    assert scores[0, 0] == pytest.approx(1, abs=0.05)


def test_removed_vectors_are_never_found(make: Make) -> None:
    index, vectors = make(), unit(50)
    index.add(np.arange(50), vectors)
    assert index.remove([3, 30, 999]) == 2
    assert len(index) == 48
    assert not np.isin([3, 30], index.search(vectors[[3, 30]], 50)[1]).any()
    assert index.remove([3]) == 0


def test_a_large_k_returns_everything_and_fills_the_rest(make: Make) -> None:
    index = make()
    index.add(np.arange(40), unit(40))
    scores, ids = index.search(unit(1, seed=5), 60)
    assert sorted(ids[0, :40]) == list(range(40))
    assert (ids[0, 40:] == -1).all()
    assert (scores[0, 40:] == -np.inf).all()


def test_among_returns_k_when_k_allowed_vectors_exist(make: Make, error: float) -> None:
    index, vectors = make(), unit(1000)
    index.add(np.arange(1000), vectors)
    allowed = np.random.default_rng(1).choice(1000, 12, replace=False)
    queries = unit(20, seed=2)
    ids = index.search(queries, 10, among=allowed)[1]
    assert np.isin(ids, allowed).all()
    best = allowed[np.argmax(queries @ vectors[allowed].T, axis=1)]
    assert (ids[:, 0] == best).mean() >= (1.0 if error < 1e-3 else 0.9)
    assert (index.search(queries, 20, among=allowed)[1] >= 0).sum(axis=1).tolist() == [12] * 20


def test_among_nothing_or_unknown_ids_finds_nothing(make: Make) -> None:
    index = make()
    index.add([1], unit(1))
    for among in (np.empty(0, np.int64), np.array([2, -1])):
        assert index.search(unit(1), 1, among=among)[1].tolist() == [[-1]]


@pytest.mark.parametrize(
    ("ids", "vectors", "message"),
    [
        ([1], unit(2), "one id"),
        ([1, 1], unit(2), "distinct"),
        ([-1], unit(1), "from 0 on"),
        ([1], unit(1, dim=DIM + 1), "shape"),
        ([1], unit(1)[0], "shape"),
        ([1], 2 * unit(1), "length"),
        ([1], np.zeros((1, DIM)), "length"),
        ([1], np.full((1, DIM), np.nan), "length"),
        ([1], np.full((1, DIM), 1e300), "length"),
    ],
)
def test_what_cannot_be_added_is_refused(
    make: Make, ids: list[int], vectors: NDArray[np.float32], message: str
) -> None:
    index = make()
    index.add([1], unit(1, seed=3))
    with pytest.raises(ValueError, match=message):
        index.add(ids, vectors)
    assert index.search(unit(1, seed=3), 1)[1].tolist() == [[1]]


@pytest.mark.parametrize("query", [unit(1, dim=3), 3 * unit(1), unit(1)[0]])
def test_queries_are_checked(make: Make, query: NDArray[np.float32]) -> None:
    with pytest.raises(ValueError, match=r"shape|length"):
        make().search(query, 1)


def test_k_must_be_positive(make: Make) -> None:
    with pytest.raises(ValueError, match="k = 0"):
        make().search(unit(1), 0)


def test_no_queries_is_no_error(make: Make) -> None:
    index = make()
    index.add([1], unit(1))
    assert index.search(np.empty((0, DIM)), 2)[1].shape == (0, 2)


@settings(deadline=None, max_examples=25)
@given(
    steps=st.lists(st.tuples(st.booleans(), st.sets(st.integers(0, 30), max_size=8)), max_size=8),
    allowed=st.sets(st.integers(0, 30)),
)
@pytest.mark.parametrize("make", [each.make for each in IMPLEMENTATIONS.values()], ids=IMPLEMENTATIONS)
def test_any_sequence_of_changes_agrees_with_a_plain_table(
    make: Make, steps: list[tuple[bool, set[int]]], allowed: set[int]
) -> None:
    index = make()
    oracle: dict[int, NDArray[np.float32]] = {}
    for seed, (adding, numbers) in enumerate(steps):
        if adding:
            vectors = unit(len(numbers), seed)
            index.add(sorted(numbers), vectors)
            oracle.update(zip(sorted(numbers), vectors, strict=True))
        else:
            assert index.remove(sorted(numbers)) == len(numbers & oracle.keys())
            oracle = {number: vector for number, vector in oracle.items() if number not in numbers}
    assert index.ids().tolist() == sorted(oracle)
    query = unit(1, seed=77)
    for among in (None, np.array(sorted(allowed), np.int64)):
        scores, ids = index.search(query, 40, among=among)
        expected = set(oracle) if among is None else set(oracle) & allowed
        assert set(ids[0].tolist()) - {-1} == expected
        for score, number in zip(scores[0], ids[0].tolist(), strict=True):
            if number >= 0:
                assert score == pytest.approx(float(query[0] @ oracle[number]), abs=0.05)


def test_searches_during_a_replacement_see_the_old_content(make: Make) -> None:
    index, old, new = make(), unit(100), unit(100, seed=1)
    index.add(np.arange(100), old)
    seen = []

    def batches() -> Iterator[tuple[Ids, Vectors]]:
        for first in (0, 50):
            yield np.arange(first, first + 50) + 1000, new[first : first + 50]
            seen.append(index.search(old, 1)[1][:, 0].tolist())

    index.replace(batches(), count=100, sample=new)
    assert seen == [list(range(100))] * 2
    assert index.ids().tolist() == list(range(1000, 1100))
    assert (index.search(new, 1)[1][:, 0] == np.arange(1000, 1100)).mean() > 0.99


def test_a_replacement_that_fails_leaves_the_old_content(make: Make) -> None:
    index, vectors = make(), unit(3)
    index.add(np.arange(3), vectors)
    for wrong in (2 * vectors, vectors[:1]):
        with pytest.raises(ValueError, match=r"length|one id"):
            index.replace([(np.arange(3), wrong)], count=3, sample=vectors)
    assert index.ids().tolist() == [0, 1, 2]
    index.replace([], count=0, sample=vectors[:0])
    assert len(index) == 0


def test_what_was_saved_is_there_when_it_is_opened_again(implementation: Implementation, tmp_path: Path) -> None:
    index, vectors = implementation.make(tmp_path / "vectors"), unit(20)
    index.add(np.arange(20), vectors)
    index.source = "abc"
    index.save()
    index.close()
    again = implementation.reopen(tmp_path / "vectors")
    assert (again.source, again.ids().tolist()) == ("abc", list(range(20)))
    assert (again.search(vectors, 1)[1][:, 0] == np.arange(20)).mean() > 0.9


def test_filters_limit_the_search(make: Make) -> None:
    with Catalog.open(":memory:") as catalog:
        fill(catalog, "a.mp4", unit(5))
        fill(catalog, "b.mp4", unit(5, seed=1))
        index = make(resolve=catalog.segments.ids)
        assert sync(index, catalog) == (10, 0)
        assert index.source == catalog.library_id
        assert sorted(index.search(unit(1), 10, among=(Filter("in", "b.mp4"),))[1][0]) == [-1] * 5 + list(range(6, 11))
        assert index.search(unit(1), 1, among=())[1].tolist() == [[1]]
