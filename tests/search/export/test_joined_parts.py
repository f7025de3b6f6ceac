"""Pictures and parts taken out of videos, frame by frame and sample by sample."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from indexer.media.container import MediaError, probe
from indexer.media.frames import read_frames, read_stills
from search.export.cuts import write_parts
from search.tasks.storyboard import stills
from tests.support.media import greys, quarters, render

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


def test_sound_comes_along_in_step(tmp_path: Path):
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


def test_a_turned_video_stays_turned(tmp_path: Path):
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
        write_parts(tmp_path / "broken.mp4", [(0.0, 1.0)], tmp_path / "cut.mp4")
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
