from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import store.vectors.faiss_index
from store.catalog.catalog import Catalog
from store.types import EncoderInfo, NewSegment, Video
from store.vectors.faiss_index import FaissIndex, bring_up_to_date

DIM = 16
Make = Callable[..., FaissIndex]


def unit(count: int, seed: int = 0, dim: int = DIM) -> NDArray[np.float32]:
    vectors = np.random.default_rng(seed).normal(size=(count, dim))
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def make_flat(path: Path | None = None) -> FaissIndex:
    return FaissIndex(DIM, path=path)


def make_ivf(path: Path | None = None) -> FaissIndex:
    index = FaissIndex(DIM, path=path)
    index.rebuild(unit(1500, seed=99), [])  # 38 lists: more than are probed
    return index


@pytest.fixture(params=[make_flat, make_ivf], ids=["flat", "ivf"])
def make(request: pytest.FixtureRequest) -> Make:
    made: Make = request.param
    return made


def fill(catalog: Catalog, name: str, vectors: NDArray[np.float32]) -> Video:
    video = Video(f"/v/{name}", 1, 2, "00", "mp4", "h264", 10.0, 25.0, 64, 48, 0)
    frames = np.zeros((1, 2), np.float16)
    segments = [
        NewSegment(float(i), i + 1.0, "", np.array([float(i)]), frames, v, b"jpeg", 0.0) for i, v in enumerate(vectors)
    ]
    return catalog.with_encoder(EncoderInfo("test", vectors.shape[1])).put_video(video, segments, [])


# The contract, over both kinds


def test_the_kind_is_told() -> None:
    assert (make_flat().kind, make_ivf().kind) == ("flat", "ivf")


def test_an_empty_index_finds_nothing(make: Make) -> None:
    index = make()
    scores, ids = index.search(unit(2), 3)
    assert len(index) == 0
    assert ids.tolist() == [[-1] * 3] * 2
    assert scores.tolist() == [[-np.inf] * 3] * 2
    assert (scores.dtype.name, ids.dtype.name) == ("float32", "int64")


