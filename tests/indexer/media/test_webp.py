"""Animated WebP, which is read through Pillow."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from indexer.discovery import discover
from indexer.media.container import MediaError, probe
from indexer.media.frames import read_frames, read_stills
from indexer.media.transcode import cut
from tests.support.media import animated_webp


def greys(path: Path, **options: float) -> list[float]:
    return [float(picture.mean()) for part in read_frames(path, **options) for picture in part.data]


def test_an_animation_is_a_video_with_its_own_times(tmp_path: Path):
    path = animated_webp(tmp_path / "a.webp", shades=range(10, 210, 20), milliseconds=[100] * 5 + [300] * 5)
    assert discover([tmp_path]).files == [path]
    info = probe(path)
    assert (info.container, info.codec, info.width, info.height) == ("webp", "webp", 64, 48)
    assert info.duration == pytest.approx(2.0, abs=0.01)
    assert greys(path, fps=10) == pytest.approx(range(10, 210, 20), abs=3)
    times = np.concatenate([part.pts_seconds for part in read_frames(path, fps=10)])
    assert times == pytest.approx([0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.8, 1.1, 1.4, 1.7], abs=0.01)
    assert next(read_stills(path, [1.0], short_side=48)).data.mean() == pytest.approx(130, abs=3)
    list(cut(path, [(0.5, 1.5)], tmp_path / "cut.mp4"))
    assert greys(tmp_path / "cut.mp4")[0] == pytest.approx(110, abs=4)


def test_what_is_transparent_lies_over_grey(tmp_path: Path):
    path = animated_webp(tmp_path / "a.webp", shades=(255, 254), milliseconds=[200, 200], alpha=0)
    assert greys(path)[0] == pytest.approx(128, abs=2)


def test_stills_and_damaged_files_are_refused(tmp_path: Path):
    Image.new("RGB", (64, 48), "red").save(tmp_path / "still.webp")
    path = animated_webp(tmp_path / "a.webp", shades=range(0, 250, 25), milliseconds=[100] * 10)
    raw = path.read_bytes()
    (tmp_path / "b.webp").write_bytes(raw[:64] + bytes(len(raw) - 64))
    assert discover([tmp_path]).files == [path, tmp_path / "b.webp"]
    for name in ("still.webp", "b.webp"):
        with pytest.raises(MediaError):
            probe(tmp_path / name)
