"""Moments cut out by copying packets, container by container."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from indexer.media.frames import read_frames
from search.export.cuts import CutResult, cut
from search.ranking.moments import Hit, Moment
from tests.search.export.test_joined_parts import loudness, talkie
from tests.support.media import greys, remux, render

BACKWARDS = {"x264-params": "open-gop=1:bframes=3:b-adapt=0:scenecut=0"}  # pictures that need later ones


def moment(path: Path, start: float, end: float) -> Moment:
    return Moment(str(path), start, end, 0.5, "", (Hit(1, 1, str(path), start, end, 0.5),))


def cut_one(path: Path, start: float, end: float, folder: Path) -> CutResult:
    (piece,) = cut([moment(path, start, end)], folder)
    return piece


def shown(path: Path) -> list[int]:
    """The numbers of the frames of a film by `media.render`, in which frame n has the grey 4 n."""
    found = [round(grey / 4) for frames in read_frames(path, fps=100, short_side=96) for grey in greys(frames.data)]
    return [number for place, number in enumerate(found) if number not in found[:place]]


def coded(path: Path) -> set[bytes]:
    with av.open(str(path)) as film:
        return {bytes(packet) for packet in film.demux(video=0) if packet.size > 100}


@pytest.mark.parametrize("name", ["film.mp4", "film.mov"])
def test_where_a_container_can_hide_the_start_is_exact(tmp_path: Path, name: str):
    source = render(tmp_path / name, frames=60, gop=15, codec_options=BACKWARDS)
    piece = cut_one(source, 1.0, 1.6, tmp_path / "cut")
    assert piece.path == tmp_path / "cut" / f"001-film-0m01s{source.suffix}"
    assert (piece.begins, piece.note) == (1.0, "")
    frames = shown(piece.path)
    assert frames[0] == 25
    assert 39 <= frames[-1] <= 43
    assert frames == sorted(frames)


@pytest.mark.parametrize("name", ["film.mkv", "film.ts", "film.flv"])
def test_elsewhere_it_begins_at_the_key_frame_before(tmp_path: Path, name: str):
    source = render(tmp_path / name, frames=60, gop=15, codec_options=BACKWARDS)
    piece = cut_one(source, 1.0, 1.6, tmp_path / "cut")
    assert piece.path
    assert piece.path.suffix == source.suffix
    assert piece.begins == pytest.approx(0.6, abs=0.002)
    frames = shown(piece.path)
    assert frames[0] == 15
    assert 39 <= frames[-1] <= 43


def test_nothing_is_encoded_again(tmp_path: Path):
    source = render(tmp_path / "film.mp4", frames=60, gop=15, codec_options=BACKWARDS)
    piece = cut_one(source, 0.6, 1.6, tmp_path / "cut")
    assert piece.path
    assert coded(piece.path)
    assert coded(piece.path) <= coded(source)


def test_other_codecs_are_copied_too(tmp_path: Path):
    options = {"deadline": "realtime", "cpu-used": "8"}
    source = render(tmp_path / "film.webm", frames=40, gop=10, codec="libvpx-vp9", codec_options=options)
    piece = cut_one(source, 0.5, 1.0, tmp_path / "cut")
    assert piece.path
    assert piece.path.suffix == ".webm"
    assert piece.note == ""
    assert shown(piece.path)[0] == 10


@pytest.mark.parametrize(("suffix", "quiet_tenths"), [(".mp4", 5), (".mkv", 10)])
def test_sound_comes_along_in_step(tmp_path: Path, suffix: str, quiet_tenths: int):
    silent = render(tmp_path / "silent.mp4", frames=100, gop=25, codec_options=BACKWARDS)
    source = talkie(tmp_path / f"film{suffix}", silent, loud=(2.0, 3.0), seconds=4.0)
    piece = cut_one(source, 1.5, 3.5, tmp_path / "cut")
    assert piece.path
    assert piece.note == ""
    heard = loudness(piece.path)
    assert heard[: quiet_tenths - 1].max() < 0.02
    assert heard[quiet_tenths + 1 : quiet_tenths + 9].min() > 0.3
    assert heard[quiet_tenths + 11 :].max() < 0.02


def test_a_turned_video_stays_turned(tmp_path: Path):
    source = render(tmp_path / "film.mp4", rotation=90)
    piece = cut_one(source, 0.5, 1.0, tmp_path / "cut")
    assert piece.path
    with av.open(str(piece.path)) as film:
        assert next(film.decode(video=0)).rotation == -90


def test_a_clock_that_does_not_begin_at_zero(tmp_path: Path):
    source = remux(
        render(tmp_path / "film.mp4", frames=60, gop=15, codec_options=BACKWARDS),
        tmp_path / "late.mkv",
        shift_seconds=100,
    )
    piece = cut_one(source, 1.0, 1.6, tmp_path / "cut")
    assert piece.begins == pytest.approx(0.6, abs=0.002)
    assert piece.path
    assert shown(piece.path)[0] == 15


@pytest.mark.parametrize(
    ("name", "codec", "pixels", "why"),
    [
        ("film.gif", "gif", "rgb8", "cannot hold it"),
        ("film.h264", "libx264", "yuv420p", "its packets have no times"),
        ("film.avi", "libx264", "yuv420p", "AVI does not say when its pictures are shown"),
    ],
)
def test_what_cannot_be_copied_is_encoded_and_that_is_said(
    tmp_path: Path, name: str, codec: str, pixels: str, why: str
):
    options = {} if codec == "gif" else {"bf": "2"}
    source = render(tmp_path / name, frames=50, codec=codec, pixels=pixels, codec_options=options)
    piece = cut_one(source, 1.0, 1.4, tmp_path / "cut")
    assert piece.path == tmp_path / "cut" / "001-film-0m01s.mp4"
    assert piece.note.startswith("encoded anew: ")
    assert why in piece.note
    assert shown(piece.path)


def test_a_moment_that_cannot_be_read_costs_only_itself(tmp_path: Path):
    good = render(tmp_path / "good.mp4")
    (tmp_path / "broken.mp4").write_bytes(b"not a video")
    wanted = [(tmp_path / "broken.mp4", 0, 1), (tmp_path / "gone.mp4", 0, 1), (good, 50, 60), (good, 0, 1)]
    pieces = list(cut([moment(*each) for each in wanted], tmp_path / "cut"))
    assert [piece.note for piece in pieces] == [
        "not a media file, or too damaged to be opened",
        "the file does not exist",
        "the video ends at 2.0 s, before 50 s",
        "",
    ]
    assert [path.name for path in (tmp_path / "cut").iterdir()] == ["004-good-0m00s.mp4"]


def test_a_truncated_file_gives_what_it_holds(tmp_path: Path):
    source = render(tmp_path / "film.mkv", frames=100, gop=10, codec_options=BACKWARDS)
    source.write_bytes(source.read_bytes()[: source.stat().st_size // 2])
    piece = cut_one(source, 0.5, 3.5, tmp_path / "cut")
    assert piece.path
    frames = shown(piece.path)
    assert frames[0] == 10
    assert 20 < frames[-1] < 90


def test_names_are_safe_and_never_the_video_itself(tmp_path: Path):
    odd = render(tmp_path / ("x" * 200 + "?.mp4"), frames=5)
    assert cut_one(odd, 0, 0.1, tmp_path).path == tmp_path / f"001-{'x' * 80}-0m00s.mp4"
    long = render(tmp_path / 'a"b.mp4', frames=5)
    assert cut_one(long, 0, 0.1, tmp_path).path == tmp_path / "001-a_b-0m00s.mp4"
    (tmp_path / "001-a_b-0m00s.mp4").unlink()
    (tmp_path / "001-a_b-0m00s.mp4").hardlink_to(long)
    assert "is the video itself" in cut_one(long, 0, 0.1, tmp_path).note
    assert np.array_equal(shown(long), range(5))
