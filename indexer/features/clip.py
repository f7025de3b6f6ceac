"""A query clip: a video file from anywhere, or a part of it, looked at the way the library's videos were."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from indexer.features.extraction import drafts
from indexer.features.views import View, Views
from indexer.media.container import MediaError
from indexer.media.frames import Frames
from indexer.media.image import read_pixels
from indexer.pipeline import IndexOptions
from indexer.workers.decoders import Decoders, Stream
from model.encoder.contract import Encoder


@dataclass(frozen=True)
class Clip:
    """A clip cut into segments, without its words: likeness is a matter of pictures."""

    pts_seconds: NDArray[np.float64]  # (T,), from the beginning of the clip, which may be a part of its file
    features: NDArray[np.float16]  # (T, F)
    lengths: tuple[int, ...]  # frames of each of the N segments, T in all
    embeddings: NDArray[np.float32]  # (N, D), one a segment, unit length
    views: tuple[View, ...] = ()  # the same mirrored, and without bars


@dataclass(frozen=True)
class Bounds:
    """How much of a file from a stranger is looked at."""

    clip_seconds: float  # of video
    wall_seconds: float  # that reading it may take, once it is open


class TooMuch(MediaError):  # noqa: N818 - the name says what it is
    """A file that is longer, or takes longer to read, than it may."""

    def __init__(self, message: str) -> None:
        super().__init__(message, stage="decode")


def read_clip(
    path: Path,
    encoder: Encoder,
    *,
    start: float | None = None,
    end: float | None = None,
    decoders: Decoders | None = None,
    bounds: Bounds | None = None,
) -> Clip:
    """Decode a clip in a child process and look at it.

    Args:
        start: seconds; from the beginning where None.
        end: seconds; to the end where None.
        decoders: that read it, at the rate of the encoder; new ones where None.
        bounds: that the clip has to keep to; none where None.

    Raises:
        MediaError: the file is missing, is no video, or holds no frame between `start` and `end`.
        TooMuch: it does not keep to the bounds.
    """
    if not path.is_file():
        raise MediaError(f"no such file: {path}", stage="open")
    options, views = IndexOptions(), Views(encoder)
    with ExitStack() as stack:
        reading = decoders or stack.enter_context(Decoders(workers=1, fps=encoder.fps))
        streams = stack.enter_context(closing(reading.streams([path], start_seconds=start, end_seconds=end)))
        for stream in streams:
            duration = stream.header.info.duration if end is None else end
            chunks = stream if bounds is None else _bounded(stream, bounds, start or 0.0, duration)
            found = drafts(
                views.watching(chunks),
                encoder,
                duration=duration,
                max_segment_seconds=options.max_segment_seconds,
            )
    lengths = tuple(len(draft.features) for draft in found)
    return Clip(
        # The frame on screen at `start` may have appeared a little earlier.
        np.maximum(np.concatenate([draft.pts_seconds for draft in found]) - (start or 0.0), 0.0),
        np.concatenate([draft.features for draft in found]),
        lengths,
        encoder.embed_segments([draft.features for draft in found], [""] * len(found)),
        views.seen(lengths),
    )


def read_picture(path: Path, encoder: Encoder, *, decoders: Decoders | None = None) -> Clip:
    """Look at a still picture as a clip of one frame, turned as its EXIF says.

    Args:
        decoders: whose child process decodes it; this process does where None.

    Raises:
        MediaError: the file is missing or is no picture.
    """
    if not path.is_file():
        raise MediaError(f"no such file: {path}", stage="open")
    try:
        picture = decoders.picture(path) if decoders else read_pixels(path)
    except MediaError as error:
        raise MediaError(f"{path}: {error}", stage=error.stage) from error
    frames = np.repeat(picture[None], encoder.clip_frames, axis=0)
    features = encoder.features(frames)
    embedding = encoder.embed_segments([features], [""])
    return Clip(np.zeros(len(features)), features, (len(features),), embedding)


def _bounded(stream: Stream, bounds: Bounds, start: float, end: float) -> Iterator[tuple[Frames, list[bool]]]:
    """The stream, ended by an error where it does not keep to the bounds; what the file says of itself may be false."""
    most = f"at most {bounds.clip_seconds:.0f} s are looked at"
    if end - start > bounds.clip_seconds:
        raise TooMuch(f"the clip lasts {end - start:.0f} s; {most}")
    give_up_at = time.monotonic() + bounds.wall_seconds
    for frames, cuts in stream:
        if float(frames.pts_seconds[-1]) - start > bounds.clip_seconds:
            raise TooMuch(f"the clip is longer than it says; {most}")
        if time.monotonic() > give_up_at:
            raise TooMuch(f"reading the clip took longer than {bounds.wall_seconds:.0f} s")
        yield frames, cuts
