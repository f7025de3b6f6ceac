from __future__ import annotations

import math

import numpy as np
import pytest

from indexer.media.frames import Frames, Instants, MediaError, probe, read_frames
from tests.support.media import DATA, add_subtitles, greys, quarters, remux, render, sound


def read(path, **options):
    chunks = list(read_frames(path, **options))
    return Frames(np.concatenate([c.data for c in chunks]), np.concatenate([c.pts_seconds for c in chunks]))


def shown(frames, *, fps=25, step=4):
    """Whether each picture is the one of its time, within the error of coding."""
    expected = np.rint(frames.pts_seconds * fps) * step % 256
    return np.abs(greys(frames.data) - expected).max() <= 3


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("h264.mp4", {}),
        ("h264.mkv", {}),
        ("h264.ts", {}),
        ("mpeg4.avi", {"codec": "mpeg4", "codec_options": {"b": "4M"}}),
        ("open.mkv", {"codec": "libx265", "codec_options": {"x265-params": "open-gop=1:keyint=24:log-level=none"}}),
        ("refresh.mp4", {"codec_options": {"x264-params": "intra-refresh=1:keyint=24"}}),
        ("mpeg4.mkv", {"codec": "mpeg4", "codec_options": {"bf": "2", "b": "4M"}}),
        ("vp9.webm", {"codec": "libvpx-vp9"}),
        ("ten.mp4", {"pixels": "yuv420p10le"}),
        ("alpha.mov", {"codec": "qtrle", "pixels": "argb"}),
        ("h264.h264", {}),
    ],
)
def test_every_picture_is_the_one_of_its_time(tmp_path, name, options):
    frames = read(render(tmp_path / name, frames=60, **options))
    assert frames.pts_seconds == pytest.approx([0.0, 0.48, 1.0, 1.48, 2.0], abs=0.001)
    assert frames.data.shape == (5, 3, 224, 374)
    assert shown(frames)
    red, green, blue = (frames.data[0, :, y, x] for y, x in ((20, 20), (20, -20), (-20, 20)))
    assert [int(np.argmax(c)) for c in (red, green, blue)] == [0, 1, 2]


def test_chunks_bound_what_is_held(tmp_path):
    path = render(tmp_path / "a.mp4", frames=75)
    assert [len(frames) for frames in read_frames(path, chunk=4)] == [4, 2]


def test_fps_sets_the_instants(tmp_path):
    path = render(tmp_path / "a.mp4")
    assert read(path, fps=5).pts_seconds == pytest.approx(np.arange(10) / 5)
    assert len(read(path, fps=1000)) == 50


def test_variable_frame_rate_gives_each_frame_once(tmp_path):
    path = render(tmp_path / "vfr.mkv", frames=5, pts_ms=[0, 40, 3010, 3020, 3900])
    assert read(path).pts_seconds == pytest.approx([0.0, 0.04, 3.02, 3.9])


@pytest.mark.parametrize("name", ["late.mkv", "late.mp4", "late.ts"])
def test_time_begins_with_what_is_shown_first(tmp_path, name):
    source = render(tmp_path / "a.mp4")
    path = remux(source, tmp_path / name, shift_seconds=100.0)
    frames = read(path)
    assert frames.pts_seconds == pytest.approx([0.0, 0.48, 1.0, 1.48], abs=0.002)
    assert shown(frames)
    assert probe(path).duration == pytest.approx(2.0, abs=0.1)


