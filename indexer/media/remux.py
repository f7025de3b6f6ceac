"""A part of a video as a file of its own, its packets copied: nothing is encoded again, nothing is lost.

A copy can only begin at a key frame. MP4 and QuickTime hide what comes before the part (an edit list, ISO/IEC
14496-12), so that players begin where they should; in other containers the file begins at the key frame. It may end
later by the few frames that a codec holds back. Picture and sound are taken, subtitle tracks are left.

This is the work of a child process (see `indexer.workers.worker`), for it reads untrusted media.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from indexer.media.container import (
    MediaError,
    demuxed,
    opened,
    probe,
    seek,
    start_seconds,
    stated_duration,
    video_stream,
)
from indexer.media.frames import ALMOST_SECONDS
from indexer.media.transcode import created

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.stream import VideoStream

    _Packet: TypeAlias = Packet[Any]

_HIDING = (".mp4", ".m4v", ".mov")  # containers that can begin before what they show
_BACK_SECONDS = 0.0, 2.0, 30.0, math.inf  # indexes go by the order of decoding, and some lie
_INTERLEAVED_SECONDS = 5.0  # sound that belongs to a picture lies at most so far from it
_MOST_HELD_BACK = 32  # packets without a time of decoding; H.264 holds back 16 frames


def remux(path: Path, start: float, end: float, target: Path) -> float:
    """Copy the packets of a part of a video into `target`, in the container that its name tells.

    Args:
        path: the video.
        start: seconds on the player's clock.
        end: seconds.
        target: is overwritten.

    Returns:
        The second of the video at which the new file begins to play: `start`, or that of the key frame before it.

    Raises:
        MediaError: of the stage "copy" where the part would have to be encoded to be in this container; else as
            `indexer.media.container.opened`, or the video ends before the part begins.
    """
    for back in _BACK_SECONDS:
        with opened(path) as source:
            clock = _Clock(source)
            if 0 < clock.duration <= start:
                raise MediaError(f"the video ends at {clock.duration:.1f} s, before {start:g} s", stage="decode")
            packets, key = _from_key(source, clock, start - back, start)
            if key > start + ALMOST_SECONDS and start > back:
                continue
            if math.isinf(key):
                raise MediaError("it has no key frames", stage="copy")
            begins = start if target.suffix.lower() in _HIDING else min(start, key)
            _write(source, packets, _Part(clock, key, begins, end), target)
            break
    try:
        probe(target)
    except MediaError as error:
        raise MediaError(f"the copy cannot be played: {error}", stage="copy") from None
    return max(0.0, begins)


class _Clock:
    """The player's clock of a file."""

    def __init__(self, container: InputContainer) -> None:
        self.zero = start_seconds(container)
        self.duration = stated_duration(container)  # 0 where unknown

    def shown(self, packet: _Packet) -> float:
        """When a packet is seen or heard."""
        return self._seconds(packet, packet.pts)

    def decoded(self, packet: _Packet) -> float:
        """When a packet is decoded, which may be before."""
        return self._seconds(packet, packet.dts)

    def _seconds(self, packet: _Packet, ticks: int | None) -> float:
        if ticks is None or packet.time_base is None:
            raise MediaError("its packets have no times", stage="copy")
        return float(ticks * packet.time_base) - self.zero


@dataclass(frozen=True)
class _Part:
    """What is copied, in seconds."""

    clock: _Clock
    key: float  # when the key frame is shown that the copy begins with
    begins: float  # zero of the new file
    end: float

    def wants(self, packet: _Packet) -> bool:
        """Whether a packet belongs to it; of the picture all after the key frame, of the sound what can be heard."""
        time = self.clock.shown(packet)
        if packet.stream.type == "video":
            return time >= self.key - ALMOST_SECONDS  # what is shown before it needs frames that are not there
        return time + float((packet.duration or 0) * (packet.time_base or 0)) > self.begins

    def past(self, packet: _Packet) -> float:
        """How many seconds after the end of the part a packet is decoded."""
        return self.clock.decoded(packet) - self.end


