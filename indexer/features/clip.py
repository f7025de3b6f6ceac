"""Query clips: features of a video file, or of a part of it, computed like those of the library.

Further views undo edits of copies: mirrored, letterbox removed (bars change features more than re-encoding does), and a
center crop (where the screen is in a clip filmed from one).
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

_DARK = 32  # of 255: video black, with the ringing of encoders
_MIN_BARS = 0.03  # share of a side; narrower bars make no difference
_MAX_BARS = 0.8  # share of a side
_CENTER_CROP = 0.6  # share of each side
_BAR_FRAMES = 64  # first frames, which decide where the bars are


@dataclass(frozen=True)
class View:
    """A clip with an edit undone."""

    features: NDArray[np.float16]  # (T, F)
    embeddings: NDArray[np.float32]  # (N, D), one per segment, unit length
    mirrored: bool
    letterbox_removed: bool
    center_crop: bool


@dataclass(frozen=True)
class Clip:
    """A clip cut into segments, without subtitles."""

    pts_seconds: NDArray[np.float64]  # (T,), from the start of the clip, which may be a part of its file
    features: NDArray[np.float16]  # (T, F)
    lengths: tuple[int, ...]  # frames of each of the N segments, T in all
    embeddings: NDArray[np.float32]  # (N, D), one per segment, unit length
    views: tuple[View, ...] = ()  # with edits undone


@dataclass(frozen=True)
class Bounds:
    """Limits on untrusted clips."""

    clip_seconds: float  # duration of the clip
    wall_seconds: float  # time to decode it


class TooMuch(MediaError):  # noqa: N818 - the name says what it is
    """A clip beyond its `Bounds`."""

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
    """Decode a clip in a child process and compute its features.

    Args:
        start: seconds; the beginning if None.
        end: seconds; the end if None.
        decoders: processes to use; new ones if None.
        bounds: limits; none if None.

    Raises:
        MediaError: the file is missing, not a video, or has no frame between `start` and `end`.
        TooMuch: the clip is beyond `bounds`.
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
                views.watch(chunks),
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
        views.views(lengths),
    )


def read_picture(path: Path, encoder: Encoder, *, decoders: Decoders | None = None) -> Clip:
    """Read an image as a clip of one frame, rotated by its EXIF orientation.

    Args:
        decoders: processes to decode it; this process if None.

    Raises:
        MediaError: the file is missing or not an image.
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
    """Pass the stream on, up to the bounds; the duration in a file's header may be false."""
    most = f"the limit is {bounds.clip_seconds:.0f} s"
    if end - start > bounds.clip_seconds:
        raise TooMuch(f"the clip lasts {end - start:.0f} s; {most}")
    give_up_at = time.monotonic() + bounds.wall_seconds
    for frames, cuts in stream:
        if float(frames.pts_seconds[-1]) - start > bounds.clip_seconds:
            raise TooMuch(f"the clip is longer than its header says; {most}")
        if time.monotonic() > give_up_at:
            raise TooMuch(f"reading the clip took longer than {bounds.wall_seconds:.0f} s")
        yield frames, cuts


class ViewExtractor:
    """Computes features of the views while frames pass through."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._features: dict[tuple[bool, bool, bool], list[NDArray[np.float16]]] = {}
        self._picture: tuple[slice, slice] | None = None  # rows and columns inside the bars
        self._decided = False

    def watch(self, stream: Iterable[tuple[Frames, Sequence[bool]]]) -> Iterator[tuple[Frames, list[bool]]]:
        """Pass chunks of frames on, after computing the features of their views."""
        for frames, cuts in whole_clips(stream, self._encoder.clip_frames):
            if not self._decided:
                self._picture, self._decided = inside_bars(frames.data[:_BAR_FRAMES]), True
            self._add_mirrored(frames.data, letterbox_removed=False)
            if self._picture is not None:
                self._add_mirrored(frames.data[:, :, *self._picture], letterbox_removed=True)
            self._add(_middle(frames.data), center_crop=True)
            yield frames, cuts

    def views(self, lengths: Sequence[int]) -> tuple[View, ...]:
        """Return the views, for segments of these numbers of frames."""
        return tuple(self._view(*which, lengths) for which in self._features)

    def _add_mirrored(self, data: NDArray[np.uint8], *, letterbox_removed: bool) -> None:
        if letterbox_removed:
            self._add(data, letterbox_removed=True)
        self._add(data[..., ::-1], mirrored=True, letterbox_removed=letterbox_removed)

    def _add(
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
    top, left = (round(side * (1 - _CENTER_CROP) / 2) for side in data.shape[2:])
    return data[:, :, top : data.shape[2] - top, left : data.shape[3] - left]


def inside_bars(data: NDArray[np.uint8]) -> tuple[slice, slice] | None:
    """Find the rows and columns inside black bars; None if there are no bars.

    Args:
        data: uint8 (T, 3, H, W). A row or column belongs to a bar if it is dark in all frames. A video that is all dark
            has no bars.
    """
    brightest = data.max(axis=(0, 1))  # (H, W)
    rows, columns = _lit(brightest, axis=1), _lit(brightest, axis=0)
    if rows is None or columns is None:
        return None
    height, width = brightest.shape
    whole = rows.stop - rows.start > (1 - _MIN_BARS) * height and columns.stop - columns.start > (1 - _MIN_BARS) * width
    return None if whole else (rows, columns)


def _lit(brightest: NDArray[np.uint8], axis: int) -> slice | None:
    """Return the range from the first to the last line that is not dark; None if too few are left.

    A line is dark if nine tenths of it are, since bars may contain logos and subtitles.
    """
    lit = np.flatnonzero(np.quantile(brightest, 0.9, axis=axis) > _DARK)
    if not len(lit) or lit[-1] + 1 - lit[0] < (1 - _MAX_BARS) * brightest.shape[1 - axis]:
        return None
    return slice(int(lit[0]), int(lit[-1]) + 1)
