"""Moments cut out of videos by copying packets, container by container; parts joined frame by frame, with sound."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from indexer.media.container import MediaError, probe
from indexer.media.frames import read_frames, read_stills
from search.export.cuts import CutResult, cut, write_parts
from search.ranking.moments import Hit, Moment
from search.tasks.storyboard import stills
from tests.support.media import greys, quarters, remux, render

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
    assert "it is the video itself" in cut_one(long, 0, 0.1, tmp_path).note
    assert np.array_equal(shown(long), range(5))


HERTZ = 44_100


def talkie(path: Path, source: Path, *, loud: tuple[float, float], seconds: float) -> Path:
    """A video with a second stream: silence, and a tone from `loud[0]` to `loud[1]` seconds."""
    times = np.arange(round(HERTZ * seconds)) / HERTZ
    tone = 0.5 * np.sin(2 * np.pi * 440 * times) * ((times >= loud[0]) & (times < loud[1]))
    with av.open(str(source)) as reader, av.open(str(path), "w") as writer:
        copy = writer.add_stream_from_template(reader.streams.video[0])
        sound = writer.add_stream("aac", rate=HERTZ, layout="mono")
        for packet in reader.demux(video=0):
            if packet.dts is not None:
                packet.stream = copy
                writer.mux(packet)
        for begin in range(0, len(tone), 1024):
            samples = tone[None, begin : begin + 1024].astype(np.float32)
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), "fltp", "mono")
            frame.sample_rate, frame.pts, frame.time_base = HERTZ, begin, Fraction(1, HERTZ)
            writer.mux(sound.encode(frame))
        writer.mux(sound.encode(None))
    return path


def all_greys(path: Path) -> list[int]:
    return [int(grey) for frames in read_frames(path, fps=100, short_side=96) for grey in greys(frames.data)]


def loudness(path: Path) -> np.ndarray:
    """Root mean square of each tenth of a second."""
    with av.open(str(path)) as film:
        resampler = av.AudioResampler("fltp", "mono", 48_000)
        blocks = [block.to_ndarray()[0] for frame in film.decode(audio=0) for block in resampler.resample(frame)]
    samples = np.concatenate(blocks)
    tenths = samples[: len(samples) // 4800 * 4800].reshape(-1, 4800)
    return np.sqrt((tenths**2).mean(axis=1))


def near(found: list[int], wanted: list[int]) -> bool:
    return len(found) == len(wanted) and bool(np.abs(np.array(found) - wanted).max() <= 1)


def test_parts_begin_and_end_at_the_frame_though_no_key_frame_is_there(tmp_path: Path):
    source = render(tmp_path / "film.mp4", frames=60, gop=50)  # the grey of frame n is 4 n
    told: list[float] = []
    write_parts(source, [(0.2, 0.6), (1.4, 2.0)], tmp_path / "cut.mp4", tell=told.append)
    frames = [*range(5, 15), *range(35, 50)]
    assert near(all_greys(tmp_path / "cut.mp4"), [4 * frame for frame in frames])
    info = probe(tmp_path / "cut.mp4")
    assert (info.codec, info.width, info.height, info.fps) == ("h264", 160, 96, 25.0)
    assert info.duration == pytest.approx(1.0, abs=0.05)
    assert told[-1] == 1.0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cut.mp4", "film.mp4"]


def test_the_sound_of_parts_is_in_step(tmp_path: Path):
    silent = render(tmp_path / "silent.mp4", frames=100)
    source = talkie(tmp_path / "film.mp4", silent, loud=(2.0, 3.0), seconds=4.0)
    write_parts(source, [(0.4, 0.8), (1.8, 3.2)], tmp_path / "cut.mkv")
    heard = loudness(tmp_path / "cut.mkv")
    assert len(heard) == 18
    assert heard[[0, 1, 2, 3, 4, 5, 16, 17]].max() < 0.02  # 0.4 s, and 0.2 s on either side of the tone
    assert heard[7:15].min() > 0.3  # from 0.6 s on
    assert near(all_greys(tmp_path / "cut.mkv")[:12], [4 * frame for frame in [*range(10, 20), 45, 46]])


def test_a_picture_that_stands_still_keeps_its_length(tmp_path: Path):
    slides = render(tmp_path / "slides.mp4", frames=3, pts_ms=[0, 4000, 8000], paint=quarters(step=80))
    write_parts(slides, [(1.0, 3.0), (3.0, 5.0)], tmp_path / "cut.mp4")  # no frame begins in the first
    assert near(all_greys(tmp_path / "cut.mp4"), [0] * 45 + [80] * 15)  # at the least rate, 15 frames a second


def test_parts_of_a_turned_video_stay_turned(tmp_path: Path):
    source = render(tmp_path / "film.mp4", rotation=90)
    write_parts(source, [(0.0, 0.4)], tmp_path / "cut.mp4")
    info = probe(tmp_path / "cut.mp4")
    assert (info.rotation, info.width, info.height) == (90, 96, 160)


def test_stills_are_the_pictures_on_screen_and_upright(tmp_path: Path):
    source = render(tmp_path / "film.mp4", frames=60, gop=50)
    taken = stills(source, [1.5, 0.0, 0.5], short_side=96)
    assert [picture.size for picture in taken] == [(160, 96)] * 3
    assert near([picture.getpixel((154, 90))[0] for picture in taken], [148, 0, 48])  # frames 37, 0 and 12
    (turned,) = stills(render(tmp_path / "turned.mp4", rotation=90), [1.0], short_side=96)
    assert turned.size == (96, 160)


@pytest.mark.parametrize("name", ["film.mp4", "film.ts"])
def test_every_still_is_found_where_seeking_misses(tmp_path: Path, name: str):
    """Groups are open, so that frames after a key frame are shown before it; and transport streams have no index."""
    options = {"x264-params": "open-gop=1:bframes=3:b-adapt=0:scenecut=0"}
    source = render(tmp_path / name, frames=50, gop=10, codec_options=options)
    found = [int(greys(still.data)[0]) for still in read_stills(source, np.arange(50) / 25, short_side=96)]
    assert near(found, [4 * frame for frame in range(50)])


def test_what_stills_cannot_show_is_an_error(tmp_path: Path):
    source = render(tmp_path / "film.mp4")
    with pytest.raises(MediaError, match="no frame could be decoded between 60 s"):
        list(read_stills(source, [60.0], short_side=96))
    with pytest.raises(MediaError, match="does not exist"):
        stills(tmp_path / "none.mp4", [0.0], short_side=96)


def test_a_failed_film_leaves_what_was_there(tmp_path: Path):
    (tmp_path / "broken.mp4").write_bytes(b"not a video")
    (tmp_path / "cut.mp4").write_bytes(b"before")
    with pytest.raises(MediaError, match="not a media file"):
        write_parts(tmp_path / "broken.mp4", [(0.0, 1.0)], tmp_path / "cut.mp4", force=True)
    assert (tmp_path / "cut.mp4").read_bytes() == b"before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["broken.mp4", "cut.mp4"]


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("cut.avi", r"a joined video is written as .mp4, .mov, .mkv, got cut.avi"),
        ("nowhere/cut.mp4", "there is no folder .*nowhere"),
        ("film.mp4", "is a folder, or the video itself"),
    ],
)
def test_a_film_needs_a_name_that_can_be_written(tmp_path: Path, target: str, message: str):
    source = render(tmp_path / "film.mp4", frames=5)
    with pytest.raises(ValueError, match=message):
        write_parts(source, [(0.0, 0.1)], tmp_path / target)


def test_a_film_needs_a_part(tmp_path: Path):
    with pytest.raises(ValueError, match="at least one part, got none"):
        write_parts(render(tmp_path / "film.mp4", frames=5), [], tmp_path / "cut.mp4")
