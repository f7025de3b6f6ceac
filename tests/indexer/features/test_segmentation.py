from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.features.segmentation import Segmenter


def segments(times, cut_at=(), *, end, max_seconds=10.0):
    segmenter = Segmenter(max_seconds=max_seconds)
    return segmenter.add(np.array(times, float), [t in cut_at for t in times]) + segmenter.finish(end)


def every_half(seconds):
    return [k / 2 for k in range(int(2 * seconds))]


def test_short_video_is_one_segment():
    assert segments(every_half(8), end=8.0) == [(0.0, 8.0)]


def test_shot_of_up_to_twice_the_limit_is_halved():
    assert segments(every_half(13), end=13.0) == [(0.0, 6.5), (6.5, 13.0)]


def test_long_shot_ends_in_two_even_windows():
    assert segments(every_half(33), end=33.0) == [(0, 10), (10, 20), (20, 26.5), (26.5, 33)]


def test_cuts_end_segments():
    assert segments(every_half(9), {3.0, 7.0}, end=9.0) == [(0, 3), (3, 7), (7, 9)]


def test_short_shots_join_the_next_and_the_last_joins_the_one_before():
    assert segments(every_half(9), {3.0, 3.5, 8.5}, end=9.0) == [(0, 3), (3, 9)]


def test_a_frame_shown_for_long_is_not_cut():
    assert segments([0.0, 60.0, 60.5], end=61.0) == [(0.0, 60.0), (60.0, 61.0)]


def test_segments_are_given_as_soon_as_they_are_known():
    segmenter = Segmenter(max_seconds=10)
    assert segmenter.add(np.array(every_half(20)), [False] * 40) == []
    assert segmenter.add(np.array([20.0]), [False]) == [(0.0, 10.0)]


def test_no_frames_no_segments():
    assert Segmenter().finish(5.0) == []


def test_errors_tell_the_values():
    segmenter = Segmenter()
    segmenter.add(np.array([0.0, 2.0]), [False, False])
    with pytest.raises(ValueError, match=r"increase from 0, got 1.5 after \[2.0\]"):
        segmenter.add(np.array([1.5]), [False])
    with pytest.raises(ValueError, match=r"after the last frame at 2.0 s, got 2.0"):
        segmenter.finish(2.0)
    with pytest.raises(ValueError, match="positive, got 0"):
        Segmenter(max_seconds=0)


@given(
    gaps=st.lists(st.floats(0.04, 30.0), min_size=1, max_size=60),
    first=st.floats(0.0, 3.0),
    tail=st.floats(0.01, 30.0),
    cuts=st.lists(st.booleans(), min_size=60, max_size=60),
    chunk=st.integers(1, 20),
    max_seconds=st.floats(0.5, 12.0),
)
def test_segments_tile_the_video_and_hold_frames(gaps, first, tail, cuts, chunk, max_seconds):
    times = np.array(list(itertools.accumulate(gaps[:-1], initial=first)))
    end = float(times[-1]) + tail
    segmenter = Segmenter(max_seconds=max_seconds)
    found = []
    for at in range(0, len(times), chunk):
        part = times[at : at + chunk]
        found += segmenter.add(part, cuts[at : at + len(part)])
    found += segmenter.finish(end)
    assert found[0][0] == 0.0
    assert found[-1][1] == end
    assert all(a[1] == b[0] for a, b in itertools.pairwise(found))
    for start, stop in found:
        held = [time for time in times if start <= time < stop]
        assert held
        assert stop - start <= max_seconds or len(held) == 1


@given(
    st.lists(st.booleans(), min_size=2, max_size=80),
    st.sampled_from([0.5, 0.25]),
)
def test_regular_frames_give_no_slivers(cuts, step):
    times = np.arange(len(cuts)) * step
    end = float(times[-1]) + step
    segmenter = Segmenter(max_seconds=10)
    found = segmenter.add(times, cuts) + segmenter.finish(end)
    assert all(stop - start >= min(1.0, end) for start, stop in found)