def test_what_an_edit_list_hides_is_not_shown(tmp_path):
    path = remux(render(tmp_path / "a.mp4"), tmp_path / "cut.mp4", shift_seconds=-0.32)
    frames = read(path)
    assert frames.pts_seconds == pytest.approx([0.0, 0.48, 1.0, 1.48], abs=0.001)
    assert greys(frames.data)[1] == pytest.approx(20 * 4, abs=3)


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_pictures_stand_upright(tmp_path, rotation):
    upright = quarters(160, 96)

    def paint(index):
        return np.ascontiguousarray(np.rot90(upright(index), rotation // 90))  # lies on its side as a phone was held

    path = render(tmp_path / "turned.mp4", paint=paint, rotation=rotation)
    info = probe(path)
    assert (info.width, info.height, info.rotation) == (160, 96, rotation)
    for excerpt in ({}, {"end_seconds": 1.0}):  # both readers
        frames = read(path, **excerpt)
        assert frames.data.shape[2:] == (224, 374)
        assert shown(frames)
        assert frames.data[0, 0, 20, 20] > 200


@pytest.mark.parametrize("name", ["odd.mkv", "odd.avi"])
def test_odd_sizes(tmp_path, name):
    path = render(tmp_path / name, paint=quarters(161, 97), codec="ffv1", pixels="bgr0")
    assert read(path).data.shape == (4, 3, 224, 372)


def test_extreme_shapes_are_squeezed_and_tiny_ones_enlarged(tmp_path):
    assert read(render(tmp_path / "a.mp4", paint=quarters(320, 16))).data.shape[2:] == (224, 896)
    assert read(render(tmp_path / "b.mp4", paint=quarters(16, 16)), short_side=64).data.shape[2:] == (64, 64)


def test_one_frame_is_a_video(tmp_path):
    assert read(render(tmp_path / "one.mp4", frames=1)).pts_seconds.tolist() == [0.0]


def test_animated_gif(tmp_path):
    assert len(read(render(tmp_path / "a.gif", codec="gif", pixels="rgb8", frames=20, fps=10, codec_options={}))) == 4


def test_excerpt(tmp_path):
    path = render(tmp_path / "a.mp4", frames=100)
    frames = read(path, start_seconds=1.9, end_seconds=3.0)
    assert frames.pts_seconds == pytest.approx([1.88, 2.4, 2.88])
    assert shown(frames)
    with pytest.raises(MediaError, match="no frame could be decoded between 9 s and 10 s"):
        read(path, start_seconds=9, end_seconds=10)


def test_info(tmp_path):
    info = probe(
        add_subtitles(render(tmp_path / "b.mkv"), tmp_path / "a.mkv", "1\n00:00:00,000 --> 00:00:01,000\nHello\n")
    )
    assert (info.container, info.codec, info.fps) == ("matroska,webm", "h264", 25.0)
    assert (info.width, info.height, info.subtitle_tracks) == (160, 96, 1)
    assert info.duration == pytest.approx(2.0, abs=0.05)


def test_a_truncated_file_gives_what_is_readable(tmp_path):
    path = render(tmp_path / "a.mkv", frames=100)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    frames = read(path)
    assert 2 <= len(frames) < 8
    assert shown(frames)


def test_damage_in_the_middle_is_stepped_over(tmp_path):
    path = render(tmp_path / "a.ts", frames=200)
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 3 : len(raw) // 2] = bytes(len(raw) // 2 - len(raw) // 3)
    path.write_bytes(raw)
    assert read(path).pts_seconds[-1] > 6.0


def test_a_recording_appended_to_another_goes_on(tmp_path):
    first, second = render(tmp_path / "a.ts"), render(tmp_path / "b.ts", paint=quarters(320, 240))
    (tmp_path / "both.ts").write_bytes(first.read_bytes() + second.read_bytes())
    frames = read(tmp_path / "both.ts")
    assert frames.pts_seconds[-1] == pytest.approx(3.5, abs=0.15)
    assert frames.data.shape[2:] == (224, 374)


@pytest.mark.parametrize(
    ("make", "stage", "message"),
    [
        (lambda p: p / "missing.mp4", "open", "the file does not exist"),
        (lambda p: p, "open", "not a regular file"),
        (lambda p: write(p / "empty.mp4", b""), "open", "the file is empty"),
        (lambda p: write(p / "a.mp4", b"no video at all " * 100), "open", "not a media file, or too damaged"),
        (lambda p: write(p / "a.txt", b"no video at all " * 100), "open", "text, not a video"),
        (
            lambda p: write(p / "a.mp4", b"#EXTM3U\n#EXTINF:1,\n/etc/passwd\n"),
            "open",
            "a playlist|cannot be opened|not a",
        ),
        (lambda p: of_codec(p / "a.mp4", b"zzzz"), "open", r"its codec is unknown \(mov"),
        (lambda p: of_codec(p / "b.mp4", bytes(4)), "open", r"its codec is unknown \(mov"),
        (lambda p: sound(p / "a.mp3"), "open", r"no video stream: audio only \(mp3\)"),
        (lambda p: sound(p / "b.mp3", cover=True), "open", r"audio only with a cover picture \(mp3\)"),
        (
            lambda p: render(p / "a.png", frames=1, codec="png", pixels="rgb24"),
            "open",
            r"still image, not a video \(png\)",
        ),
        (
            lambda p: render(p / "a.gif", frames=1, codec="gif", pixels="rgb8"),
            "open",
            r"still image, not a video \(gif\)",
        ),
    ],
)
def test_what_is_no_video_is_refused_in_words(tmp_path, make, stage, message):
    with pytest.raises(MediaError, match=message) as caught:
        read(make(tmp_path))
    assert caught.value.stage == stage


def of_codec(path, name):
    return write(path, render(path).read_bytes().replace(b"avc1", name))


def write(path, content):
    path.write_bytes(content)
    return path


def test_still_images_in_video_containers_are_refused():
    path = DATA / "odd" / "005_gradient.avif"
    if not path.is_file():
        pytest.skip(f"{path} is absent")
    with pytest.raises(MediaError, match=r"a still image, not a video \(av1\)"):
        probe(path)


def test_frames_check_what_they_hold():
    data = np.zeros((2, 3, 4, 6), np.uint8)
    assert repr(Frames(data, np.array([0.0, 0.5]))) == "Frames(data=uint8 (2, 3, 4, 6), pts_seconds=0.000..0.500 s)"
    with pytest.raises(ValueError, match=r"strictly increase, got \[0.5 0.5\]"):
        Frames(data, np.array([0.5, 0.5]))
    with pytest.raises(ValueError, match=r"uint8 \(T, 3, H, W\), got float64 \(2, 3, 4, 6\)"):
        Frames(data.astype(float), np.array([0.0, 0.5]))
    with pytest.raises(ValueError, match=r"float64 \(2,\), got float64 \(3,\)"):
        Frames(data, np.array([0.0, 0.5, 1.0]))


def test_instants_go_on_after_a_time():
    instants = Instants(0.0, 0.5, math.inf)
    assert instants.after(1.2).start == 1.5
    assert instants.after(-math.inf) is instants
    assert list(Instants(0.0, 0.5, 1.0).sample([(0.0, "a"), (0.3, "b"), (0.6, "c"), (1.2, "d")])) == [
        (0.0, "a"),
        (0.3, "b"),
    ]
