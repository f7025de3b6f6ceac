"""Times of files of any year are kept exactly and in order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.catalog.catalog import Catalog
from store.filters import parse_filter
from store.times import split_time, with_split_time, with_whole_time
from store.types import EncoderInfo, Failure
from tests.support.catalog import DIM, a_video, some_segments

SECOND = 10**9
TIMES = [
    -11_644_473_600 * SECOND,  # 1601, where NTFS begins
    -(2**63) - 1,
    -(2**63),
    -1,
    0,
    2**63 - 1,
    2**63,  # 2262-04-11
    10_413_792_000 * SECOND + 1,  # 2300
    16_299_260_424 * SECOND,  # 2486, where XFS ends
    2**63 * SECOND,  # more than any file system holds
]


@given(st.integers(-(2**63) * SECOND, 2**63 * SECOND), st.integers(-(2**63) * SECOND, 2**63 * SECOND))
def test_split_times_are_whole_again_and_in_order(one: int, other: int):
    assert with_whole_time(with_split_time({"mtime_ns": one})) == {"mtime_ns": one}
    assert all(-(2**63) <= part < 2**63 for part in split_time(one))
    assert (split_time(one) < split_time(other)) == (one < other)


@pytest.mark.parametrize("time", TIMES)
def test_a_video_and_a_failure_of_any_time_are_kept(time: int):
    with Catalog.open(":memory:", EncoderInfo("mini@1", DIM)) as catalog:
        stored = catalog.put_video(a_video("/v/a.mp4", mtime_ns=time), some_segments(1), [])
        assert stored.id is not None
        assert catalog.videos.get(stored.id) == stored
        assert catalog.move_video(stored.id, a_video("/v/b.mp4", mtime_ns=-time)).mtime_ns == -time
        assert [video.mtime_ns for video in catalog.videos.all()] == [-time]
        catalog.failures.put(Failure("/v/c.mp4", 1, time, "open", "no video"))
        failure = catalog.failures.at("/v/c.mp4")
        assert failure is not None
        assert failure.mtime_ns == time
        assert catalog.failures.page(limit=1)[0] == [failure]


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("before:9999", 10 - 1),
        ("after:9999", 1),
        ("after:0001", 10),
        ("before:0001-01-01", 0),
        ("after:2263", 3),
        ("before:2263", 7),
        ("after:2300", 3),
        ("before:1650", 1),
        ("before:9999-12-31", 9),
    ],
)
def test_dates_of_any_year_are_compared(query: str, count: int):
    with Catalog.open(":memory:", EncoderInfo("mini@1", DIM)) as catalog:
        for number, time in enumerate(TIMES):
            catalog.put_video(a_video(f"/v/{number}.mp4", mtime_ns=time), some_segments(1), [])
        assert len(catalog.segments.ids([parse_filter(*query.split(":"))])) == count


@pytest.mark.parametrize("date", ["0000", "10000", "12024-01", "2024-13", "2024-02-30", "-5", "99999999999999999999"])
def test_what_is_no_date_is_said(date: str):
    with pytest.raises(ValueError, match="a date is 2024"):
        parse_filter("before", date)
