"""Reading key frames only."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from indexer.media.frames import read_frames

pytestmark = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")


def film(path: Path, *, seconds: int, gop_seconds: float, options: tuple[str, ...] = ()) -> Path:
    gop = str(round(10 * gop_seconds))
    source = f"testsrc=s=128x96:r=10:d={seconds}"
    coding = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-g", gop, "-keyint_min", gop]
    command = ["ffmpeg", "-nostdin", "-loglevel", "error", "-y", "-f", "lavfi", "-i", source, *coding]
    subprocess.run([*command, "-sc_threshold", "0", *options, path], check=True)
    return path


def times(path: Path, **options) -> list[float]:
    return np.concatenate([frames.pts_seconds for frames in read_frames(path, short_side=96, **options)]).tolist()


@pytest.mark.parametrize(("suffix", "options"), [("mp4", ()), ("mp4", ("-bf", "2")), ("mkv", ()), ("mov", ())])
def test_only_key_frames_are_read_and_they_are_the_same_pictures(tmp_path: Path, suffix: str, options):
    path = film(tmp_path / f"film.{suffix}", seconds=9, gop_seconds=2, options=options)
    assert times(path, key_frames_only=True) == pytest.approx([0, 2, 4, 6, 8], abs=0.01)
    fast = np.concatenate([frames.data for frames in read_frames(path, short_side=96, key_frames_only=True)])
    every = np.concatenate([frames.data for frames in read_frames(path, short_side=96, fps=0.5)])
    assert np.abs(fast.astype(int) - every).mean() < 8  # of 255: two decoders scale


def test_more_key_frames_than_are_wanted_are_thinned(tmp_path: Path):
    path = film(tmp_path / "film.mp4", seconds=4, gop_seconds=0.1)
    assert times(path, key_frames_only=True, fps=1.0) == pytest.approx([0, 1, 2, 3], abs=0.01)


@pytest.mark.parametrize(("suffix", "gop_seconds"), [("mp4", 60), ("mp4", 11), ("ts", 1)])
def test_where_they_are_far_apart_or_not_listed_all_frames_are_read(tmp_path: Path, suffix: str, gop_seconds: float):
    path = film(tmp_path / f"film.{suffix}", seconds=15, gop_seconds=gop_seconds)
    assert len(times(path, key_frames_only=True)) == 30


def test_a_part_is_read_whole(tmp_path: Path):
    path = film(tmp_path / "film.mp4", seconds=6, gop_seconds=3)
    assert len(times(path, key_frames_only=True, start_seconds=1, end_seconds=4)) == 6
