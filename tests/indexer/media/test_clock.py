"""Recordings whose clock jumps: times are counted on, for whatever is read of them and wherever reading begins."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from indexer.media.container import MediaError, probe
from indexer.media.frames import Frames, read_frames, read_stills, readable_end
from indexer.media.remux import remux
from indexer.media.sound import RATE, read_sound
from indexer.media.transcode import cut
from tests.support.media import greys, joined, quarters, render
from tests.support.media import remux as copied_later

FPS = 25


def numbers(frames: Frames) -> NDArray[np.float64]:
    return greys(frames.data) / 2


@pytest.mark.parametrize(
    ("suffix", "clocks"),
    [(".ts", (10, 10)), (".ts", (3600, 5)), (".ts", (0, 7200, 40, 40)), (".mpg", (10, 3610)), (".mpg", (3600, 5))],
)
def test_times_count_on(tmp_path: Path, suffix: str, clocks: tuple[float, ...]):
    path = joined(tmp_path / f"whole{suffix}", *clocks)
    info = probe(path)
    assert (info.clock_jumps, info.duration) == (
        len(clocks) - 1,
        pytest.approx(1.2 * len(clocks), abs=0.05 * len(clocks)),
    )
    chunks = list(read_frames(path, info=info, fps=FPS))
    times = np.concatenate([part.pts_seconds for part in chunks])
    assert np.diff(times).max() < 0.13
    shown = np.concatenate([numbers(part) for part in chunks])
    assert np.abs(shown - times * FPS).max() < 5  # the times of joins may be off by a little
    assert readable_end(path, info, times[-1]) == pytest.approx(info.duration, abs=0.01)


@pytest.mark.parametrize("clock", [2**33 / 90_000 - 0.6, 2**33 / 90_000 - 61])
def test_a_clock_that_begins_anew_after_its_last_value(tmp_path: Path, clock: float):
    path = joined(tmp_path / "wrapped.ts", clock, frames=50)
    assert probe(path).duration == pytest.approx(2.0, abs=0.1)
    chunks = list(read_frames(path))
    assert np.concatenate([part.pts_seconds for part in chunks])[-1] == pytest.approx(1.5, abs=0.1)


def test_reading_begins_anywhere(tmp_path: Path):
    path = joined(tmp_path / "whole.ts", 10, 3610, 10)
    stills = list(read_stills(path, [0.2, 1.4, 2.0, 2.6, 3.4], short_side=96))
    assert np.concatenate([numbers(still) for still in stills]) == pytest.approx([5, 35, 50, 65, 85], abs=2.5)


def test_parts_are_cut_and_copied(tmp_path: Path):
    path = joined(tmp_path / "whole.ts", 10, 3610, 10)
    list(cut(path, [(1.0, 1.4), (2.2, 3.0)], tmp_path / "cut.mp4"))
    assert probe(tmp_path / "cut.mp4").duration == pytest.approx(1.2, abs=0.05)
    shown = np.concatenate([numbers(part) for part in read_frames(tmp_path / "cut.mp4", fps=5)])
    assert shown == pytest.approx([25, 30, 55, 60, 65, 70], abs=2.5)
    begins = remux(path, 1.5, 2.9, tmp_path / "copy.mkv")
    assert begins == pytest.approx(1.2 + 0.48 * (1.5 - 1.2 > 0.48), abs=0.49)
    first = next(read_frames(tmp_path / "copy.mkv"))
    assert numbers(first)[0] == pytest.approx(begins * FPS, abs=2.5)
    with pytest.raises(MediaError, match=r"the video ends at 3\.\d s"):
        remux(path, 5.0, 6.0, tmp_path / "nothing.mkv")


@pytest.mark.parametrize("gap", [20, 3600])
def test_a_jump_within_a_recording(tmp_path: Path, gap: float):
    times = [40 * index + 1000 * gap * (index >= 40) for index in range(80)]
    path = render(tmp_path / "a.ts", frames=80, pts_ms=times, paint=quarters(step=2))
    assert (probe(path).clock_jumps, probe(path).duration) == (1, pytest.approx(3.2, abs=0.1))
    chunks = list(read_frames(path, fps=5))
    times = np.concatenate([part.pts_seconds for part in chunks])
    assert np.concatenate([numbers(part) for part in chunks]) == pytest.approx(times * FPS, abs=3)


def test_a_few_packets_of_another_time_are_no_new_recording(tmp_path: Path):
    path = render(tmp_path / "a.ts", frames=100, gop=12, paint=quarters(step=2))
    far = copied_later(path, tmp_path / "far.ts", shift_seconds=5000).read_bytes()
    raw = bytearray(path.read_bytes())
    middle = len(raw) // 188 // 2 * 188
    raw[middle : middle + 10 * 188] = far[middle : middle + 10 * 188]
    path.write_bytes(raw)
    chunks = list(read_frames(path))
    times = np.concatenate([part.pts_seconds for part in chunks])
    assert times[-1] == pytest.approx(3.5, abs=0.6)
    assert np.concatenate([numbers(part) for part in chunks])[-1] == pytest.approx(times[-1] * FPS, abs=3)


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not on this machine")
def test_sound_stays_with_the_picture(tmp_path: Path):
    """A beep at the white picture of each recording."""
    white, beep = "color=c=black:s=32x24:r=25:d=1.2", "aevalsrc=if(between(t\\,.4\\,.8)\\,sin(3000*t)\\,0):d=1.5"
    sources = [
        "-f",
        "lavfi",
        "-i",
        f"{white},drawbox=c=white:t=fill:enable='between(t,.4,.8)'",
        "-f",
        "lavfi",
        "-i",
        beep,
    ]
    part, path = tmp_path / "part.ts", tmp_path / "whole.ts"
    subprocess.run(["ffmpeg", "-v", "error", *sources, "-c:v", "mpeg2video", "-c:a", "mp2", str(part)], check=True)
    path.write_bytes(part.read_bytes() * 3)
    chunks = list(read_frames(path, fps=FPS))
    bright = np.concatenate([part.data.mean(axis=(1, 2, 3)) for part in chunks]) > 128
    times = np.concatenate([part.pts_seconds for part in chunks])
    flashes = times[1:][bright[1:] & ~bright[:-1]]
    loud = np.abs(np.concatenate(list(read_sound(path, duration=probe(path).duration)))) > 0.3
    heard = np.flatnonzero(loud) / RATE
    beeps = heard[np.insert(np.diff(heard) > 0.3, 0, True)]
    assert flashes == pytest.approx([0.4, 1.6, 2.8], abs=0.1)
    assert beeps == pytest.approx(flashes, abs=0.06)
