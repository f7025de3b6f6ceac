"""The contract of `VectorIndex`, over every implementation: add a new one to `IMPLEMENTATIONS`.

Only the contract is tested: arguments have the dtypes that it names, and errors are checked by their type.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from store.catalog.catalog import Catalog
from store.filters import Filter
from store.vectors.faiss_index import FaissIndex
from store.vectors.index import Ids, VectorIndex, Vectors
from store.vectors.sync import sync
from tests.support.postgres import new_library
from tests.support.vectors import DIM, fill, make_flat, make_ivf, unit

Make = Callable[..., VectorIndex]


@dataclass(frozen=True)
class Implementation:
    """How to make an empty index (path, resolve) and reopen a saved one (path), the largest error of its scores, and
    the library beside it.
    """

    make: Make
    reopen: Callable[[Path], VectorIndex]
    error: float
    catalog: Callable[[], Catalog] = lambda: Catalog.open(":memory:")


def reopen_faiss(path: Path) -> VectorIndex:
    return FaissIndex.open(path, DIM)


def on_pgvector(server: str, *, graph: bool) -> Iterator[Implementation]:
    """One library, whose table of vectors is emptied for each index."""
    from store.catalog.postgres import PostgresDatabase
    from store.vectors.pgvector_index import EXACT_LIMIT, PgvectorIndex

    url = new_library(server)

    def make(path: Path | None = None, resolve: object = None) -> VectorIndex:
        index = PgvectorIndex(database, DIM)
        index.replace([], count=EXACT_LIMIT + graph, sample=unit(0))
        return index

    with PostgresDatabase(url) as database:
        reopen = partial(PgvectorIndex, database, DIM)
        yield Implementation(make, lambda path: reopen(), 2e-3, lambda: Catalog.open(url))


IMPLEMENTATIONS: dict[str, Implementation | Callable[[str], Iterator[Implementation]]] = {
    "faiss flat": Implementation(make_flat, reopen_faiss, 1e-6),
    "faiss ivf": Implementation(make_ivf, reopen_faiss, 0.05),
    "pgvector": partial(on_pgvector, graph=False),
    "pgvector graph": partial(on_pgvector, graph=True),
}


def ids_of(*numbers: int) -> Ids:
    return np.array(numbers, np.int64)


@pytest.fixture(params=IMPLEMENTATIONS)
def implementation(request: pytest.FixtureRequest) -> Iterator[Implementation]:
    made = IMPLEMENTATIONS[request.param]
    if isinstance(made, Implementation):
        yield made
    else:
        yield from made(request.getfixturevalue("postgres"))


@pytest.fixture
def make(implementation: Implementation) -> Make:
    return implementation.make


@pytest.fixture
def error(implementation: Implementation) -> float:
    return implementation.error


def test_an_index_says_what_it_is(make: Make) -> None:
    index: VectorIndex = make()
    assert (index.dim, index.source, index.generation, len(index)) == (DIM, "", 0, 0)
    assert (index.ids().tolist(), index.ids().dtype.name) == ([], "int64")
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


def test_a_sample_is_spread_over_the_ids(make: Make) -> None:
    index = make()
    assert index.sample(5).tolist() == []
    index.add(np.arange(100) * 3, unit(100))
    assert index.sample(200).tolist() == index.ids().tolist()
    sample = index.sample(10)
    assert np.isin(sample, index.ids()).all()
    assert 8 <= len(sample) <= 10
    assert (sample.min(), sample.max()) == (0, 297)
    assert index.sample(1).dtype.name == "int64"


def test_adding_again_replaces(make: Make, error: float) -> None:
    index, vectors = make(), unit(2)
    index.add(ids_of(4, 9), vectors)
    index.add(ids_of(9), -vectors[1:])
    assert index.ids().tolist() == [4, 9]
    scores, ids = index.search(-vectors[1:], 1)
    assert ids.tolist() == [[9]]
    assert scores[0, 0] == pytest.approx(1, abs=error)


def test_removed_vectors_are_never_found(make: Make) -> None:
    index, vectors = make(), unit(50)
    index.add(np.arange(50), vectors)
    assert index.remove(ids_of(3, 30, 999)) == 2
    assert len(index) == 48
    assert not np.isin([3, 30], index.search(vectors[[3, 30]], 50)[1]).any()
    assert index.remove(ids_of(3)) == 0


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
    index.add(ids_of(1), unit(1))
    for among in (ids_of(), ids_of(2, -1)):
        assert index.search(unit(1), 1, among=among)[1].tolist() == [[-1]]


@pytest.mark.parametrize(
    ("ids", "vectors"),
    [
        (ids_of(1), unit(2)),
        (ids_of(1, 1), unit(2)),
        (ids_of(-1), unit(1)),
        (ids_of(1), unit(1, dim=DIM + 1)),
        (ids_of(1), unit(1)[0]),
        (ids_of(1), 2 * unit(1)),
        (ids_of(1), np.zeros((1, DIM), np.float32)),
        (ids_of(1), np.full((1, DIM), np.nan, np.float32)),
        (ids_of(1), np.full((1, DIM), np.inf, np.float32)),
    ],
)
def test_invalid_vectors_are_not_added(make: Make, ids: Ids, vectors: Vectors) -> None:
    index = make()
    index.add(ids_of(1), unit(1, seed=3))
    with pytest.raises(ValueError):  # noqa: PT011 - the contract leaves the message open
        index.add(ids, vectors)
    assert index.ids().tolist() == [1]
    assert index.search(unit(1, seed=3), 1)[1].tolist() == [[1]]


@pytest.mark.parametrize("query", [unit(1, dim=3), 3 * unit(1), unit(1)[0]])
def test_queries_are_checked(make: Make, query: Vectors) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the contract leaves the message open
        make().search(query, 1)


@pytest.mark.parametrize("k", [0, -1])
def test_k_must_be_positive(make: Make, k: int) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the contract leaves the message open
        make().search(unit(1), k)


def test_no_queries_is_no_error(make: Make) -> None:
    index = make()
    index.add(ids_of(1), unit(1))
    assert index.search(unit(0), 2)[1].shape == (0, 2)


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(st.tuples(st.booleans(), st.sets(st.integers(0, 30), max_size=8)), max_size=8),
    allowed=st.sets(st.integers(0, 30)),
)
def test_any_sequence_of_changes_agrees_with_a_plain_table(
    implementation: Implementation, steps: list[tuple[bool, set[int]]], allowed: set[int]
) -> None:
    index = implementation.make()
    oracle: dict[int, NDArray[np.float32]] = {}
    for seed, (adding, numbers) in enumerate(steps):
        if adding:
            vectors = unit(len(numbers), seed)
            index.add(ids_of(*sorted(numbers)), vectors)
            oracle.update(zip(sorted(numbers), vectors, strict=True))
        else:
            assert index.remove(ids_of(*sorted(numbers))) == len(numbers & oracle.keys())
            oracle = {number: vector for number, vector in oracle.items() if number not in numbers}
    assert index.ids().tolist() == sorted(oracle)
    query = unit(1, seed=77)
    for among in (None, ids_of(*sorted(allowed))):
        scores, ids = index.search(query, 40, among=among)
        expected = set(oracle) if among is None else set(oracle) & allowed
        assert set(ids[0].tolist()) - {-1} == expected
        for score, number in zip(scores[0], ids[0].tolist(), strict=True):
            if number >= 0:
                assert score == pytest.approx(float(query[0] @ oracle[number]), abs=implementation.error)


def test_searches_during_a_replacement_see_the_old_content(make: Make) -> None:
    index, old, new = make(), unit(100), unit(100, seed=1)
    index.add(np.arange(100), old)
    during = []

    def batches() -> Iterator[tuple[Ids, Vectors]]:
        for first in (0, 50):
            yield np.arange(first, first + 50) + 1000, new[first : first + 50]
            during.append(index.search(old, 1)[1][:, 0].tolist())

    index.replace(batches(), count=100, sample=new)
    assert during == [list(range(100))] * 2
    assert index.ids().tolist() == list(range(1000, 1100))
    assert (index.search(new, 1)[1][:, 0] == np.arange(1000, 1100)).mean() > 0.99


def test_a_replacement_that_fails_leaves_the_old_content(make: Make) -> None:
    index, vectors = make(), unit(3)
    index.add(np.arange(3), vectors)
    for wrong in (2 * vectors, vectors[:1]):
        with pytest.raises(ValueError):  # noqa: PT011 - the contract leaves the message open
            index.replace([(np.arange(3), wrong)], count=3, sample=vectors)
    assert index.ids().tolist() == [0, 1, 2]
    index.replace([], count=0, sample=vectors[:0])
    assert len(index) == 0


def test_what_was_saved_is_there_when_it_is_opened_again(implementation: Implementation, tmp_path: Path) -> None:
    index, vectors = implementation.make(tmp_path / "vectors"), unit(20)
    index.add(np.arange(20), vectors)
    index.source, index.generation = "abc", 7
    index.save()
    index.close()
    again = implementation.reopen(tmp_path / "vectors")
    assert (again.source, again.generation, again.ids().tolist()) == ("abc", 7, list(range(20)))
    assert (again.search(vectors, 1)[1][:, 0] == np.arange(20)).mean() > 0.9


def test_filters_limit_the_search(implementation: Implementation, make: Make) -> None:
    with implementation.catalog() as catalog:
        fill(catalog, "a.mp4", unit(5))
        fill(catalog, "b.mp4", unit(5, seed=1))
        index = make(resolve=catalog.segments.ids)
        assert sync(index, catalog) == (10, 0)
        assert index.source == catalog.library_id
        assert sorted(index.search(unit(1), 10, among=(Filter("in", "b.mp4"),))[1][0]) == [-1] * 5 + list(range(6, 11))
        assert index.search(unit(1), 1, among=())[1].tolist() == [[1]]
        if index.takes_filters:
            many = (Filter("in", "b.mp4"), Filter("longer", 1.0), Filter("type", "mp4"), Filter("tag", "dog", True))
            assert sorted(index.search(unit(1), 5, among=many)[1][0]) == list(range(6, 11))
            assert index.search(unit(1), 2, among=(Filter("within", "/elsewhere"),))[1].tolist() == [[-1, -1]]
