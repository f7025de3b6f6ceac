"""What only `PgvectorIndex` does: it is written with the library, and shared."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
import pytest

import store.vectors.pgvector_index
from store.catalog.catalog import Catalog
from store.catalog.postgres import PostgresDatabase
from store.errors import LibraryError
from store.filters import Filter
from store.types import EncoderInfo, SegmentText
from store.vectors.pgvector_index import PgvectorIndex
from store.vectors.sync import sync
from tests.support.postgres import new_library
from tests.support.vectors import DIM, fill, unit


@pytest.fixture
def catalog(postgres: str) -> Iterator[Catalog]:
    with Catalog.open(new_library(postgres)) as opened:
        yield opened


def index_of(catalog: Catalog) -> PgvectorIndex:
    assert isinstance(catalog.database, PostgresDatabase)
    return PgvectorIndex(catalog.database, DIM)


def test_it_is_written_in_the_transactions_of_the_library(catalog: Catalog) -> None:
    first = fill(catalog, "a.mp4", unit(5))
    index, other = index_of(catalog), index_of(catalog)
    assert len(other) == 0
    assert sync(index, catalog) == (5, 0)
    second = fill(catalog, "b.mp4", unit(3, seed=1))
    assert (len(other), other.ids().tolist()) == (8, list(range(1, 9)))
    text = SegmentText(2, "other words", unit(1, seed=9)[0], 0.0)
    assert catalog.with_encoder(EncoderInfo("test", DIM)).put_cues(first, [], [text], sources=["speech"])
    assert other.search(unit(1, seed=9), 1)[1].tolist() == [[2]]
    catalog.videos.remove([second.id or 0])
    assert (len(other), other.ids().tolist()) == (5, list(range(1, 6)))

    def half() -> None:
        with catalog.database.transaction():
            catalog.videos.remove([first.id or 0])
            raise KeyError

    with pytest.raises(KeyError):
        half()
    assert len(other) == 5
    assert other.generation == catalog.database.generation
    assert sync(other, catalog) == (0, 0)
    for each in (index, other):
        each.close()


def test_one_that_lags_behind_is_caught_up_with_the_log(catalog: Catalog) -> None:
    index = index_of(catalog)
    fill(catalog, "a.mp4", unit(5))
    sync(index, catalog)
    index.generation -= 1  # as where a program wrote that knows no pgvector
    fill(catalog, "b.mp4", unit(3, seed=1))
    assert len(index) == 5
    assert sync(index, catalog)[0] >= 3
    fill(catalog, "c.mp4", unit(2, seed=2))
    assert index.ids().tolist() == list(range(1, 11))
    catalog.database.set_setting("library_id", "another encoder took over")
    fill(catalog, "d.mp4", unit(2, seed=3))
    assert len(index) == 10
    sync(index, catalog)
    assert (len(index), index.source) == (12, "another encoder took over")
    index.close()


def test_beyond_the_limit_a_graph_is_built_once_for_all(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store.vectors.pgvector_index, "EXACT_LIMIT", 50)
    index, other = index_of(catalog), index_of(catalog)
    vectors = unit(120)
    fill(catalog, "a.mp4", vectors[:60])
    fill(catalog, "b.mp4", vectors[60:])
    assert index.capacity == 50
    assert sync(index, catalog) == (120, 0)
    assert other.capacity > 10**9
    for among in (None, (Filter("in", "b.mp4"),), (Filter("in", ".mp4"),)):
        found = other.search(vectors[60:], 1, among=among)[1][:, 0]
        assert (found == np.arange(61, 121)).mean() > 0.95
    fill(catalog, "c.mp4", unit(3, seed=4))
    assert other.search(unit(3, seed=4), 1)[1][:, 0].tolist() == [121, 122, 123]
    assert index.search(vectors[:1], 123)[1].min() > 0  # all of them, though a graph looks at fewer
    for each in (index, other):
        each.close()


def test_another_dimension_empties_it(catalog: Catalog) -> None:
    fill(catalog, "a.mp4", unit(5))
    index = index_of(catalog)
    sync(index, catalog)
    index.close()
    assert isinstance(catalog.database, PostgresDatabase)
    wider = PgvectorIndex(catalog.database, DIM + 1)
    assert (len(wider), wider.source) == (0, "")
    wider.close()


def test_a_reader_searches_and_writes_nothing(catalog: Catalog) -> None:
    fill(catalog, "a.mp4", unit(5))
    index = index_of(catalog)
    sync(index, catalog)
    catalog.database.read_only = True  # as `PostgresDatabase` finds it for a user with SELECT alone
    reader = index_of(catalog)
    index.generation -= 1
    assert sync(reader, catalog) == (0, 0)
    assert reader.search(unit(5), 1)[1][:, 0].tolist() == [1, 2, 3, 4, 5]
    catalog.database.execute("DELETE FROM settings WHERE name = 'vectors'")
    with pytest.raises(LibraryError, match="holds no vectors for pgvector yet"):
        index_of(catalog)
    for each in (index, reader):
        each.close()


def test_what_it_holds_is_not_copied_as_a_setting(catalog: Catalog) -> None:
    from store.catalog.copying import copy

    fill(catalog, "a.mp4", unit(5))
    index = index_of(catalog)
    sync(index, catalog)
    with Catalog.open(":memory:") as target:
        copy(catalog, target)
        assert target.database.setting("vectors") is None
        assert target.segments.changed(since=0).tolist() == [1, 2, 3, 4, 5]
    assert json.loads(catalog.database.setting("vectors") or "")["count"] == 5
    index.close()
