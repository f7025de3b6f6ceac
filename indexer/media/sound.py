"""The sound of a video, decoded piece by piece for speech recognition: one channel, 16,000 samples a second."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from indexer.media.container import MediaError, clock_of, decoded, opened, start_seconds

if TYPE_CHECKING:
    from av import AudioFrame
    from av.audio.resampler import AudioResampler
    from av.audio.stream import AudioStream
    from av.container import InputContainer

RATE = 16_000  # samples per second
_GAP_SECONDS = 0.1  # that the times of frames may differ from the length of what came before
_SILENCE_SECONDS = 60.0  # of a gap that are made at a time
_BEYOND_SECONDS = 10.0  # that sound may go on after the pictures


def read_sound(path: Path, *, duration: float) -> Iterator[NDArray[np.float32]]:
    """Decode the sound that a player begins with, from the player's zero on; gaps are silence.

    Args:
        path: of the video.
        duration: of the video in seconds, beyond which no gap is filled.

    Yields:
        Samples (T,), -1 to 1, one after the other; nothing for a video without sound.

    Raises:
        MediaError: the file cannot be opened as media, or its sound is not of a codec that is read.
    """
    with opened(path) as container:
        stream = main_sound(container)
        if stream is None:
            return
        zero, written = start_seconds(container), 0  # samples
        furthest = duration + _BEYOND_SECONDS
        setup, resampler = None, None
        jumps, overlaps = clock_of(container).jumps, False
        for frame in decoded(container, stream):
            if (frame.format.name, frame.layout.name, frame.sample_rate) != setup:  # it may change in the middle
                if resampler is not None:
                    for samples in _resampled(resampler, None):
                        written += len(samples)
                        yield samples
                setup, resampler = (frame.format.name, frame.layout.name, frame.sample_rate), _resampler()
            if frame.time is not None:
                gap = frame.time - zero - written / RATE
                if frame.time - zero < furthest and gap > _GAP_SECONDS:
                    for samples in _silence(gap):
                        written += len(samples)
                        yield samples
                overlaps = gap < (0 if overlaps else -_GAP_SECONDS) and (not written or jumps > 0)
                if overlaps:
                    continue  # before the player's zero, or while the recording before still sounds
            frame.pts = None  # the resampler would keep gaps in its own way
            assert resampler is not None
            for samples in _resampled(resampler, frame):
                written += len(samples)
                yield samples
        if resampler is not None:
            yield from _resampled(resampler, None)


def main_sound(container: InputContainer) -> AudioStream | None:
    """The audio stream that a player begins with, None where there is none.

    Raises:
        MediaError: none of them is of a codec that is read.
    """
    from av.stream import Disposition

    tracks = sorted(container.streams.audio, key=lambda track: not track.disposition & Disposition.default)
    readable = [track for track in tracks if track.codec_context is not None]
    if tracks and not readable:
        raise MediaError("the codec of its sound is not one that is read", stage="decode")
    return readable[0] if readable else None


def _resampler() -> AudioResampler:
    from av.audio.resampler import AudioResampler

    return AudioResampler(format="flt", layout="mono", rate=RATE)


def _resampled(resampler: AudioResampler, frame: AudioFrame | None) -> Iterator[NDArray[np.float32]]:
    for part in resampler.resample(frame):
        yield np.nan_to_num(part.to_ndarray().reshape(-1).astype(np.float32)).clip(-1, 1)


def _silence(seconds: float) -> Iterator[NDArray[np.float32]]:
    count = round(seconds * RATE)
    while count > 0:
        part = min(count, int(_SILENCE_SECONDS * RATE))
        yield np.zeros(part, np.float32)
        count -= part
