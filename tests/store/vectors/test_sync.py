"""An index follows the catalog."""

from __future__ import annotations

from pathlib import Path

import pytest

import store.vectors.faiss_index
import store.vectors.sync
from store.catalog.catalog import Catalog
from store.vectors.sync import sync
from tests.support.vectors import Make, fill, make_flat, make_ivf, unit


@pytest.fixture(params=[make_flat, make_ivf], ids=["flat", "ivf"])
def make(request: pytest.FixtureRequest) -> Make:
    made: Make = request.param
    return made


def test_the_index_follows_the_catalog(make: Make) -> None:
    with Catalog.open(":memory:") as catalog:
        index = make()
        assert sync(index, catalog) == (0, 0)
        first = fill(catalog, "a.mp4", unit(5))
        fill(catalog, "b.mp4", unit(3, seed=1))
        assert sync(index, catalog) == (8, 0)
        assert sync(index, catalog) == (0, 0)
        assert first.id is not None
        catalog.videos.remove([first.id])
        fill(catalog, "c.mp4", unit(2, seed=2))
        assert sync(index, catalog) == (2, 5)
        assert index.ids().tolist() == catalog.segments.ids().tolist() == [6, 7, 8, 9, 10]


def test_an_index_of_another_library_with_the_same_ids_is_not_believed(tmp_path: Path) -> None:
    index = make_flat()
    with Catalog.open(tmp_path / "old.db") as old, Catalog.open(tmp_path / "new.db") as new:
        fill(old, "a.mp4", unit(4))
        fill(new, "a.mp4", unit(4, seed=1))
        assert sync(index, old) == (4, 0)
        assert sync(index, new) == (4, 4)
        assert index.search(unit(4, seed=1), 1)[0].min() == pytest.approx(1, abs=1e-6)


def test_many_vectors_make_it_ivf_and_emptying_makes_it_flat(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store.vectors.faiss_index, "EXACT_LIMIT", 200)
    monkeypatch.setattr(store.vectors.sync, "_CHUNK", 64)
    with Catalog.open(":memory:") as catalog:
        index = make_flat()
        fill(catalog, "a.mp4", unit(200))
        assert sync(index, catalog) == (200, 0)
        assert index.kind == "flat"
        more = fill(catalog, "b.mp4", unit(50, seed=1))
        assert sync(index, catalog) == (50, 0)
        assert (index.kind, len(index)) == ("ivf", 250)
        assert index.search(unit(50, seed=1), 1)[1][:, 0].tolist() == list(range(201, 251))
        assert more.id is not None
        catalog.videos.remove([video.id for video in catalog.videos.all() if video.id is not None])
        assert sync(index, catalog) == (0, 250)
        assert index.kind == "flat"


def test_a_video_that_goes_while_it_is_read_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    with Catalog.open(":memory:") as catalog:
        gone, staying = fill(catalog, "a.mp4", unit(2)), fill(catalog, "b.mp4", unit(3, seed=1))
        ids = catalog.segments.ids()
        assert gone.id is not None
        catalog.videos.remove([gone.id])
        monkeypatch.setattr(catalog.segments, "ids", lambda: ids)
        index = make_flat()
        assert sync(index, catalog) == (3, 0)
        assert staying.id is not None
        assert index.ids().tolist() == [segment.id for segment in catalog.segments.of(staying.id)]
