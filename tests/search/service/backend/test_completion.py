"""A library of an older version is completed while it is served."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np

from model.encoder.contract import Encoder
from search.service.backend.completion import Completion
from store.catalog.catalog import Catalog
from tests.support.service import DEADLINE, get, serving, state_of


def older(library: Path, folder: Path) -> Path:
    """A copy of a library without what older versions did not store."""
    with Catalog.open(Path(shutil.copytree(library, folder)) / "catalog.sqlite") as catalog:
        catalog.database.execute("DELETE FROM windows")
        catalog.database.execute("UPDATE embeddings SET hubness = NULL WHERE segment_id > 1")
        catalog.database.execute("DELETE FROM settings WHERE name = 'complete_to'")
    return folder


def test_searches_of_an_older_library_are_looked_up_after_a_while(
    library: Path, encoder: Encoder, tmp_path: Path
) -> None:
    with Catalog.open(library / "catalog.sqlite") as catalog:
        ids = catalog.segments.ids()
        expected, hubness = catalog.segments.windows(ids), catalog.segments.embeddings_and_hubness(ids)[1]
    with serving(older(library, tmp_path / "older"), encoder) as client:
        before = get(client, "search", q="a red square")["items"]
        completion = state_of(client).completion
        completion._thread.join(DEADLINE)
        catalog = state_of(client).library.catalog
        assert catalog.segments.incomplete() == []
        made = catalog.segments.windows(ids)
        assert made.keys() == expected.keys()
        for number, windows in made.items():
            np.testing.assert_allclose(windows.embeddings, expected[number].embeddings, atol=1e-3)
        np.testing.assert_allclose(catalog.segments.embeddings_and_hubness(ids)[1], hubness, atol=1e-5)
        after = get(client, "search", q="a red square")["items"]
        assert [each["segment"] for each in after] == [each["segment"] for each in before]
        assert catalog.database.setting("complete_to") == str(catalog.database.last_id("segments"))


def test_a_library_that_is_closed_meanwhile_keeps_what_was_completed(
    library: Path, encoder: Encoder, tmp_path: Path
) -> None:
    with serving(older(library, tmp_path / "older"), encoder) as client:
        state = state_of(client)
        state.completion._thread.join(DEADLINE)
        state.library.catalog.database.execute("DELETE FROM windows WHERE segment_id > 1")
        state.library.catalog.database.execute("DELETE FROM settings WHERE name = 'complete_to'")
        again = Completion(state.engine)
        again._closing.set()
        again.start()
        again._thread.join(DEADLINE)
        assert state.library.catalog.segments.windows([1])
        assert len(state.library.catalog.segments.incomplete()) == len(state.library.catalog.videos.all()) - 2
