"""Which of several video streams is read, and how long files are that do not say so."""

from __future__ import annotations

import subprocess
from pathlib import Path

import av
import numpy as np
import pytest

from indexer.media.container import MediaError, probe
from indexer.media.frames import read_frames
from tests.support.media import render

SHADES = {"small": 40, "large": 120, "default": 200}


def streams(path: Path, *kinds: tuple[str, str, tuple[int, int], int], default: int | None = None) -> Path:
    """Write streams of one grey each: name, codec, size and frames."""
    with av.open(str(path), "w") as container:
        outputs = []
        for name, codec, (width, height), frames in kinds:
            stream = container.add_stream(codec, rate=10)
            stream.width, stream.height = width, height
            stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
            stream.disposition = av.stream.Disposition(0 if default is not None else 1)  # 1: by default
            outputs.append((stream, SHADES.get(name, 250), frames))
        if default is not None:
            outputs[default][0].disposition = av.stream.Disposition.default
        for stream, shade, frames in outputs:
            picture = np.full((stream.height, stream.width, 3), shade, np.uint8)
            for _ in range(frames):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
            container.mux(stream.encode())
    return path


def shade(path: Path) -> float:
    return float(next(read_frames(path, info=probe(path))).data.mean())


SMALL, LARGE = ("small", "libx264", (64, 48), 20), ("large", "libx264", (128, 96), 20)
STILL = ("still", "mjpeg", (320, 240), 1)


@pytest.mark.parametrize(
    ("name", "kinds", "default", "expected"),
    [
        ("area.mkv", (SMALL, LARGE), None, "large"),
        ("area.mp4", (SMALL, LARGE), None, "large"),
        ("default.mkv", (LARGE, ("default", "libx264", (64, 48), 20)), 1, "default"),
        ("still.mp4", (STILL, SMALL), None, "small"),
        ("length.mp4", (("small", "libx264", (64, 48), 10), ("large", "libx264", (64, 48), 30)), None, "large"),
        ("area.ts", (SMALL, LARGE), None, "large"),
    ],
)
def test_the_main_stream_is_read(tmp_path: Path, name: str, kinds: tuple, default: int | None, expected: str):
    path = streams(tmp_path / name, *kinds, default=default)
    assert shade(path) == pytest.approx(SHADES[expected], abs=4)
    assert probe(path).video_streams == 2


@pytest.mark.parametrize("name", ["live.webm", "live.mkv", "raw.h264"])
def test_a_file_without_a_duration_ends_with_its_last_frame(tmp_path: Path, name: str):
    path = tmp_path / name
    if name.startswith("live"):
        codec, options = ("libvpx-vp9", {"live": "1"}) if name.endswith("webm") else ("libx264", {"live": "1"})
        with av.open(str(path), "w", options=options) as container:
            stream = container.add_stream(codec, rate=25)
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
            for index in range(70):
                picture = np.full((48, 64, 3), index, np.uint8)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
            container.mux(stream.encode())
    else:
        render(path, frames=70)
    assert probe(path).duration == pytest.approx(2.8, abs=0.05)


@pytest.mark.parametrize("frames", [1, 2, 10])
@pytest.mark.parametrize("name", ["short.mp4", "short.mkv", "short.avi"])
def test_very_short_files_have_a_length(tmp_path: Path, frames: int, name: str):
    options = {"codec": "mpeg4"} if name.endswith("avi") else {"codec_options": {"bf": "0"}}
    path = render(tmp_path / name, frames=frames, **options)
    info = probe(path)
    assert info.duration == pytest.approx(frames / 25, abs=0.045)
    assert info.duration > 0
    assert sum(len(part) for part in read_frames(path, info=info)) >= 1


def test_a_still_alone_is_no_video(tmp_path: Path):
    with pytest.raises(MediaError, match="still"):
        probe(streams(tmp_path / "cover.mp4", STILL))


def test_a_protected_video_is_named_as_such(tmp_path: Path):
    keys = ["-encryption_scheme", "cenc-aes-ctr", "-encryption_key", "76a6c65c5ea762046bd749a2e632ccbb"]
    keys += ["-encryption_kid", "a7e61c373e219033c21091fa607bf3b8"]
    source = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=s=160x96:d=1"]
    try:
        subprocess.run([*source, "-c:v", "libx264", *keys, str(tmp_path / "film.mp4")], check=True)
    except FileNotFoundError:
        pytest.skip("ffmpeg is not on this machine")
    with pytest.raises(MediaError, match="protected by DRM") as error:
        probe(tmp_path / "film.mp4")
    assert error.value.stage == "open"
