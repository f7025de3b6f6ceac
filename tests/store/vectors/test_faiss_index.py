"""What only `FaissIndex` does: its two kinds, and its file."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from store.catalog.catalog import Catalog
from store.filters import Filter
from store.vectors.faiss_index import EXACT_LIMIT, FaissIndex
from store.vectors.sync import sync
from tests.support.vectors import DIM, Make, fill, make_flat, make_ivf, unit


@pytest.fixture(params=[make_flat, make_ivf], ids=["flat", "ivf"])
def make(request: pytest.FixtureRequest) -> Make:
    made: Make = request.param
    return made


def test_the_kind_is_told() -> None:
    flat, ivf = make_flat(), make_ivf()
    assert (flat.kind, ivf.kind) == ("flat", "ivf")
    assert flat.capacity == EXACT_LIMIT < ivf.capacity
    ivf.replace([], count=0, sample=unit(0))
    assert (len(ivf), ivf.kind, ivf.capacity) == (0, "flat", EXACT_LIMIT)


def test_filters_need_someone_to_resolve_them(make: Make) -> None:
    with pytest.raises(ValueError, match="resolve filters"):
        make().search(unit(1), 1, among=(Filter("in", "b.mp4"),))


@pytest.mark.parametrize(
    ("ids", "vectors", "message"),
    [
        ([1], unit(2), "one id"),
        ([1, 1], unit(2), "distinct"),
        ([-1], unit(1), "from 0 on"),
        ([1], unit(1, dim=DIM + 1), "shape"),
        ([1], unit(1)[0], "shape"),
        ([1], 2 * unit(1), "length"),
        ([1], np.full((1, DIM), np.nan), "length"),
        ([1], np.full((1, DIM), 1e300), "length"),
    ],
)
def test_messages_say_what_is_wrong_with_vectors(
    make: Make, ids: list[int], vectors: NDArray[np.float64], message: str
) -> None:
    index = make()
    with pytest.raises(ValueError, match=message):
        index.add(ids, vectors)
    if message in ("shape", "length"):
        with pytest.raises(ValueError, match=message):
            index.search(vectors, 1)
    with pytest.raises(ValueError, match="k = 0"):
        index.search(unit(1), 0)


def test_scores_of_ivf_are_close_to_the_inner_products() -> None:
    index, vectors = make_ivf(), unit(300)
    index.add(np.arange(300), vectors)
    scores, ids = index.search(vectors, 4)
    np.testing.assert_allclose(scores, np.einsum("qd,qkd->qk", vectors, vectors[ids]), atol=0.015)


def test_save_and_open(make: Make, tmp_path: Path) -> None:
    path, vectors = tmp_path / "new" / "vectors.faiss", unit(100)
    index = make(path)
    index.add(np.arange(100) + 3, vectors)
    index.source = "abc"
    index.save()
    again = FaissIndex.open(path, DIM)
    assert (again.kind, again.source, len(again)) == (index.kind, "abc", 100)
    assert again.ids().tolist() == list(range(3, 103))
    for ours, theirs in zip(again.search(vectors, 5), index.search(vectors, 5), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    again.add([7], unit(1, seed=8))
    assert again.remove([8, 9]) == 2
    assert os.listdir(path.parent) == ["vectors.faiss"]


def test_close_forgets_without_touching_the_file(make: Make, tmp_path: Path) -> None:
    index = make(tmp_path / "vectors")
    index.add([1], unit(1))
    index.save()
    index.close()
    index.save()
    assert len(index) == 0
    assert len(FaissIndex.open(tmp_path / "vectors", DIM)) == 1


def test_a_missing_file_is_an_empty_index(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert len(FaissIndex.open(tmp_path / "none", DIM)) == 0
    assert not caplog.records


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
        assert sync(index, catalog) == (30, 0)
        index.save()
        path.write_bytes(damage(path.read_bytes()))
        with caplog.at_level(logging.WARNING):
            healed = FaissIndex.open(path, DIM)
        assert str(path) in caplog.text
        assert len(healed) == 0
        assert sync(healed, catalog) == (30, 0)
        assert healed.search(vectors, 1)[1][:, 0].tolist() == catalog.segments.ids().tolist()
