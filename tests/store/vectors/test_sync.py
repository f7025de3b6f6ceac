"""An index follows the catalog."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import store.vectors.faiss_index
import store.vectors.sync
from store.catalog import migrations
from store.catalog.catalog import Catalog
from store.types import EncoderInfo, SegmentText
from store.vectors.sync import sync
from tests.support.vectors import DIM, Make, fill, make_flat, make_ivf, unit


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
        sync(index, catalog)
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


def test_what_changed_is_read_from_the_log_and_nothing_else(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    with Catalog.open(":memory:") as catalog:
        index = make()
        first, second = fill(catalog, "a.mp4", unit(5)), fill(catalog, "b.mp4", unit(3, seed=1))
        fill(catalog, "untouched.mp4", unit(2, seed=3))
        sync(index, catalog)
        monkeypatch.setattr(catalog.segments, "ids", lambda: pytest.fail("all ids were read"))
        monkeypatch.setattr(index, "ids", lambda: pytest.fail("all ids were read"))
        fill(catalog, "c.mp4", unit(2, seed=2))
        catalog.videos.remove([first.id or 0])
        catalog.copy_video(second.id or 0, replace(second, path="/v/d.mp4"))
        text = SegmentText(6, "other words", unit(1, seed=9)[0], 0.0)
        assert catalog.with_encoder(EncoderInfo("test", DIM)).put_cues(second, [], [text], sources=["speech"])
        catalog.move_video(second.id or 0, replace(second, path="/v/e.mp4"))
        assert sync(index, catalog) == (8, 8)
        monkeypatch.undo()
        assert index.ids().tolist() == catalog.segments.ids().tolist() == list(range(6, 16))
        assert index.search(unit(1, seed=9), 1)[1].tolist() == [[6]]
        generation = catalog.database.generation
        catalog.database.set_setting("a", "b")
        assert (sync(index, catalog), index.generation) == ((0, 0), generation)


def test_a_log_that_lacks_something_is_not_trusted(make: Make) -> None:
    with Catalog.open(":memory:") as catalog:
        index = make()
        first = fill(catalog, "a.mp4", unit(5))
        fill(catalog, "b.mp4", unit(3, seed=1))
        sync(index, catalog)
        catalog.videos.remove([first.id or 0])
        catalog.database.execute("DELETE FROM changes")
        fill(catalog, "c.mp4", unit(2, seed=2))
        sync(index, catalog)
        assert index.ids().tolist() == catalog.segments.ids().tolist()


def test_an_index_of_a_library_without_a_log_is_kept(tmp_path: Path) -> None:
    path, index = tmp_path / "catalog.sqlite", make_flat()
    with pytest.MonkeyPatch.context() as before:
        older = migrations.MIGRATIONS[: migrations.MIGRATIONS.index(migrations.add_changes)]
        before.setattr(migrations, "MIGRATIONS", older)
        with Catalog.open(path) as old:
            fill(old, "a.mp4", unit(5))
            old.database.execute("INSERT INTO revisions VALUES (2, 2)")
            index.add(np.arange(1, 9), unit(8))  # of which one was removed, and one revised, since
            index.source, index.generation = old.library_id, 1
    with Catalog.open(path) as catalog:
        assert sync(index, catalog) == (1, 4)
        assert index.ids().tolist() == catalog.segments.ids().tolist()


def test_an_index_that_is_outgrown_answers_until_it_is_rebuilt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store.vectors.faiss_index, "EXACT_LIMIT", 200)
    with Catalog.open(":memory:") as catalog:
        index = make_flat()
        fill(catalog, "a.mp4", unit(100))
        sync(index, catalog)
        fill(catalog, "b.mp4", unit(150, seed=1))
        assert sync(index, catalog, rebuild=False) == (150, 0)
        assert (index.kind, len(index)) == ("flat", 250)
        assert sync(index, catalog) == (0, 0)
        assert (index.kind, len(index), index.capacity) == ("ivf", 250, 1000)
        fill(catalog, "c.mp4", unit(800, seed=2))
        assert sync(index, catalog) == (800, 0)
        assert index.capacity == 4200
        assert index.search(unit(800, seed=2), 1)[1][:, 0].tolist() == list(range(251, 1051))
