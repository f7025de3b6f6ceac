"""Segments and what they own."""

from __future__ import annotations

import numpy as np
import pytest

from store.catalog.catalog import Catalog
from store.catalog.searches import SavedSearch
from store.catalog.tags import Tag
from store.errors import NotInLibrary
from store.filters import Filter
from store.types import LocatedSegment, Segment
from tests.support.catalog import CUES, DIM, a_video, put, some_segments


def test_segments_and_what_they_own_come_back(catalog: Catalog) -> None:
    video_id, new = put(catalog), some_segments()
    segments = catalog.segments.of(video_id)
    assert segments == [Segment(video_id, i, i + 1, f"text {i}", id=i + 1) for i in range(2)]
    assert catalog.segments.get(2) == segments[1]
    for segment_id, expected in enumerate(new, 1):
        pts_seconds, features = catalog.segments.frame_features(segment_id)
        assert (pts_seconds.dtype.name, features.dtype.name) == ("float64", "float16")
        np.testing.assert_array_equal(pts_seconds, expected.pts_seconds)
        np.testing.assert_array_equal(features, expected.features)
        assert features.flags.writeable
        assert catalog.segments.thumbnail(segment_id) == (expected.thumbnail, expected.thumbnail_seconds)
    vectors = catalog.segments.embeddings([2, 1, 2])
    assert vectors.dtype == np.float32
    np.testing.assert_array_equal(vectors, np.stack([new[i].embedding for i in (1, 0, 1)]))


def test_unknown_ids_are_named(catalog: Catalog) -> None:
    put(catalog)
    assert catalog.segments.get(77) is None
    for ask in (catalog.segments.frame_features, catalog.segments.thumbnail):
        with pytest.raises(NotInLibrary, match="no segment with the id 77"):
            ask(77)
    with pytest.raises(NotInLibrary, match=r"id 70, 71, 72, 73, 74, \.\.\.") as caught:
        catalog.segments.embeddings([1, *range(79, 69, -1)])
    assert caught.value.ids == list(range(70, 80))
    assert catalog.segments.embeddings([]).shape == (0, DIM)


def test_ids_beyond_64_bits_are_unknown(catalog: Catalog) -> None:
    put(catalog)
    huge = 10**20
    assert catalog.segments.get(huge) is catalog.videos.get(huge) is None
    assert catalog.segments.located([huge, 1]) == catalog.segments.located([1])
    for ask in (
        lambda: catalog.segments.embeddings([1, huge]),
        lambda: catalog.segments.neighbours([1, huge], 1),
        lambda: catalog.segments.thumbnail(huge),
        lambda: catalog.searches.put(SavedSearch("dogs", "a dog", more=(huge,))),
    ):
        with pytest.raises(NotInLibrary) as caught:
            ask()
        assert caught.value.ids == [huge]


def test_located_segments_keep_the_order_and_leave_out_what_is_gone(catalog: Catalog) -> None:
    video_id = put(catalog)
    located = catalog.segments.located([2, 99, -1, 1])
    assert located == [
        LocatedSegment(2, video_id, "/films/a.mp4", 1.0, 2.0, "text 1"),
        LocatedSegment(1, video_id, "/films/a.mp4", 0.0, 1.0, "text 0"),
    ]
    assert catalog.segments.located(np.array([2, 2])) == located[:1] * 2  # type: ignore[arg-type]
    assert catalog.segments.located([]) == []


def test_thousands_of_ids_are_no_problem(catalog: Catalog) -> None:
    segments = some_segments(5000, frames=1)
    catalog.put_video(a_video(), segments, [])
    ids = catalog.segments.ids()
    assert ids.tolist() == list(range(1, 5001))
    np.testing.assert_array_equal(
        catalog.segments.embeddings(ids[::-1]), np.stack([s.embedding for s in segments[::-1]])
    )
    assert [segment.segment_id for segment in catalog.segments.located(ids.tolist())] == ids.tolist()


def test_neighbours_are_of_the_same_video_in_order_of_time(catalog: Catalog) -> None:
    put(catalog, "/films/a.mp4", count=3)
    put(catalog, "/films/b.mp4")
    ids, spans = catalog.segments.neighbours([2, 4], 2)
    assert ids.tolist() == [[-1, 1, 2, 3, -1], [-1, -1, 4, 5, -1]]
    assert spans[0].tolist() == [[0, 0], [0, 1], [1, 2], [2, 3], [0, 0]]
    assert spans.shape == (2, 5, 2)
    assert [array.shape for array in catalog.segments.neighbours([], 1)] == [(0, 3), (0, 3, 2)]
    with pytest.raises(NotInLibrary) as caught:
        catalog.segments.neighbours([1, 98, 99], 1)
    assert caught.value.ids == [98, 99]
    assert catalog.segments.siblings([2]).tolist() == [1, 2, 3]


def test_filters_leave_what_they_say(catalog: Catalog) -> None:
    one, two = "/v/Holiday_1/a.MP4", "/v/holiday-2/50%.mkv"
    catalog.put_video(a_video(one, mtime_ns=100, duration=10.0), some_segments(1), CUES)
    catalog.put_video(a_video(two, mtime_ns=200, duration=60.0), some_segments(1), [])
    catalog.tags.put([Tag(2, "Dog", 1.0, "me")], origin="me", video_ids=[2])

    def left(*filters: Filter) -> list[int]:
        return list(catalog.segments.ids(filters))

    assert left() == [1, 2]
    assert left(Filter("within", "/v/holiday-2")) == left(Filter("in", "DAY-2")) == [2]
    assert left(Filter("in", "day_")) == left(Filter("type", "mp4")) == left(Filter("has", "subtitles")) == [1]
    assert left(Filter("in", "50%")) == left(Filter("tag", "dog")) == [2]
    assert left(Filter("after", 200)) == left(Filter("longer", 60)) == [2]
    assert left(Filter("before", 200)) == left(Filter("shorter", 60)) == [1]
    assert left(Filter("tag", "dog", negated=True)) == left(Filter("in", "day-2", negated=True)) == [1]
    assert left(Filter("in", "holiday"), Filter("longer", 20)) == [2]
    assert left(Filter("in", "holiday"), Filter("longer", 20), Filter("type", "avi")) == []
