"""Small videos, rendered on the fly."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

DATA = Path(__file__).parents[3] / "shared" / "data"

Paint = Callable[[int], NDArray[np.uint8]]


def quarters(width: int = 160, height: int = 96, *, step: int = 4) -> Paint:
    """Red, green and blue quarters; the fourth, lower right, is as grey as the frame's number times `step`."""

    def paint(index: int) -> NDArray[np.uint8]:
        picture = np.zeros((height, width, 3), np.uint8)
        picture[: height // 2, : width // 2] = 255, 0, 0
        picture[: height // 2, width // 2 :] = 0, 255, 0
        picture[height // 2 :, : width // 2] = 0, 0, 255
        picture[height // 2 :, width // 2 :] = index * step % 256
        return picture

    return paint


def woven(index: int) -> NDArray[np.uint8]:
    """A bar that moves so far from the upper field to the lower one that it stands beside itself."""
    picture = np.full((96, 160, 3), 30, np.uint8)
    for field in (0, 1):
        left = 20 + 24 * (2 * index + field) % 110
        picture[field::2, left : left + 20] = 220
    return picture


def render(
    path: Path,
    *,
    frames: int = 50,
    fps: int = 25,
    paint: Paint | None = None,
    codec: str = "libx264",
    pixels: str = "yuv420p",
    pts_ms: Sequence[int] | None = None,
    gop: int = 12,
    rotation: int = 0,
    codec_options: dict[str, str] | None = None,
) -> Path:
    """Write a video; `pts_ms` sets the time of each frame."""
    paint = paint or quarters()
    height, width, _ = paint(0).shape
    with av.open(str(path), "w") as container:
        one_thread = {"threads": "1"} if codec == "libvpx" else {}  # several wait for each other in loops
        stream = container.add_stream(codec, rate=fps, options={"crf": "18"} | one_thread | (codec_options or {}))
        stream.width, stream.height, stream.pix_fmt = width, height, pixels
        stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        stream.codec_context.gop_size = gop
        if rotation:
            stream.set_display_rotation(-rotation)
        for index in range(frames):
            frame = av.VideoFrame.from_ndarray(paint(index), "rgb24")
            frame.pts = pts_ms[index] if pts_ms else round(1000 * index / fps)
            frame.time_base = Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def joined(path: Path, *clocks: float, frames: int = 30) -> Path:
    """Write recordings of 25 frames a second one after the other, each with a clock that begins at so many seconds.

    The grey of `quarters` is twice the number of the frame in the whole.
    """
    paint = quarters(step=2)
    with path.open("wb") as whole:
        for first, clock in zip(range(0, frames * len(clocks), frames), clocks, strict=True):
            times = [round(1000 * (clock + index / 25)) for index in range(frames)]
            part = path.with_stem(f"{path.stem}.part")
            render(part, frames=frames, pts_ms=times, paint=lambda index, first=first: paint(index + first))  # type: ignore[misc]
            whole.write(part.read_bytes())
            part.unlink()
    return path


def motion_photo(path: Path, video: Path, kind: str) -> Path:
    """Write a photo with a video at its end, as phones do: "google", "google-old", "samsung" or "heic"."""
    film = video.read_bytes()
    if kind == "heic":
        head = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"\0\0\x10\0mdat" + bytes(4088)
        path.write_bytes(head + (8 + len(film)).to_bytes(4, "big") + b"mpvd" + film)
        return path
    tags = {
        "google": f'GCamera:MotionPhoto="1" Item:Semantic="MotionPhoto" Item:Length="{len(film)}"',
        "google-old": f'GCamera:MicroVideo="1" GCamera:MicroVideoOffset="{len(film)}"',
    }
    xmp = f"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta><rdf {tags[kind]}/></x:xmpmeta>".encode() if kind in tags else b""
    picture = io.BytesIO()
    Image.fromarray(quarters()(0)).save(picture, "JPEG")
    start, rest = picture.getvalue()[:2], picture.getvalue()[2:]
    said = b"\xff\xe1" + (2 + len(xmp)).to_bytes(2, "big") + xmp if xmp else b""
    end = b"SEFH\0\0\0\0" + bytes(40) + b"\x2c\0\0\0SEFT" if kind == "samsung" else b""
    before = b"MotionPhoto_Data" if kind == "samsung" else b""
    path.write_bytes(start + said + rest + before + film + end)
    return path


def animated_webp(path: Path, *, shades: Sequence[int], milliseconds: list[int], alpha: int = 255) -> Path:
    """Write an animation of grey pictures."""
    mode, colors = ("RGB", [(shade,) * 3 for shade in shades])
    if alpha < 255:
        mode, colors = "RGBA", [(*color, alpha) for color in colors]
    first, *others = (Image.new(mode, (64, 48), color) for color in colors)
    first.save(path, save_all=True, append_images=others, duration=milliseconds)
    return path


def sound(path: Path, *, codec: str = "mp3", cover: bool = False) -> Path:
    """Write a second of silence, with a cover picture if asked for."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=44100)
        if cover:
            art = container.add_stream("mjpeg", rate=1)
            art.width, art.height, art.pix_fmt = 64, 64, "yuvj420p"
            art.disposition = av.stream.Disposition.attached_pic
        for index in range(40):
            frame = av.AudioFrame.from_ndarray(np.zeros((2, 1152), np.float32), "fltp", "stereo")
            frame.sample_rate, frame.pts = 44100, index * 1152
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
        if cover:
            picture = av.VideoFrame.from_ndarray(np.full((64, 64, 3), 99, np.uint8), "rgb24").reformat(
                format="yuvj420p"
            )
            container.mux(art.encode(picture))
            container.mux(art.encode())
    return path


def remux(source: Path, target: Path, *, shift_seconds: float) -> Path:
    """Copy the packets of a video with all times moved; where they begin before 0, an edit list hides them."""
    with av.open(str(source)) as reader, av.open(str(target), "w") as writer:
        stream = reader.streams.video[0]
        copy = writer.add_stream_from_template(stream)
        for packet in reader.demux(stream):
            if packet.dts is not None and packet.pts is not None and stream.time_base is not None:
                packet.pts += round(shift_seconds / stream.time_base)
                packet.dts += round(shift_seconds / stream.time_base)
                packet.stream = copy
                writer.mux(packet)
    return target


def add_subtitles(
    source: Path, target: Path, *srt: str, languages: Sequence[str] = ("eng",), format: str = "srt"
) -> Path:
    """Copy the packets of a video and add a track for each text in SubRip, or in another format."""
    with ExitStack() as stack:
        reader, writer = (stack.enter_context(av.open(str(p), m)) for p, m in ((source, "r"), (target, "w")))
        inputs = [(reader, reader.streams.video[0])]
        for text in srt:
            subtitles = stack.enter_context(av.open(io.BytesIO(text.encode()), format=format))
            inputs.append((subtitles, subtitles.streams.subtitles[0]))
        outputs = [writer.add_stream_from_template(stream) for _, stream in inputs]
        for stream, language in zip(outputs[1:], languages, strict=True):
            stream.metadata["language"] = language
        for (container, stream), copy in zip(inputs, outputs, strict=True):
            for packet in container.demux(stream):
                if packet.dts is not None:
                    packet.stream = copy
                    writer.mux(packet)
    return target


def add_pictured_subtitles(source: Path, target: Path, codec: str) -> Path:
    """Copy the packets of a video and add a track whose lines are pictures; of these there are only bytes."""
    with av.open(str(source)) as reader, av.open(str(target), "w") as writer:
        stream = reader.streams.video[0]
        copy, track = writer.add_stream_from_template(stream), writer.add_mux_stream(codec)
        for packet in reader.demux(stream):
            if packet.dts is not None:
                packet.stream = copy
                writer.mux(packet)
        line = av.Packet(b"\x16\x00\x00")
        line.pts = line.dts = 0
        line.time_base, line.duration, line.stream = Fraction(1, 1000), 1000, track
        writer.mux(line)
    return target


def greys(data: NDArray[np.uint8]) -> NDArray[np.int64]:
    """The grey of the lower right of each frame (T,)."""
    return data[:, :, -8:-4, -8:-4].mean(axis=(1, 2, 3)).round().astype(np.int64)