def _write(source: InputContainer, packets: Iterator[_Packet], part: _Part, target: Path) -> None:
    """Copy the packets of a part, with times that begin at it."""
    from av.error import FFmpegError

    try:
        with created(target) as output:
            copies = {stream.index: output.add_stream_from_template(stream) for stream in _streams(source)}
            last: dict[int, int] = {}
            for packet in _belonging(packets, part, set(copies)):
                stream, pts, dts, step = packet.stream.index, packet.pts, packet.dts, packet.time_base
                if pts is None or dts is None or step is None or dts <= last.get(stream, dts - 1):
                    continue  # damage: a file must not go back in time
                last[stream] = dts
                shift = round((part.begins + part.clock.zero) / step)
                packet.pts, packet.dts, packet.stream = pts - shift, dts - shift, copies[stream]
                output.mux(packet)
    except (FFmpegError, ValueError, OSError) as error:
        raise MediaError(f"{target.suffix} cannot hold it: {error}", stage="copy") from None


def _belonging(packets: Iterator[_Packet], part: _Part, streams: set[int]) -> Iterator[_Packet]:
    """The packets of a part, until all streams have come to its end."""
    for packet in packets:
        past = part.past(packet)
        if past < 0:
            if part.wants(packet):
                yield packet
            continue
        streams.discard(packet.stream.index)
        if not streams or past >= _INTERLEAVED_SECONDS:
            return


def _from_key(source: InputContainer, clock: _Clock, near: float, start: float) -> tuple[Iterator[_Packet], float]:
    """The packets from the last key frame at or before `start` on, looked for from `near` on, and when it is shown.

    Where there is none before `start`, from the first one after it; infinity where there is none at all.
    """
    picture = video_stream(source)
    seek(source, near)
    packets = _dated(_packets(source), picture)
    waiting: list[_Packet] = []
    key = math.inf
    for packet in packets:
        if packet.stream.index == picture.index:
            time = clock.decoded(packet)
            if time > start + ALMOST_SECONDS and (key < math.inf or near > 0):
                return chain(waiting, [packet], packets), key
            if packet.is_keyframe and (key == math.inf or clock.shown(packet) <= start + ALMOST_SECONDS):
                key = clock.shown(packet)
                recent = key - _INTERLEAVED_SECONDS
                waiting = [one for one in waiting if one.stream.index != picture.index and clock.shown(one) > recent]
        if key < math.inf or packet.stream.index != picture.index:
            waiting.append(packet)
    return iter(waiting), key


def _packets(source: InputContainer) -> Iterator[_Packet]:
    """Picture and sound in the order of the file; what comes after damage that cannot be stepped over is lost."""
    from av.error import FFmpegError

    with suppress(FFmpegError, OSError):
        for packet in demuxed(source, *_streams(source)):
            if packet.size and not packet.is_corrupt:
                yield packet


def _dated(packets: Iterator[_Packet], picture: VideoStream) -> Iterator[_Packet]:
    """Packets with the time of decoding that Matroska leaves out of the first ones: one follows on the other."""
    waiting: list[_Packet] = []
    for packet in packets:
        if packet.stream.index != picture.index or (packet.dts is not None and not waiting):
            yield packet
            continue
        waiting.append(packet)
        if packet.dts is not None:
            for place, early in enumerate(waiting):
                early.dts = packet.dts - (len(waiting) - 1 - place) * (packet.duration or 1)
                yield early
            waiting = []
        elif len(waiting) > _MOST_HELD_BACK:
            break
    yield from waiting


def _streams(source: InputContainer) -> list[VideoStream | AudioStream]:
    """What is copied.

    Raises:
        MediaError: the order in which the pictures are shown is not in the file.
    """
    picture = video_stream(source)
    if source.format.name == "avi" and picture.codec_context.has_b_frames:
        raise MediaError("AVI does not say when its pictures are shown", stage="copy")
    return [picture, *(stream for stream in source.streams.audio if stream.codec_context is not None)]
