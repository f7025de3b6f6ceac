"""A query clip: a video file from anywhere, or a part of it, looked at the way the library's videos were.

It is also looked at in other views, for what was done to a copy of a video: mirrored, framed by bars, filmed from a
screen. Bars change what a network sees of a picture more than a new encoding does, so a clip is looked at without them
as well. The picture behind them is larger then, as it is in the video that the library holds. Of a screen that was
filmed, the middle alone is looked at too, where the screen mostly stands.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from indexer.features.extraction import extract_segments, whole_clips
from indexer.features.segmentation import MAX_SEGMENT_SECONDS
from indexer.media.container import MediaError
from indexer.media.frames import Frames
from indexer.media.image import read_pixels
from indexer.workers.decoders import Decoders, Stream
from model.encoder.contract import Encoder

_DARK = 32  # of 255: black as video means it, with the ringing of an encoder
_NARROWEST = 0.03  # of the picture's side; what is narrower makes no difference
_MOST = 0.8  # of the side that bars may take together
_CLOSE = 0.6  # of the picture's sides that are left of it from close by
_LOOKED_AT = 64  # frames from the beginning that decide where the bars are


@dataclass(frozen=True)
class View:
    """A clip as it looks after something was undone."""

    features: NDArray[np.float16]  # (T, F)
    embeddings: NDArray[np.float32]  # (N, D), one a segment, unit length
    mirrored: bool
    letterbox_removed: bool  # bars were cut away
    center_crop: bool  # only the middle of the picture


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
        decoders: that read it; new ones where None.
        bounds: that the clip has to keep to; none where None.

    Raises:
        MediaError: the file is missing, is no video, or holds no frame between `start` and `end`.
        TooMuch: it does not keep to the bounds.
    """
    if not path.is_file():
        raise MediaError(f"no such file: {path}", stage="open")
    views = ViewExtractor(encoder)
    with ExitStack() as stack:
        reading = decoders or stack.enter_context(Decoders())
        streams = stack.enter_context(
            closing(reading.streams([path], fps=encoder.fps, start_seconds=start, end_seconds=end))
        )
        for stream in streams:
            duration = stream.header.info.duration if end is None else end
            chunks = stream if bounds is None else _bounded(stream, bounds, start or 0.0, duration)
            found = extract_segments(
                views.watching(chunks),
                encoder,
                duration=duration,
                max_segment_seconds=MAX_SEGMENT_SECONDS,
            )
    lengths = tuple(len(segment.features) for segment in found)
    return Clip(
        # The frame on screen at `start` may have appeared a little earlier.
        np.maximum(np.concatenate([segment.pts_seconds for segment in found]) - (start or 0.0), 0.0),
        np.concatenate([segment.features for segment in found]),
        lengths,
        encoder.embed_segments([segment.features for segment in found], [""] * len(found)),
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


class ViewExtractor:
    """Looks at frames on their way to whoever looks at them as they are."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._features: dict[tuple[bool, bool, bool], list[NDArray[np.float16]]] = {}
        self._picture: tuple[slice, slice] | None = None  # what the bars leave of the rows and columns
        self._decided = False

    def watching(self, stream: Iterable[tuple[Frames, Sequence[bool]]]) -> Iterator[tuple[Frames, list[bool]]]:
        """Chunks of frames, each looked at before it is handed on."""
        for frames, cuts in whole_clips(stream, self._encoder.clip_frames):
            if not self._decided:
                self._picture, self._decided = inside_bars(frames.data[:_LOOKED_AT]), True
            self._look(frames.data, letterbox_removed=False)
            if self._picture is not None:
                self._look(frames.data[:, :, *self._picture], letterbox_removed=True)
            self._keep(_middle(frames.data), center_crop=True)
            yield frames, cuts

    def seen(self, lengths: Sequence[int]) -> tuple[View, ...]:
        """The views of a clip whose segments have so many frames each."""
        return tuple(self._view(*which, lengths) for which in self._features)

    def _look(self, data: NDArray[np.uint8], *, letterbox_removed: bool) -> None:
        if letterbox_removed:
            self._keep(data, letterbox_removed=True)
        self._keep(data[..., ::-1], mirrored=True, letterbox_removed=letterbox_removed)

    def _keep(
        self,
        data: NDArray[np.uint8],
        *,
        mirrored: bool = False,
        letterbox_removed: bool = False,
        center_crop: bool = False,
    ) -> None:
        features = self._encoder.features(np.ascontiguousarray(data))
        self._features.setdefault((mirrored, letterbox_removed, center_crop), []).append(features)

    def _view(self, mirrored: bool, letterbox_removed: bool, center_crop: bool, lengths: Sequence[int]) -> View:
        features = np.concatenate(self._features[mirrored, letterbox_removed, center_crop])
        parts = np.split(features, np.cumsum(lengths)[:-1])
        embeddings = self._encoder.embed_segments(parts, [""] * len(parts))
        return View(features, embeddings, mirrored, letterbox_removed, center_crop)


def _middle(data: NDArray[np.uint8]) -> NDArray[np.uint8]:
    top, left = (round(side * (1 - _CLOSE) / 2) for side in data.shape[2:])
    return data[:, :, top : data.shape[2] - top, left : data.shape[3] - left]


def inside_bars(data: NDArray[np.uint8]) -> tuple[slice, slice] | None:
    """The rows and columns of a picture that black bars leave free; None where there are none.

    Args:
        data: uint8 (T, 3, H, W). A row or column is of a bar if it is dark in all frames. A video that is dark all over
            has no bars, for nothing would be left.
    """
    brightest = data.max(axis=(0, 1))  # (H, W)
    rows, columns = _lit(brightest, axis=1), _lit(brightest, axis=0)
    if rows is None or columns is None:
        return None
    height, width = brightest.shape
    whole = (
        rows.stop - rows.start > (1 - _NARROWEST) * height and columns.stop - columns.start > (1 - _NARROWEST) * width
    )
    return None if whole else (rows, columns)


def _lit(brightest: NDArray[np.uint8], axis: int) -> slice | None:
    """From the first to the last line of pixels that is not dark; None where too few are left.

    A line counts as dark if nine tenths of it are, for a logo or a subtitle may stand on a bar.
    """
    lit = np.flatnonzero(np.quantile(brightest, 0.9, axis=axis) > _DARK)
    if not len(lit) or lit[-1] + 1 - lit[0] < (1 - _MOST) * brightest.shape[1 - axis]:
        return None
    return slice(int(lit[0]), int(lit[-1]) + 1)
