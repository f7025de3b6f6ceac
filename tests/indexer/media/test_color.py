"""Colours of frames, by kind of picture, against what was painted and FFmpeg's own picture."""

from __future__ import annotations

import shutil
import subprocess
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from indexer.media.container import probe
from indexer.media.frames import read_frames
from indexer.media.transcode import cut, join
from tests.support.media import render, woven

pytestmark = pytest.mark.skipif(not shutil.which("ffmpeg"), reason="ffmpeg is absent")
HEIGHT, WIDTH = 96, 160
BARS = [(200, 30, 30), (30, 200, 30), (30, 30, 200), (200, 200, 40), (128, 128, 128)]
MATRICES = {"bt601": "smpte170m", "bt709": "bt709", "bt2020": "bt2020nc"}
KINDS = [
    *product(MATRICES, ("tv", "pc"), ("yuv420p.mp4", "yuv422p10le.mkv", "yuv444p12le.mkv")),
    ("bt601", "pc", "yuvj422p.avi"),  # of old cameras
]


def ffmpeg(*args: object) -> bytes:
    command = ["ffmpeg", "-v", "error", "-y", *map(str, args)]
    return subprocess.run(command, check=True, capture_output=True).stdout


def read(path: Path) -> NDArray[np.float64]:
    frames = next(read_frames(path, info=probe(path), short_side=HEIGHT))
    return frames.data[0].transpose(1, 2, 0).astype(float)


def picture(path: Path, filters: str) -> NDArray[np.float64]:
    """The first frame as FFmpeg shows it."""
    pixels = ffmpeg("-i", path, "-vf", f"{filters},format=rgb24", "-frames:v", 1, "-f", "rawvideo", "-")
    return np.frombuffer(pixels, np.uint8).reshape(HEIGHT, WIDTH, 3).astype(float)


def psnr(found: NDArray[np.float64], wanted: NDArray[np.float64]) -> float:
    return float(10 * np.log10(255**2 / max(1e-9, np.mean((found - wanted) ** 2))))


@pytest.fixture(scope="module")
def kinds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Bars in every matrix, range and format."""
    folder = tmp_path_factory.mktemp("kinds")
    bars = np.repeat(np.array([BARS], np.uint8), HEIGHT, axis=0).repeat(WIDTH // len(BARS), axis=1)
    (folder / "bars.ppm").write_bytes(b"P6 %d %d 255\n" % (WIDTH, HEIGHT) + bars.tobytes())
    outputs: list[object] = []
    for matrix, levels, kind in KINDS:
        name = MATRICES[matrix]
        codec = {"mp4": "libx264", "avi": "mjpeg", "mkv": "ffv1"}[kind.split(".")[1]]
        outputs += ["-vf", f"scale=out_color_matrix={matrix}:out_range={levels},format={kind.split('.')[0]}"]
        primaries = name.removesuffix("nc")
        outputs += [
            "-colorspace",
            name,
            "-color_primaries",
            primaries,
            "-color_trc",
            "bt709",
            "-color_range",
            levels,
            "-c:v",
            codec,
            "-t",
            0.3,
            "-threads",
            1,
        ]
        outputs += ["-crf", 4] * (codec == "libx264") + [folder / f"{matrix}-{levels}-{kind}"]
    ffmpeg("-loop", 1, "-t", 0.3, "-i", folder / "bars.ppm", *outputs)
    return folder


@pytest.mark.parametrize(("matrix", "levels", "kind"), KINDS)
def test_matrices_ranges_and_depths(kinds: Path, matrix: str, levels: str, kind: str):
    found = read(kinds / f"{matrix}-{levels}-{kind}").mean(axis=0)[16::32]  # in the middle of each bar
    assert np.abs(found - BARS).max() < 5


@pytest.mark.parametrize(("transfer", "least"), [("smpte2084", 35), ("arib-std-b67", 28)])
def test_high_dynamic_range_is_tone_mapped(tmp_path: Path, transfer: str, least: float):
    if b"zscale" not in ffmpeg("-filters"):
        pytest.skip("this ffmpeg has no zscale to compare with")
    path = tmp_path / "a.mkv"
    ramps = "geq=lum='64+X*4':cb='400+Y*2':cr='620-X*1.2'"
    tags = ("-color_primaries", "bt2020", "-color_trc", transfer, "-colorspace", "bt2020nc", "-color_range", "tv")
    size = f"{WIDTH}x{HEIGHT}"
    ffmpeg("-f", "lavfi", "-i", f"nullsrc=s={size}:r=10:d=0.3,format=yuv420p10le,{ramps}", "-c:v", "ffv1", *tags, path)
    linear = "zscale=t=linear:npl=203,format=gbrpf32le,zscale=p=bt709"
    wanted = picture(path, f"{linear},tonemap=mobius,zscale=t=bt709:m=bt709:r=pc")
    assert psnr(read(path), wanted) > least
    assert psnr(picture(path, "null"), wanted) < least - 4
    assert not probe(path).plain_color
    list(cut(path, [(0.0, 0.2)], tmp_path / "cut.mp4"))
    list(join([(path, 0.0, 0.2)], tmp_path / "joined.mp4"))
    for name in ("cut.mp4", "joined.mp4"):
        assert psnr(read(tmp_path / name), read(path)) > 30
        assert psnr(picture(tmp_path / name, "null"), wanted) > least - 5
        assert probe(tmp_path / name).plain_color


@pytest.mark.parametrize(
    ("kind", "alpha", "shade"),
    [
        ("argb.mov qtrle", 0, 128),
        ("argb.mov qtrle", 255, 250),
        ("yuva420p.mkv ffv1", 128, 189),
        ("yuva444p10le.mov prores_ks", 128, 189),
        ("rgba.apng apng", 128, 189),
    ],
)
def test_transparency_lies_over_grey(tmp_path: Path, kind: str, alpha: int, shade: int):
    name, codec = kind.split()
    path = tmp_path / name
    color = f"color=c=0xFAFAFA:s={WIDTH}x{HEIGHT}:r=10:d=0.5,format=rgba,colorchannelmixer=aa={alpha / 255}"
    ffmpeg("-f", "lavfi", "-i", f"{color},format={name.split('.')[0]}", "-c:v", codec, path)
    assert read(path).mean() == pytest.approx(shade, abs=4)


def test_a_palette_is_opaque(tmp_path: Path):
    path = tmp_path / "a.avi"
    palette = "testsrc=s=160x96:r=10:d=0.3,split[a][b];[a]palettegen[p];[b][p]paletteuse=dither=none"
    ffmpeg("-f", "lavfi", "-i", palette, "-c:v", "png", "-pix_fmt", "pal8", path)
    assert psnr(read(path), picture(path, "null")) > 40


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("top.mp4", {"codec_options": {"x264-params": "tff=1"}}),
        ("bottom.mkv", {"codec_options": {"x264-params": "bff=1"}}),
        ("deep.mkv", {"codec_options": {"x264-params": "tff=1"}, "pixels": "yuv422p10le"}),
        ("turned.mp4", {"codec_options": {"x264-params": "tff=1"}, "rotation": 180}),
    ],
)
def test_of_an_interlaced_picture_one_field_is_seen(tmp_path: Path, name: str, options: dict):
    path = render(tmp_path / name, frames=4, paint=woven, **options)
    upper = np.repeat(woven(0)[::2], 2, axis=0).astype(float)
    assert psnr(read(path), upper[::-1, ::-1] if "rotation" in options else upper) > 25
    whole = render(tmp_path / "whole.mp4", frames=4, paint=woven)
    assert psnr(read(whole), woven(0).astype(float)) > 25
