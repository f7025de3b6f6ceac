"""Pictures stand upright in all eight cases of a display matrix, whatever the container and whoever reads them."""

from __future__ import annotations

import subprocess
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from indexer.media.container import probe
from indexer.media.files import open_file
from indexer.media.frames import read_frames, read_stills
from indexer.media.orientation import Orientation
from indexer.media.remux import remux
from indexer.media.transcode import cut
from search.service.backend.previews import Previews
from store.catalog.catalog import Catalog
from store.types import Video
from tests.support.media import quarters

EIGHT = [Orientation(rotation, mirrored=mirrored) for mirrored in (False, True) for rotation in (0, 90, 180, 270)]
CONTAINERS = [("mp4", "libx264"), ("mov", "libx264"), ("mkv", "libx264"), ("webm", "libvpx-vp9")]
# What ffmpeg does to a coded picture for each matrix: see `av_display_rotation_get` and its "autorotate".
FILTERS = {
    (0, False): "null",
    (90, False): "transpose=clock",
    (180, False): "hflip,vflip",
    (270, False): "transpose=cclock",
    (0, True): "hflip",
    (90, True): "transpose=clock_flip",
    (180, True): "vflip",
    (270, True): "transpose=cclock_flip",
}
named = pytest.mark.parametrize("orientation", EIGHT, ids=lambda o: f"{o.rotation}{'m' if o.mirrored else ''}")
contained = pytest.mark.parametrize(("suffix", "codec"), CONTAINERS)


def film(path: Path, orientation: Orientation, codec: str = "libx264", matrix: tuple[int, ...] | None = None) -> Path:
    """A second of coloured quarters as they are coded, with a display matrix."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options={"crf": "18"})
        stream.width, stream.height, stream.pix_fmt = 160, 96, "yuv420p"
        stream.codec_context.gop_size = 5
        if matrix or orientation != EIGHT[0]:
            stream.set_display_matrix(matrix or orientation.matrix())
        for index in range(25):
            frame = av.VideoFrame.from_ndarray(quarters(160, 96)(index), "rgb24")
            frame.pts, frame.time_base = index, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def corners(picture: NDArray[np.uint8]) -> list[str]:
    """The colours at the corners of an RGB picture (H, W, 3), row by row."""
    spots = [picture[y, x].astype(int) for y in (6, -7) for x in (6, -7)]
    return ["rgb"[int(spot.argmax())] if spot.max() - spot.min() > 90 else "-" for spot in spots]


def as_ffmpeg_shows(orientation: Orientation) -> list[str]:
    """The corners after FFmpeg's own filters."""
    graph = av.filter.Graph()
    source = graph.add_buffer(width=160, height=96, format="rgb24", time_base=Fraction(1, 25))
    last = source
    for name in FILTERS[orientation.rotation, orientation.mirrored].split(","):
        kind, _, value = name.partition("=")
        node = graph.add(kind, value or None)
        last.link_to(node)
        last = node
    last.link_to(sink := graph.add("buffersink"))
    graph.configure()
    frame = av.VideoFrame.from_ndarray(quarters(160, 96)(0), "rgb24")
    frame.pts, frame.time_base = 0, Fraction(1, 25)
    source.push(frame)
    return corners(sink.pull().to_ndarray(format="rgb24"))


def shown(path: Path) -> list[list[str]]:
    """The corners as they are read for features, for excerpts, and for stills."""
    whole = next(iter(read_frames(path, short_side=96)))
    part = next(iter(read_frames(path, short_side=96, end_seconds=0.5)))
    still = next(iter(read_stills(path, [0.2], short_side=96)))
    assert whole.data.shape[2:] == part.data.shape[2:] == still.data.shape[2:]
    info = probe(path)
    assert np.argmax(whole.data.shape[2:]) == np.argmax((info.height, info.width))
    return [corners(frames.data[0].transpose(1, 2, 0)) for frames in (whole, part, still)]


@named
@contained
def test_all_readers_agree_with_ffmpeg(tmp_path: Path, orientation: Orientation, suffix: str, codec: str):
    path = film(tmp_path / f"film.{suffix}", orientation, codec)
    info = probe(path)
    assert info.orientation == orientation
    assert (info.width, info.height) == ((96, 160) if orientation.sideways else (160, 96))
    assert shown(path) == [as_ffmpeg_shows(orientation)] * 3


