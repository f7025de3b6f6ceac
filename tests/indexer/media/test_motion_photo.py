"""Videos at the end of photos, as cameras of Google and Samsung write them."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from indexer.discovery import discover
from indexer.media.container import MediaError, probe
from indexer.media.frames import read_frames, read_stills
from indexer.media.transcode import cut
from tests.support.media import motion_photo, render

KINDS = ["google", "google-old", "samsung", "heic"]


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return render(tmp_path_factory.mktemp("video") / "a.mp4", frames=50)


@pytest.mark.parametrize("kind", KINDS)
def test_the_video_of_a_motion_photo_is_read(tmp_path: Path, video: Path, kind: str):
    path = motion_photo(tmp_path / f"photo.{'heic' if kind == 'heic' else 'jpg'}", video, kind)
    assert discover([tmp_path]).files == [path]
    info = probe(path)
    assert (info.codec, info.width, info.duration) == ("h264", 160, pytest.approx(2.0, abs=0.05))
    expected = np.concatenate([part.data for part in read_frames(video)])
    assert np.array_equal(np.concatenate([part.data for part in read_frames(path)]), expected)
    assert len(list(read_stills(path, [1.5], short_side=96))) == 1
    list(cut(path, [(0.5, 1.5)], tmp_path / "cut.mp4"))
    assert probe(tmp_path / "cut.mp4").duration == pytest.approx(1.0, abs=0.05)


def test_other_photos_are_none(tmp_path: Path, video: Path):
    picture = io.BytesIO()
    Image.new("RGB", (64, 48), "red").save(picture, "JPEG")
    (tmp_path / "plain.jpg").write_bytes(picture.getvalue())
    (tmp_path / "without.jpg").write_bytes(picture.getvalue() + b"MotionPhoto that a program took the video out of")
    (tmp_path / "unsaid.jpg").write_bytes(picture.getvalue() + b"no ftyp")
    (tmp_path / "empty.jpg").write_bytes(b"")
    (tmp_path / "still.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"\0\0\0\x01mdat" + b"\xff" * 20)
    found = discover([tmp_path])
    assert (found.files, found.ignored, found.problems) == ([], 5, [])
    with pytest.raises(MediaError):
        probe(tmp_path / "plain.jpg")
