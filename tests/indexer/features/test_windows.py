"""Windows of segments: what they cover, and that they are stored, copied, completed and moved to another encoder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from indexer.features.hubness import hubness, query_bank
from indexer.features.windows import embed_windows
from model.encoder.contract import Encoder
from search import Library
from tests.support.media import render


@pytest.mark.parametrize(
    ("frames", "firsts"),
    [(1, [0]), (3, [0]), (4, [0]), (7, [0]), (8, [0, 4]), (11, [0, 4]), (20, [0, 4, 8, 12, 16]), (60, range(0, 60, 5))],
)
def test_windows_tile_a_segment(encoder: Encoder, frames: int, firsts):
    rng = np.random.default_rng(0)
    pts, features = 3 + np.arange(frames) / 2, rng.normal(size=(frames, encoder.feature_dim)).astype(np.float16)
    (windows,) = embed_windows([pts], [features], encoder)
    starts = list(firsts)
    assert windows.pts_seconds[:, 0].tolist() == pts[starts].tolist()
    ends = [*starts[1:], frames]
    parts = [features[first:last] for first, last in zip(starts, ends, strict=True)]
    expected = encoder.embed_segments(parts, [""] * len(parts))
    np.testing.assert_allclose(windows.embeddings, expected, atol=1e-3)
    np.testing.assert_allclose(windows.hubness, hubness(expected, query_bank(encoder)), atol=1e-5)
    assert ((windows.pts_seconds[:, 1] >= windows.pts_seconds[:, 0]) & (windows.pts_seconds[:, 1] <= pts[-1])).all()


@pytest.fixture
def library(tmp_path: Path, tiny_checkpoint: Path):
    render(tmp_path / "one.mp4", frames=75)
    with Library(tmp_path / "library", model=tiny_checkpoint) as opened:
        opened.index([tmp_path / "one.mp4"])
        yield opened


def test_indexing_stores_windows_and_a_search_looks_them_up(library: Library, monkeypatch: pytest.MonkeyPatch):
    ids = library.catalog.segments.ids()
    assert library.catalog.segments.incomplete() == []
    assert sorted(library.catalog.segments.windows(ids)) == ids.tolist()
    expected = library.search("a red dog")
    monkeypatch.setattr(library.encoder, "embed_segments", None)  # nothing is embedded but the query
    assert library.search("a red dog") == expected


def test_an_older_library_is_searched_and_completed(library: Library):
    expected = library.search("a red dog")
    database = library.catalog.database
    ids = library.catalog.segments.ids()
    stored = library.catalog.segments.windows(ids)
    database.execute("DELETE FROM windows")
    database.execute("UPDATE embeddings SET hubness = NULL")
    assert np.isnan(library.catalog.segments.embeddings_and_hubness(ids)[1]).all()
    again = library.search("a red dog")
    assert [(hit.path, hit.start, hit.end) for hit in again] == [(hit.path, hit.start, hit.end) for hit in expected]
    report = library.reindex()
    assert (report.done, report.embedded, report.decoded) == (True, 1, 0)
    assert library.catalog.segments.incomplete() == []
    for number, windows in library.catalog.segments.windows(ids).items():
        np.testing.assert_array_equal(windows.embeddings, stored[number].embeddings)
    assert library.search("a red dog") == expected
    assert library.reindex().embedded == 0


def test_a_copy_has_the_windows_of_its_source(library: Library, tmp_path: Path):
    (tmp_path / "two.mp4").write_bytes((tmp_path / "one.mp4").read_bytes())
    assert library.index([tmp_path / "two.mp4"]).relocated == 1
    assert library.catalog.segments.incomplete() == []


def test_windows_that_do_not_fit_are_refused(library: Library):
    from dataclasses import replace

    segments, encoder = library.catalog.segments, library.catalog.encoder()
    assert encoder is not None
    ((number, windows),) = list(segments.windows(segments.ids()[:1]).items())
    for wrong in (
        replace(windows, embeddings=windows.embeddings * 2),
        replace(windows, pts_seconds=windows.pts_seconds[:, :1]),
        replace(windows, hubness=windows.hubness[:-1]),
        replace(windows, hubness=windows.hubness * np.nan),
    ):
        with pytest.raises(ValueError, match=r"length 1|timestamps|hubness|finite"):
            segments.complete({number: wrong}, {}, encoder)
