"""Turn a stream of frames into segments with features, thumbnails and embeddings.

Only frames of the open segment stay in memory, whatever the length of the video.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from indexer.features.distinct import DistinctFrames
from indexer.features.labeling import labels_of
from indexer.features.segmentation import Segmenter
from indexer.features.vectors import segment_vectors
from indexer.media.container import MediaError
from indexer.media.frames import Frames
from indexer.text.cues import Transcript
from model.encoder.contract import Encoder
from model.encoder.labels import Labeler
from store.types import Cue, Label, NewSegment

_THUMBNAIL_QUALITY = 80  # JPEG


@dataclass(frozen=True)
class SegmentFeatures:
    """A segment before its embedding."""

    start: float
    end: float
    pts_seconds: NDArray[np.float64]  # (T,)
    features: NDArray[np.float16]  # (T, F)
    thumbnail: bytes  # JPEG of the frame nearest to the middle
    thumbnail_seconds: float


@dataclass(frozen=True)
class _OpenFrame:
    """A frame of the open segment."""

    pts_seconds: float
    picture: NDArray[np.uint8]  # (3, H, W)
    features: NDArray[np.float16]  # (F,)


def extract_segments(
    stream: Iterable[tuple[Frames, Sequence[bool]]],
    encoder: Encoder,
    *,
    duration: float | Callable[[], float],
    max_segment_seconds: float,
) -> list[SegmentFeatures]:
    """Compute frame features and cut the video into segments.

    Args:
        stream: chunks of frames, with True for each frame that begins a new shot.
        duration: of the video, seconds, or a function that knows it once the stream is at its end; where the frames go
            on beyond it, they decide.

    Raises:
        MediaError: the stream has no frame.
    """
    segmenter, looking = Segmenter(max_seconds=max_segment_seconds), DistinctFrames(encoder)
    open_frames: list[_OpenFrame] = []
    done: list[SegmentFeatures] = []
    last = None
    for frames, cuts in whole_clips(stream, encoder.clip_frames):
        features = looking.features(frames.data)
        open_frames += map(_OpenFrame, frames.pts_seconds.tolist(), frames.data, features)
        last = open_frames[-1].pts_seconds
        for start, end in segmenter.add(frames.pts_seconds, cuts):
            done.append(_close(open_frames, start, end))
    if last is None:
        raise MediaError("no frame could be decoded", stage="decode")
    # The last frame is shown for some time, so a segment that ends with it must end after it.
    seconds = duration() if callable(duration) else duration
    for start, end in segmenter.finish(max(seconds, float(np.nextafter(last, np.inf)))):
        done.append(_close(open_frames, start, end))
    return done


def whole_clips(
    stream: Iterable[tuple[Frames, Sequence[bool]]], clip_frames: int
) -> Iterator[tuple[Frames, list[bool]]]:
    """Regroup frames into chunks of whole clips, except the last chunk."""
    if clip_frames == 1:
        yield from ((frames, list(cuts)) for frames, cuts in stream)
        return
    data: list[NDArray[np.uint8]] = []
    pts_seconds: list[float] = []
    new_shots: list[bool] = []
    for frames, cuts in stream:
        data = [*data, *frames.data]
        pts_seconds = [*pts_seconds, *frames.pts_seconds.tolist()]
        new_shots = [*new_shots, *cuts]
        whole = len(data) // clip_frames * clip_frames
        if whole:
            yield Frames(np.stack(data[:whole]), np.array(pts_seconds[:whole])), new_shots[:whole]
            data, pts_seconds, new_shots = data[whole:], pts_seconds[whole:], new_shots[whole:]
    if data:
        yield Frames(np.stack(data), np.array(pts_seconds)), new_shots


def embed(
    segments: Sequence[SegmentFeatures],
    cues: Sequence[Cue],
    encoder: Encoder,
    *,
    language: str,
    labeler: Labeler | None = None,
) -> list[NewSegment]:
    """Embed each segment from its frames and subtitles, those in `language` if there are any, and label its frames."""
    spoken = Transcript(cues, language)
    texts = [spoken.between(segment.start, segment.end) for segment in segments]
    times, features = [segment.pts_seconds for segment in segments], [segment.features for segment in segments]
    vectors = segment_vectors(times, features, texts, encoder)
    labels: Sequence[tuple[Label, ...]] = [()] * len(texts)
    if labeler is not None and segments:
        labels = labels_of(features, texts, np.stack([made.embedding for made in vectors]), labeler)
    return [
        NewSegment(**vars(segment), text=text, **vars(made), labels=own)
        for segment, text, made, own in zip(segments, texts, vectors, labels, strict=True)
    ]


def _close(open_frames: list[_OpenFrame], start: float, end: float) -> SegmentFeatures:
    """Remove the frames before `end` from `open_frames` and build a segment of them."""
    count = sum(frame.pts_seconds < end for frame in open_frames)
    frames, open_frames[:count] = open_frames[:count], []
    middle = min(frames, key=lambda frame: abs(frame.pts_seconds - (start + end) / 2))
    return SegmentFeatures(
        start,
        end,
        np.array([frame.pts_seconds for frame in frames]),
        np.stack([frame.features for frame in frames]),
        _jpeg(middle.picture),
        middle.pts_seconds,
    )


def _jpeg(picture: NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(picture.transpose(1, 2, 0))).save(file, "JPEG", quality=_THUMBNAIL_QUALITY)
    return file.getvalue()
