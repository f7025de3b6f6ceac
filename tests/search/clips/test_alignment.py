"""Aligning two stretches of frames, whose features are noise that changes slowly."""

from __future__ import annotations

import numpy as np
import pytest

from search.clips.alignment import Alignment, align
from search.clips.frames import FrameSequence
from search.clips.matching import match_kind


def sequence(pts_seconds: np.ndarray, rows: np.ndarray, end: float) -> FrameSequence:
    return FrameSequence(pts_seconds, rows, ~rows.any(axis=1), end)


def film(seconds: float, seed: int) -> FrameSequence:
    """Two frames a second, each of which has something in common with those up to two seconds before and after it."""
    count = int(seconds * 2)
    noise = np.random.default_rng(seed).normal(size=(count + 4, 256))
    rows = sum(noise[shift : shift + count] for shift in range(4))
    return sequence(np.arange(count) / 2, unit(rows), seconds)


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def sampled(
    track: FrameSequence, times: np.ndarray, seconds: float, *, noise: float = 0.0, seed: int = 0
) -> FrameSequence:
    """What a copy of a film shows at some instants of the film, shown at 2 frames a second."""
    rows = np.stack([np.interp(times, track.pts_seconds, column) for column in track.rows.T], axis=1)
    rows = unit(rows) + noise * unit(np.random.default_rng(seed).normal(size=rows.shape))
    return sequence(np.arange(len(times)) / 2, unit(rows), seconds)


def joined(*tracks: FrameSequence) -> FrameSequence:
    starts = np.cumsum([0.0, *(track.end for track in tracks)])
    pts = np.concatenate([track.pts_seconds + start for track, start in zip(tracks, starts[:-1], strict=True)])
    return sequence(pts, np.concatenate([track.rows for track in tracks]), float(starts[-1]))


def aligned(query: FrameSequence, found: FrameSequence, **options: object) -> Alignment:
    alignment = align(query, found, **options)
    assert alignment is not None
    return alignment


@pytest.mark.parametrize(("first", "last"), [(0, 8), (5, 12), (10, 16), (3.5, 6)])
def test_an_excerpt_is_found_where_it_was_cut(first: float, last: float):
    whole = film(16, seed=3)
    part = whole.between(first, last)
    match = aligned(sequence(part.pts_seconds - first, part.rows, last - first), whole)
    assert (match.start, match.end) == (pytest.approx(first, abs=0.2), pytest.approx(last, abs=0.2))
    assert (match.query_start, match.query_end) == (pytest.approx(0, abs=0.2), pytest.approx(last - first, abs=0.2))
    assert match.speed == 1.0
    assert match.similarity == pytest.approx(1.0, abs=0.05)
    assert match.agreement == pytest.approx(1.0, abs=0.1)
    assert match_kind(match) == "copy"


@pytest.mark.parametrize("speed", [0.5, 0.8, 1.25, 2.0])
def test_the_speed_is_found_with_the_place(speed: float):
    whole = film(60, seed=4)
    times = 20 + speed * np.arange(24) / 2
    match = aligned(sampled(whole, times, 12.0, noise=0.2), whole)
    assert match.speed == pytest.approx(speed, rel=0.08)
    assert match.start == pytest.approx(20, abs=0.5)
    assert match.end == pytest.approx(20 + 12 * speed, abs=1.0)
    assert match_kind(match) == "near copy"


def test_what_both_have_is_found_amid_what_only_one_has():
    shared = film(8, seed=5)
    query, found = joined(film(6, 6), shared, film(5, 7)), joined(film(20, 8), shared, film(9, 9))
    match = aligned(query, found)
    assert (match.query_start, match.query_end) == (pytest.approx(6, abs=0.5), pytest.approx(14, abs=0.5))
    assert (match.start, match.end) == (pytest.approx(20, abs=0.5), pytest.approx(28, abs=0.5))


def test_a_query_longer_than_what_it_finds_says_which_part_matches():
    whole = film(20, seed=10)
    match = aligned(whole, whole.between(5, 10))
    assert (match.start, match.end, match.speed) == (5.0, 10.0, 1.0)
    assert (match.query_start, match.query_end) == (pytest.approx(5, abs=0.2), pytest.approx(10, abs=0.2))


def test_long_films_are_aligned_to_the_frame_although_their_speeds_differ_by_a_little():
    whole = film(900, seed=11)
    times = 100 + 1.04 * np.arange(1200) / 2  # a cinema film on television
    match = aligned(sampled(whole, times, 600.0, noise=0.3), whole)
    assert match.speed == pytest.approx(1.04, abs=0.002)
    assert match.start == pytest.approx(100, abs=1.0)
    assert match.end == pytest.approx(724, abs=1.0)
    hinted = aligned(sampled(whole, times, 600.0, noise=0.3), whole, near=[(300.0, 415.0)])
    assert hinted.start == pytest.approx(100, abs=1.0)


def test_a_single_frame_matches_the_frame_like_it():
    whole = film(10, seed=12)
    match = aligned(sequence(np.array([0.0]), whole.rows[7:8], 0.5), whole)
    assert (match.start, match.end) == (pytest.approx(3.5, abs=0.2), pytest.approx(4, abs=0.2))
    assert match.frames == 1


def test_frames_that_show_nothing_match_nothing():
    black = sequence(np.arange(20) / 2, np.zeros((20, 256), np.float32), 10.0)
    whole = film(10, seed=13)
    assert align(black, black) is None
    assert align(black, whole) is None
    match = aligned(joined(black, whole), joined(film(4, 14), black, whole))
    assert (match.query_start, match.start) == (pytest.approx(10, abs=0.2), pytest.approx(14, abs=0.2))


def test_another_moment_of_one_scene_is_no_copy():
    scene = unit(np.random.default_rng(15).normal(size=(1, 256)))
    takes = [sequence(np.arange(16) / 2, unit(scene + 0.4 * film(8, seed).rows), 8.0) for seed in (16, 17)]
    assert match_kind(aligned(*takes)) == "same scene"


def test_what_had_to_be_undone_makes_a_near_copy():
    whole = film(16, seed=18)
    assert match_kind(aligned(whole, whole), edited=True) == "near copy"
    assert match_kind(None) == "similar"
    assert match_kind(align(film(8, 19), film(8, 20))) in ("similar", "same scene")
