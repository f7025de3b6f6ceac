"""Videos -> frames sampled on the player's clock.

PyAV decodes all frames in order, and reads the readable parts of damaged files. decord is an alternative: it seeks to
the requested frames and scales while decoding, but includes an FFmpeg of 2018. It is used only after a check of its
index, since a wrong index makes its seeking off by several frames; PyAV reads everything else, and continues where
decord fails. Indexing with PyAV takes 2 to 4 % more processor time (docs/security.md).

The indexing process needs only the types in this file. The decoders are therefore imported by the functions that use
them, which run in worker processes (see `indexer.workers.worker`).
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from indexer.media.color import to_rgb
from indexer.media.container import MediaError, MediaInfo, decoded, demuxed, opened, probe, seek, video_stream
from indexer.media.files import open_file
from indexer.media.orientation import Orientation

if TYPE_CHECKING:
    from av import VideoFrame
    from av.container import InputContainer

__all__ = ["Frames", "MediaError", "MediaInfo", "probe", "read_frames", "read_stills"]

T = TypeVar("T")

_INDEXED = {"mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm"}  # in other containers, seeking is by bytes and inexact
THREADS = min(4, os.cpu_count() or 1)  # more gain little, and each buffers frames of full size
_TURNED = {"mov,mp4,m4a,3gp,3g2,mj2"}  # containers whose rotation decord knows
_LONGEST_SIDE = 4  # times the short side; banners wider than this are squeezed
_BACK_SECONDS = 0.0, 2.0, math.inf  # indexes follow the decoding order, and some are wrong
_LEAP_SECONDS = 60.0  # gap to the next frame that only damaged clocks and slide shows have
_SHORT_SECONDS = 2.0  # that the header's duration may exceed the last frame
_END_SECONDS = 10.0  # before the end, from where packets are read
_SET_BACK_SECONDS = 1.0  # a clock that jumps back by more restarts: a recording was appended
UNKNOWN_FPS = 25.0
_FAR_SECONDS = 10.0  # longest gap between key frames for reading only these: the length of a segment
ALMOST_SECONDS = 0.6e-3  # containers round times to milliseconds, decord to float32


@dataclass(frozen=True, eq=False)
class Frames:
    """Consecutive sampled frames of one video.

    Raises:
        ValueError: the arrays do not fit each other, or the times do not strictly increase.
    """

    data: NDArray[np.uint8]  # (T, 3, H, W) RGB, upright
    pts_seconds: NDArray[np.float64]  # (T,) when each frame appears, on the player's clock

    def __post_init__(self) -> None:
        if self.data.dtype != np.uint8 or self.data.ndim != 4 or self.data.shape[1] != 3:
            raise ValueError(f"data must be uint8 (T, 3, H, W), got {self.data.dtype} {self.data.shape}")
        if self.pts_seconds.dtype != np.float64 or self.pts_seconds.shape != self.data.shape[:1]:
            raise ValueError(
                f"pts_seconds must be float64 ({len(self.data)},), "
                f"got {self.pts_seconds.dtype} {self.pts_seconds.shape}"
            )
        if not np.isfinite(self.pts_seconds).all() or not np.all(np.diff(self.pts_seconds) > 0):
            raise ValueError(f"pts_seconds must strictly increase, got {self.pts_seconds}")

    def __len__(self) -> int:
        return len(self.data)

    def __repr__(self) -> str:
        times = f"{self.pts_seconds[0]:.3f}..{self.pts_seconds[-1]:.3f} s" if len(self) else "none"
        return f"Frames(data=uint8 {self.data.shape}, pts_seconds={times})"


@dataclass(frozen=True)
class Instants:
    """The times ``start``, ``start + step``, ... before ``end``, in seconds.

    They select the frames on screen at these times, independently of the frame rate.
    """

    start: float
    step: float
    end: float

    def sample(self, items: Iterable[tuple[float, T]]) -> Iterator[tuple[float, T]]:
        """Yield the items on screen at these times, given all items with the time at which each appears."""
        count, before, gap = 0, None, math.inf  # a single frame is shown for ever
        for item in items:
            if before is not None:
                gap = item[0] - before[0]
                if self._at(count) < item[0] - ALMOST_SECONDS:
                    yield before
                    count = max(count, math.ceil((item[0] - ALMOST_SECONDS - self.start) / self.step))
                    if self._at(count) >= self.end:
                        return
            before = item
        if before is not None and self._at(count) < min(self.end, before[0] + gap - ALMOST_SECONDS):
            yield before

    def after(self, seconds: float) -> Instants:
        """Return the remaining times after `seconds`."""
        if seconds < self.start:
            return self
        return Instants(self._at(math.floor((seconds - self.start) / self.step) + 1), self.step, self.end)

    def _at(self, count: int) -> float:
        return self.start + count * self.step


@dataclass(frozen=True)
class _Request:
    """A file to read, and the size of its frames."""

    path: Path
    info: MediaInfo
    size: tuple[int, int]  # width and height
    chunk: int


def read_frames(
    path: Path,
    *,
    info: MediaInfo | None = None,
    fps: float = 2.0,
    short_side: int = 224,
    chunk: int = 32,
    start_seconds: float = 0.0,
    end_seconds: float = math.inf,
    key_frames_only: bool = False,
    reader: Literal["pyav", "decord"] = "pyav",
) -> Iterator[Frames]:
    """Sample the frames on screen at ``start_seconds + k / fps``.

    A frame that is on screen at several of these times is returned once, with the time at which it appears; the first
    may therefore be before `start_seconds`. A whole video with a readable frame yields at least one.

    Args:
        path: of the file.
        info: the result of `probe`, if known.
        fps: times per second.
        short_side: of the frames, pixels; the aspect ratio is kept, up to 4 : 1, and small pictures are enlarged.
        chunk: most frames per `Frames`.
        start_seconds: first time, on the player's clock.
        end_seconds: end of the times, exclusive.
        key_frames_only: read only the key frames of a whole video, if its index says that they are close together.
        reader: "decord" reads whole files of the containers that it can index.

    Yields:
        At most `chunk` frames, all of one size with even sides.

    Raises:
        MediaError: there is no video, or no frame of the range can be read.
    """
    info = info or probe(path)
    request = _Request(path, info, _fit(info.width, info.height, short_side), chunk)
    instants = Instants(start_seconds, 1 / fps, end_seconds)
    whole = start_seconds == 0 and end_seconds == math.inf
    last = -math.inf
    if key_frames_only and whole and _has_close_key_frames(path, info):
        for frames in _with_pyav(request, instants, after=last, key_frames_only=True):
            yield frames
            last = float(frames.pts_seconds[-1])
        if last > -math.inf:
            return
    # For an excerpt, reading the whole index costs more than it saves.
    if reader == "decord" and whole and info.container in _INDEXED and _is_shown_by_decord(info):
        from decord import DECORDError

        try:
            for frames in _with_decord(request, instants):
                yield frames
                last = float(frames.pts_seconds[-1])
        except (
            DECORDError,
            RuntimeError,
            AssertionError,
            UnicodeEncodeError,
        ):  # the last for names that are not valid text
            instants = instants.after(last)
        else:
            if last > -math.inf:
                return
    for frames in _with_pyav(request, instants, after=last):
        yield frames
        last = float(frames.pts_seconds[-1])
    if last == -math.inf:
        where = "" if whole else f" between {start_seconds:g} s and {end_seconds:g} s"
        raise MediaError(f"no frame could be decoded{where}", stage="decode")


def _is_shown_by_decord(info: MediaInfo) -> bool:
    """Return whether decord supports the rotation and colours of a video: those of MP4, and plain colour."""
    return info.plain_color and not info.mirrored and (info.rotation == 0 or info.container in _TURNED)


def read_stills(path: Path, at_seconds: Sequence[float], *, short_side: int) -> Iterator[Frames]:
    """Yield the frame on screen at each of the given times, one by one, in order; sizes as in `read_frames`.

    Raises:
        MediaError: there is no video, or no frame at one of the times.
    """
    info = probe(path)
    for time in at_seconds:
        once = read_frames(path, info=info, fps=1.0, short_side=short_side, start_seconds=time, end_seconds=time + 0.5)
        yield next(once)


def _with_decord(request: _Request, instants: Instants) -> Iterator[Frames]:
    """Yield frames by decord; none if its index is not reliable."""
    import decord

    decord.logging.set_level(decord.logging.QUIET)
    width, height = request.size
    with open_file(request.path) as file:
        reader = decord.VideoReader(file.place, width=width, height=height, num_threads=THREADS)
    times = _checked_times(request, reader)
    chosen = instants.sample(zip(times, range(len(times)), strict=True))
    while part := list(islice(chosen, request.chunk)):
        pictures = reader.get_batch([index for _, index in part]).asnumpy()
        yield Frames(np.ascontiguousarray(pictures.transpose(0, 3, 1, 2)), np.array([time for time, _ in part]))


def _checked_times(request: _Request, reader: Any) -> list[float]:
    """Return the time of each frame of a decord reader; empty if it would return wrong frames.

    When seeking, decord assumes that packets are in display order. That holds if every group of pictures is closed, so
    that no frame after a key frame is shown before it, and if no edit list hides a packet.
    """
    with opened(request.path) as container:
        stream = video_stream(container)
        if any(name.lower() == "rotate" for name in stream.metadata):
            return []  # a Matroska tag by which only decord rotates pictures
        packets = [(p.pts, p.is_keyframe, p.is_discard) for p in container.demux(stream) if p.size]
        if len(container.streams.video) > 1 or any(pts is None or hidden for pts, _, hidden in packets):
            return []  # with several streams decord may choose another one
        pts = np.array([pts for pts, _, _ in packets], np.int64)
        keys = [index for index, (_, key, _) in enumerate(packets) if key]
        order = np.argsort(pts, kind="stable")
        times = (pts[order] - pts.min()) * float(stream.time_base or 0)
    closed = np.array_equal(order[keys], keys)
    reader_times = reader.get_frame_timestamp(range(len(reader)))[:, 0]
    same_times = reader_times.shape == times.shape and np.allclose(reader_times, times, rtol=1e-6, atol=ALMOST_SECONDS)
    if not (closed and same_times and reader.get_key_indices() == keys and np.all(np.diff(times) > 0)):
        return []
    return list((times + request.info.first_seconds).tolist())


def _with_pyav(
    request: _Request, instants: Instants, *, after: float, key_frames_only: bool = False
) -> Iterator[Frames]:
    """Yield frames by PyAV that appear later than `after`."""
    info = request.info
    chosen = instants.sample(frames_from(request.path, info, instants.start, key_frames_only=key_frames_only))
    pictures = ((time, _picture(frame, info.orientation, request.size)) for time, frame in chosen if time > after)
    while part := list(islice(pictures, request.chunk)):
        yield Frames(np.stack([picture for _, picture in part]), np.array([time for time, _ in part]))


def _has_close_key_frames(path: Path, info: MediaInfo) -> bool:
    """Return whether the index of a file lists key frames without long gaps, to the end."""
    with opened(path) as container:
        stream = video_stream(container)
        unit = float(stream.time_base or 0)
        times = [entry.timestamp * unit for entry in stream.index_entries if entry.is_keyframe]
    times = sorted(time - info.start_seconds for time in times)
    return bool(times) and max(np.diff([0.0, *times, max(info.duration, times[-1])])) <= _FAR_SECONDS


def frames_from(
    path: Path, info: MediaInfo, start_seconds: float, *, key_frames_only: bool = False
) -> Iterator[tuple[float, VideoFrame]]:
    """Yield frames with their times by PyAV, from the one on screen at `start_seconds`, or an earlier one, to the end.

    Decoding starts at a key frame before that time, or further back if the first frame from there is too late.
    """
    for back in _BACK_SECONDS:
        with opened(path) as container:
            stream = video_stream(container)
            stream.thread_type, stream.codec_context.thread_count = "AUTO", THREADS
            if key_frames_only:
                stream.codec_context.skip_frame = "NONKEY"
            target = start_seconds - back
            seek(container, target)
            frames = _timed(decoded(container, stream, start=target), info)
            first = next(frames, None)
            late = first is None or first[0] > start_seconds + ALMOST_SECONDS
            if late and target > 0 and not 0 < info.duration <= start_seconds:
                continue
            if first is not None:
                yield first
                yield from frames
            return


def readable_end(path: Path, info: MediaInfo, last: float) -> float:
    """Return the actual end in seconds of a file that was read to its last frame.

    The packets near the end distinguish a long last picture, or longer sound, from a truncated file, and from one whose
    end cannot be decoded.

    Args:
        path: of the file.
        info: the result of `probe`.
        last: time of the last decodable frame, seconds.
    """
    if info.duration - last <= _SHORT_SECONDS:
        return info.duration
    reached, picture = last, -math.inf
    with opened(path) as container:
        stream = video_stream(container)
        seek(container, info.duration - _END_SECONDS)
        for packet in _packets(container):
            if packet.pts is None or packet.time_base is None:
                continue
            time = float(packet.pts * packet.time_base) - info.start_seconds
            reached = max(reached, time + float((packet.duration or 0) * packet.time_base))
            if packet.stream.index == stream.index:
                picture = max(picture, time)
    if picture - last > _SHORT_SECONDS:  # it exists, and cannot be decoded
        reached = last
    return info.duration if info.duration - reached <= _SHORT_SECONDS else max(reached, last + 1 / UNKNOWN_FPS)


def _packets(container: InputContainer) -> Iterator[Any]:
    """Yield complete packets of all streams, up to the first incomplete one."""
    from av.error import FFmpegError

    with suppress(FFmpegError, OSError):
        for packet in demuxed(container, *container.streams):
            if packet.size and not packet.is_corrupt:
                yield packet


def _without_leaps(frames: Iterable[VideoFrame], info: MediaInfo) -> Iterator[VideoFrame]:
    """Drop frames whose time jumps far ahead while the next one's does not: their times are damaged."""
    limit = info.start_seconds + 1.1 * info.duration + _LEAP_SECONDS if info.duration > 0 else math.inf
    pending: VideoFrame | None = None
    last: float | None = None
    for frame in frames:
        time = frame.time
        if pending is not None:
            if time is not None and pending.time is not None and time >= pending.time:
                yield pending
                last = pending.time
            pending = None
        if time is not None and last is not None and time - last > _LEAP_SECONDS:
            pending = frame
            continue
        yield frame
        last = last if time is None else time
    if pending is not None and pending.time is not None and pending.time <= limit:
        yield pending  # the last picture of a slide show


def _timed(frames: Iterable[VideoFrame], info: MediaInfo) -> Iterator[tuple[float, VideoFrame]]:
    """Yield frames with strictly increasing times on the player's clock."""
    step = 1 / (info.fps or UNKNOWN_FPS)
    shift, last = -info.start_seconds, -math.inf
    for frame in _without_leaps(frames, info):
        due = last + step if last > -math.inf else 0.0
        time = frame.time + shift if frame.time is not None else due
        if time < last - _SET_BACK_SECONDS:
            shift += due - time
            time = due
        time = max(time, 0.0)
        if time > last:
            yield time, frame
            last = time


def _picture(frame: VideoFrame, orientation: Orientation, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Convert a frame to upright RGB, uint8 (3, H, W)."""
    width, height = size[::-1] if orientation.sideways else size
    coded = to_rgb(frame, width, height)
    return np.ascontiguousarray(orientation.upright(coded).transpose(2, 0, 1))


def _fit(width: int, height: int, short_side: int) -> tuple[int, int]:
    """Return an even width and height with the given shorter side."""
    scale = short_side / min(width, height)
    longest = _LONGEST_SIDE * short_side
    return 2 * round(min(width * scale, longest) / 2), 2 * round(min(height * scale, longest) / 2)