@named
@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_cuts_are_upright(tmp_path: Path, orientation: Orientation, suffix: str):
    path = film(tmp_path / f"film.{suffix}", orientation)
    list(cut(path, [(0.0, 0.4)], tmp_path / "coded.mp4"))
    remux(path, 0.0, 1.0, tmp_path / f"copied.{suffix}")
    assert shown(tmp_path / "coded.mp4") == [as_ffmpeg_shows(orientation)] * 3
    assert shown(tmp_path / f"copied.{suffix}") == [as_ffmpeg_shows(orientation)] * 3
    assert not probe(tmp_path / "coded.mp4").mirrored  # which many players ignore


@named
@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_previews_are_upright(tmp_path: Path, orientation: Orientation, suffix: str):
    catalog = Catalog.open(":memory:")
    previews = Previews(tmp_path / "library", catalog, most_bytes=2**30)
    if not previews.possible:
        pytest.skip("ffmpeg is not on this machine")
    (tmp_path / "library").mkdir()
    path = film(tmp_path / f"film.{suffix}", orientation)
    info = probe(path)
    facts = {"rotation": info.rotation, "mirrored": info.mirrored, "width": info.width, "height": info.height}
    with open_file(path) as file:
        content, stamp = file.content_hash(), file.identity.stamp
    video = Video(
        str(path), stamp.size, stamp.mtime_ns, content, info.container, info.codec, duration=1.0, fps=25.0, **facts
    )
    previews._make(video)
    ready = previews.ready(video)
    assert ready is not None
    ready.close()
    assert shown(tmp_path / "library" / "previews" / f"{content}.mp4") == [as_ffmpeg_shows(orientation)] * 3


@pytest.mark.parametrize(
    ("matrix", "nearest"),
    [
        ((46341, 46340, 0, -46340, 46341, 0, 0, 0, 2**30), (90, 45)),  # 45 degrees is as near to both
        ((65000, 2000, 0, -2000, 65000, 0, 0, 0, 2**30), (0,)),
        ((131072, 0, 0, 0, 131072, 0, 0, 0, 2**30), (0,)),  # twice the size
        ((0, 32768, 0, -131072, 0, 0, 0, 0, 2**30), (90,)),
        ((0, 0, 0, 0, 0, 0, 0, 0, 0), (0,)),  # no matrix at all
        ((-65536, 0, 0, 0, -65536, 0, 160 << 16, 96 << 16, 2**30), (180,)),  # moved back into the picture
    ],
)
def test_other_matrices_count_as_the_nearest(tmp_path: Path, matrix: tuple[int, ...], nearest: tuple[int, ...]):
    info = probe(film(tmp_path / "film.mp4", EIGHT[0], matrix=matrix))
    assert not info.mirrored
    assert info.rotation in (*nearest, *((0,) if 45 in nearest else ()))


def test_a_tag_that_no_player_reads_turns_nothing(tmp_path: Path):
    with av.open(str(film(tmp_path / "film.mp4", EIGHT[0]))) as source, av.open(str(tmp_path / "a.mkv"), "w") as copy:
        stream = copy.add_stream_from_template(source.streams.video[0])
        stream.metadata["ROTATE"] = "180"
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                copy.mux(packet)
    assert shown(tmp_path / "a.mkv") == [as_ffmpeg_shows(EIGHT[0])] * 3


@pytest.mark.parametrize("kind", ["rotate=90", "flip=horizontal"])
def test_an_orientation_in_the_stream_itself_counts(tmp_path: Path, kind: str):
    plain = film(tmp_path / "film.mp4", EIGHT[0])
    command = ["ffmpeg", "-v", "error", "-i", str(plain), "-c", "copy", "-bsf:v"]
    try:
        subprocess.run(
            [*command, f"h264_metadata=display_orientation=insert:{kind}", str(tmp_path / "a.ts")], check=True
        )
    except FileNotFoundError:
        pytest.skip("ffmpeg is not on this machine")
    info = probe(tmp_path / "a.ts")
    assert info.orientation != EIGHT[0]
    assert shown(tmp_path / "a.ts") == [as_ffmpeg_shows(info.orientation)] * 3
