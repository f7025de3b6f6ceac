"""Parts of a video, one after the other, in a new file with their sound.

A part begins and ends at the frame, not at the key frame, so everything is encoded again. The picture goes out at a
constant rate, at every instant the frame that is on screen: so slides, variable rates and damage keep their length,
and the sound, which is laid out by the same count of frames, never drifts.

This is the work of a child process (see `indexer.workers.worker`), for it decodes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from indexer.media.color import as_shown
from indexer.media.container import MediaError, MediaInfo, decoded, opened, probe, seek, start_seconds
from indexer.media.frames import ALMOST_SECONDS, THREADS, UNKNOWN_FPS, frames_from
from indexer.media.orientation import Orientation

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer, OutputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

_LOWEST_FPS, _HIGHEST_FPS = 15.0, 60.0  # slides and animations tell less, some clocks more
_HERTZ = 48_000  # of the sound that is written, in two channels
_FADE_SECONDS = 0.01  # in and out of each part, or joints would click
_GAP_SECONDS = 0.1  # a clock of the sound that is off by more has jumped, by less it is rounded
_BT709 = 1  # ITU-T H.273
_QUALITY = {"crf": "20", "preset": "veryfast"}  # of H.264: visually close to the source, faster than it plays


def cut(path: Path, parts: Sequence[tuple[float, float]], target: Path) -> Iterator[float]:
    """Write parts of a video into `target` as H.264 and AAC, in the container that its name tells.

    Args:
        path: the video.
        parts: start and end of each, in seconds on the player's clock; each becomes a whole number of frames.
        target: is overwritten.

    Yields:
        How many seconds of video are written, about once a second.

    Raises:
        MediaError: there is no video, nothing can be decoded in a part, or the target cannot be written.
    """
    info = probe(path)
    rate = Fraction(min(max(info.fps or UNKNOWN_FPS, _LOWEST_FPS), _HIGHEST_FPS)).limit_denominator(1001)
    with opened(path) as source, created(target) as output:
        picture = _picture_stream(output, info, rate)
        writer = _Writer(output, picture, rate, sound=_sound_stream(source) is not None)
        for start, end in parts:
            shown = _shown(path, info, start, max(1, round((end - start) * rate)), rate)
            missing = f"no frame could be decoded between {start:g} s and {end:g} s"
            yield from writer.add(path, start, shown, missing=missing)
        yield from writer.finish()


def join(parts: Sequence[tuple[Path, float, float]], target: Path) -> Iterator[float]:
    """Write parts of several videos into `target` as `cut` does, upright, in the middle of the largest picture of them.

    Args:
        parts: file, and start and end in seconds on the player's clock.
        target: is overwritten.

    Yields:
        How many seconds of video are written, about once a second.

    Raises:
        MediaError: as `cut`.
    """
    infos = {path: probe(path) for path, _, _ in parts}
    largest = max(infos.values(), key=lambda info: info.width * info.height)
    fps = max(info.fps or UNKNOWN_FPS for info in infos.values())
    rate = Fraction(min(max(fps, _LOWEST_FPS), _HIGHEST_FPS)).limit_denominator(1001)
    with created(target) as output:
        picture = _picture_stream(output, replace(largest, rotation=0, mirrored=False), rate)
        writer = _Writer(output, picture, rate, sound=any(info.audio_streams for info in infos.values()))
        for path, start, end in parts:
            shown = _shown(path, infos[path], start, max(1, round((end - start) * rate)), rate)
            fitted = (_in_the_middle(frame, infos[path], picture) for frame in shown)
            missing = f"{path.name}: nothing could be decoded from {start:g} to {end:g} s"
            yield from writer.add(path, start, fitted, missing=missing)
        yield from writer.finish()


class _Writer:
    """Appends parts of files to the streams of a new one, and counts what is written.

    Args:
        rate: frames per second of the picture.
        sound: whether the file gets sound; parts without any are silent.
    """

    def __init__(self, output: OutputContainer, picture: VideoStream, rate: Fraction, *, sound: bool) -> None:
        self._output, self._picture, self._rate = output, picture, rate
        self._sound = output.add_stream("aac", rate=_HERTZ, layout="stereo") if sound else None
        self._done = 0  # frames

    def add(self, path: Path, start: float, shown: Iterable[VideoFrame], *, missing: str) -> Iterator[float]:
        """Append frames of a file, and its sound from `start` on; yield the seconds written about once a second.

        Raises:
            MediaError: `missing`, if there is no frame.
        """
        first = self._done
        for frame in shown:
            self._output.mux(self._picture.encode(_stamped(frame, self._picture, self._done, 1 / self._rate)))
            self._done += 1
            if self._done % round(self._rate) == 0:
                yield float(self._done / self._rate)
        if self._done == first:
            raise MediaError(missing, stage="decode")
        if self._sound is not None:
            heard = (round(_HERTZ * count / self._rate) for count in (first, self._done))
            _mux_sound(self._output, self._sound, path, start, *heard)

    def finish(self) -> Iterator[float]:
        """Write what the encoders still hold; yield the seconds of the whole."""
        for stream in (self._picture, self._sound):
            if stream is not None:
                self._output.mux(stream.encode(None))
        yield float(self._done / self._rate)


def _in_the_middle(frame: VideoFrame, info: MediaInfo, stream: VideoStream) -> VideoFrame:
    """A frame upright and as large as it fits into the pictures of a stream, black around it."""
    upright = Orientation.of(frame).upright(as_shown(frame).reformat(format="rgb24").to_ndarray())
    scale = min(stream.width / info.width, stream.height / info.height)
    width, height = (max(2, round(side * scale)) for side in (info.width, info.height))
    fitted = type(frame).from_ndarray(np.ascontiguousarray(upright), format="rgb24").reformat(width, height)
    canvas = np.zeros((stream.height, stream.width, 3), np.uint8)
    width, height = min(width, stream.width), min(height, stream.height)
    left, top = (stream.width - width) // 2, (stream.height - height) // 2
    canvas[top : top + height, left : left + width] = fitted.to_ndarray()[:height, :width]
    return type(frame).from_ndarray(canvas, format="rgb24")


def created(target: Path) -> OutputContainer:
    """A new file, open in the muxer that its name tells.

    Raises:
        MediaError: it cannot be written.
    """
    import av

    try:
        return av.open(str(target), "w")
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise MediaError(f"{target} cannot be written: {error}", stage="write") from None


def _shown(path: Path, info: MediaInfo, start: float, count: int, rate: Fraction) -> Iterator[VideoFrame]:
    """The frames on screen at `count` instants from `start` on; the last one stays where the video ends before."""
    instants = [start + float(index / rate) for index in range(count)]
    given, before = 0, None
    for time, frame in frames_from(path, info, start):
        while before is not None and given < count and instants[given] < time - ALMOST_SECONDS:
            yield before
            given += 1
        if given == count:
            return
        before = frame
    if before is not None:
        yield from [before] * (count - given)


def _stamped(frame: VideoFrame, stream: VideoStream, number: int, step: Fraction) -> VideoFrame:
    """A frame in the size and format of a stream, and at its place in it; a mirrored one upright."""
    from av.video.frame import PictureType

    orientation = Orientation.of(frame)
    frame = as_shown(frame)
    if orientation.mirrored:
        upright = np.ascontiguousarray(orientation.upright(frame.reformat(format="rgb24").to_ndarray()))
        frame = type(frame).from_ndarray(upright, format="rgb24")
    matrix = stream.codec_context.colorspace if frame.format.is_rgb else None
    fitted = frame.reformat(stream.width, stream.height, "yuv420p", dst_colorspace=matrix or None)
    fitted.pict_type = PictureType.NONE  # or the encoder would keep the source's pattern of key frames
    fitted.pts, fitted.time_base = number, step
    return fitted


def _mux_sound(output: OutputContainer, stream: AudioStream, path: Path, start: float, first: int, last: int) -> None:
    """Encode what is heard from `start` seconds on as the samples from `first` to before `last`, a second at a time."""
    from av import AudioFrame

    heard = _heard(path, start, last - first)
    for begin in range(0, heard.shape[1], _HERTZ):
        block = AudioFrame.from_ndarray(np.ascontiguousarray(heard[:, begin : begin + _HERTZ]), "fltp", "stereo")
        block.sample_rate, block.pts, block.time_base = _HERTZ, first + begin, Fraction(1, _HERTZ)
        output.mux(stream.encode(block))


def _heard(path: Path, start: float, samples: int) -> NDArray[np.float32]:
    """So many samples of sound from `start` seconds on, silent where there is none: float32 (2, samples)."""
    heard = np.zeros((2, samples), np.float32)
    place = None  # of the next sample
    with opened(path) as container:
        stream = _sound_stream(container)
        seek(container, start)
        zero = start_seconds(container) + start
        for due, block in _resampled(container, stream, zero) if stream else ():
            if place is None or (due is not None and abs(due - place) > _GAP_SECONDS * _HERTZ):
                place = due or 0
            if place >= samples:
                break
            begin, end = max(place, 0), min(place + block.shape[1], samples)
            if begin < end:
                heard[:, begin:end] = block[:, begin - place : end - place]
            place += block.shape[1]
    fade = min(round(_FADE_SECONDS * _HERTZ), samples // 2)
    ramp = np.linspace(0, 1, fade, dtype=np.float32)
    heard[:, :fade] *= ramp
    heard[:, samples - fade :] *= ramp[::-1]
    return heard


def _resampled(
    container: InputContainer, stream: AudioStream, zero: float
) -> Iterator[tuple[int | None, NDArray[np.float32]]]:
    """Sound as float32 (2, N), each with the sample at which it is due, from `zero` seconds of the container on."""
    from av import AudioResampler

    resampler, was = None, None
    for frame in decoded(container, stream):
        kind = (frame.format.name, frame.layout.name, frame.sample_rate)
        if resampler is None or kind != was:  # broadcasts change from stereo to surround and back
            resampler, was = AudioResampler("fltp", "stereo", _HERTZ), kind
        due = None if frame.time is None else round((frame.time - zero) * _HERTZ)
        for block in resampler.resample(frame):
            samples = np.asarray(block.to_ndarray(), np.float32)
            yield due, samples
            due = None if due is None else due + samples.shape[1]


def _sound_stream(container: InputContainer) -> AudioStream | None:
    return next((stream for stream in container.streams.audio if stream.codec_context is not None), None)


def _picture_stream(output: OutputContainer, info: MediaInfo, rate: Fraction) -> VideoStream:
    """Square pixels in the size of the source, coded as it lies; players turn it upright, but many mirror nothing."""
    stream = output.add_stream("libx264", rate=rate, options=_QUALITY)
    turned = Orientation(0 if info.mirrored else info.rotation, mirrored=False)
    width, height = (info.height, info.width) if turned.sideways else (info.width, info.height)
    stream.width, stream.height = (2 * max(1, round(side / 2)) for side in (width, height))
    stream.pix_fmt, stream.time_base = "yuv420p", 1 / rate
    stream.codec_context.time_base, stream.codec_context.thread_count = 1 / rate, THREADS
    if not info.plain_color:  # as it is shown, for players would take it for what it was
        coding = stream.codec_context
        coding.colorspace = coding.color_primaries = coding.color_trc = _BT709
    if turned.rotation:
        stream.set_display_matrix(turned.matrix())
    return stream