def test_every_vector_finds_itself_and_scores_are_inner_products(make: Make) -> None:
    index, vectors = make(), unit(300)
    numbers = np.arange(300) * 7 + 5
    index.add(numbers, vectors)
    scores, ids = index.search(vectors, 4)
    assert ids.shape == scores.shape == (300, 4)
    assert (ids[:, 0] == numbers).mean() > 0.99
    assert (np.diff(scores, axis=1) <= 0).all()
    expected = np.einsum("qd,qkd->qk", vectors, vectors[(ids - 5) // 7])
    np.testing.assert_allclose(scores, expected, atol=1e-6 if index.kind == "flat" else 0.015)


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


def test_among_returns_k_when_k_allowed_vectors_exist(make: Make) -> None:
    index, vectors = make(), unit(1000)
    index.add(np.arange(1000), vectors)
    allowed = np.random.default_rng(1).choice(1000, 12, replace=False)
    queries = unit(20, seed=2)
    ids = index.search(queries, 10, among=allowed)[1]
    assert np.isin(ids, allowed).all()
    best = allowed[np.argmax(queries @ vectors[allowed].T, axis=1)]
    assert (ids[:, 0] == best).mean() >= (1.0 if index.kind == "flat" else 0.9)
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


def test_save_and_open(make: Make, tmp_path: Path) -> None:
    path, vectors = tmp_path / "new" / "vectors.faiss", unit(100)
    index = make(path)
    index.add(np.arange(100) + 3, vectors)
    index.library_id = "abc"
    index.save()
    again = FaissIndex.open(path, DIM)
    assert (again.kind, again.library_id, len(again)) == (index.kind, "abc", 100)
    assert again.ids().tolist() == list(range(3, 103))
    for ours, theirs in zip(again.search(vectors, 5), index.search(vectors, 5), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    again.add([7], unit(1, seed=8))
    assert again.remove([8, 9]) == 2
    assert os.listdir(path.parent) == ["vectors.faiss"]


def test_clear_starts_over(make: Make) -> None:
    index = make()
    index.add([1], unit(1))
    index.clear()
    assert (len(index), index.kind) == (0, "flat")


def test_close_forgets_without_touching_the_file(make: Make, tmp_path: Path) -> None:
    index = make(tmp_path / "vectors")
    index.add([1], unit(1))
    index.save()
    index.close()
    index.save()
    assert len(index) == 0
    assert len(FaissIndex.open(tmp_path / "vectors", DIM)) == 1


@settings(deadline=None, max_examples=25)
@given(
    steps=st.lists(st.tuples(st.booleans(), st.sets(st.integers(0, 30), max_size=8)), max_size=8),
    allowed=st.sets(st.integers(0, 30)),
)
@pytest.mark.parametrize("make", [make_flat, make_ivf], ids=["flat", "ivf"])
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


# The file


def test_a_missing_file_is_an_empty_index(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert len(FaissIndex.open(tmp_path / "none", DIM)) == 0
    assert not caplog.records


def damage_nothing_left(content: bytes) -> bytes:
    return b""


def damage_truncated(content: bytes) -> bytes:
    return content[: len(content) // 2]


def damage_header_only(content: bytes) -> bytes:
    return content.partition(b"\n")[0]


def damage_one_bit(content: bytes) -> bytes:
    return content[:-40] + bytes([content[-40] ^ 1]) + content[-39:]


def damage_foreign(content: bytes) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + bytes(range(256))


def damage_json(content: bytes) -> bytes:
    return b"[1, 2]\n"


@pytest.mark.parametrize(
    "damage",
    [damage_nothing_left, damage_truncated, damage_header_only, damage_one_bit, damage_foreign, damage_json],
)
def test_a_damaged_file_heals_from_the_catalog(
    make: Make, damage: Callable[[bytes], bytes], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path, vectors = tmp_path / "vectors", unit(30)
    with Catalog.open(":memory:") as catalog:
        fill(catalog, "a.mp4", vectors)
        index = make(path)
        assert bring_up_to_date(index, catalog) == (30, 0)
        index.save()
        path.write_bytes(damage(path.read_bytes()))
        with caplog.at_level(logging.WARNING):
            healed = FaissIndex.open(path, DIM)
        assert str(path) in caplog.text
        assert len(healed) == 0
        assert bring_up_to_date(healed, catalog) == (30, 0)
        assert healed.search(vectors, 1)[1][:, 0].tolist() == catalog.segments.ids().tolist()


def test_a_file_of_another_dimension_is_an_empty_index(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    index = make_flat(tmp_path / "vectors")
    index.add([1], unit(1))
    index.save()
    assert len(FaissIndex.open(tmp_path / "vectors", DIM + 1)) == 0
    assert "16 components, not of 17" in caplog.text


def test_a_crash_while_saving_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "vectors"
    index = make_flat(path)
    index.add([1], unit(1))
    index.save()
    index.add([2], unit(1, seed=1))

    def fail(*_: object) -> None:
        raise OSError("the disk is gone")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="gone"):
        index.save()
    assert FaissIndex.open(path, DIM).ids().tolist() == [1]
    assert os.listdir(tmp_path) == ["vectors"]


# The catalog and the index


def test_the_index_follows_the_catalog(make: Make) -> None:
    with Catalog.open(":memory:") as catalog:
        index = make()
        assert bring_up_to_date(index, catalog) == (0, 0)
        first = fill(catalog, "a.mp4", unit(5))
        fill(catalog, "b.mp4", unit(3, seed=1))
        assert bring_up_to_date(index, catalog) == (8, 0)
        assert bring_up_to_date(index, catalog) == (0, 0)
        assert first.id is not None
        catalog.videos.remove([first.id])
        fill(catalog, "c.mp4", unit(2, seed=2))
        assert bring_up_to_date(index, catalog) == (2, 5)
        assert index.ids().tolist() == catalog.segments.ids().tolist() == [6, 7, 8, 9, 10]


def test_an_index_of_another_library_with_the_same_ids_is_not_believed(tmp_path: Path) -> None:
    index = make_flat()
    with Catalog.open(tmp_path / "old.db") as old, Catalog.open(tmp_path / "new.db") as new:
        fill(old, "a.mp4", unit(4))
        fill(new, "a.mp4", unit(4, seed=1))
        assert bring_up_to_date(index, old) == (4, 0)
        assert bring_up_to_date(index, new) == (4, 4)
        assert index.search(unit(4, seed=1), 1)[0].min() == pytest.approx(1, abs=1e-6)


def test_many_vectors_make_it_ivf_and_emptying_makes_it_flat(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store.vectors.faiss_index, "EXACT_LIMIT", 200)
    monkeypatch.setattr(store.vectors.faiss_index, "_CHUNK", 64)
    with Catalog.open(":memory:") as catalog:
        index = make_flat()
        fill(catalog, "a.mp4", unit(200))
        assert bring_up_to_date(index, catalog) == (200, 0)
        assert index.kind == "flat"
        more = fill(catalog, "b.mp4", unit(50, seed=1))
        assert bring_up_to_date(index, catalog) == (50, 0)
        assert (index.kind, len(index)) == ("ivf", 250)
        assert index.search(unit(50, seed=1), 1)[1][:, 0].tolist() == list(range(201, 251))
        assert more.id is not None
        catalog.videos.remove([video.id for video in catalog.videos.all() if video.id is not None])
        assert bring_up_to_date(index, catalog) == (0, 250)
        assert index.kind == "flat"


def test_searches_during_a_rebuild_are_answered_from_what_was_there() -> None:
    index, vectors = make_flat(), unit(100)
    index.add(np.arange(100), vectors)
    seen = []

    def batches() -> object:
        for first in (0, 50):
            yield np.arange(first, first + 50), vectors[first : first + 50]
            seen.append(index.search(vectors, 1)[1][:, 0].tolist())

    index.rebuild(vectors, batches())  # type: ignore[arg-type]
    assert seen == [list(range(100))] * 2
    assert (index.kind, len(index)) == ("ivf", 100)


def test_a_video_that_goes_while_it_is_read_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    with Catalog.open(":memory:") as catalog:
        gone, kept = fill(catalog, "a.mp4", unit(2)), fill(catalog, "b.mp4", unit(3, seed=1))
        ids = catalog.segments.ids()
        assert gone.id is not None
        catalog.videos.remove([gone.id])
        monkeypatch.setattr(catalog.segments, "ids", lambda: ids)
        index = make_flat()
        assert bring_up_to_date(index, catalog) == (3, 0)
        assert kept.id is not None
        assert index.ids().tolist() == [segment.id for segment in catalog.segments.of(kept.id)]
