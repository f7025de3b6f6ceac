"""A stream of frames -> segments with features, thumbnails and, at the end, embeddings.

Only the frames of segments that are still open are held, so memory does not grow with the length of a video.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from indexer.features.fusion import fused
from indexer.features.segmentation import Segmenter
from indexer.media.container import MediaError
from indexer.media.frames import Frames
from indexer.text.cues import text_between
from model.encoder.contract import Encoder
from store.types import Cue, NewSegment

_THUMBNAIL_QUALITY = 80  # JPEG


@dataclass(frozen=True)
class Draft:
    """A segment before its embedding."""

    start: float
    end: float
    pts_seconds: NDArray[np.float64]  # (T,)
    features: NDArray[np.float16]  # (T, F)
    thumbnail: bytes  # JPEG of the frame nearest to the middle
    thumbnail_seconds: float


@dataclass(frozen=True)
class _Seen:
    """A frame that was looked at and whose segment is still open."""

    pts_seconds: float
    picture: NDArray[np.uint8]  # (3, H, W)
    features: NDArray[np.float16]  # (F,)


def drafts(
    stream: Iterable[tuple[Frames, Sequence[bool]]],
    encoder: Encoder,
    *,
    duration: float,
    max_segment_seconds: float,
) -> list[Draft]:
    """Look at every frame and cut the video into segments.

    Args:
        stream: chunks of frames, with True for each frame that begins a new shot.
        duration: of the video, seconds; where the frames go on beyond it, they decide.

    Raises:
        MediaError: the stream held no frame.
    """
    segmenter = Segmenter(max_seconds=max_segment_seconds)
    seen: list[_Seen] = []
    done: list[Draft] = []
    last = None
    for frames, cuts in in_clips(stream, encoder.clip_frames):
        features = encoder.features(frames.data)
        seen += map(_Seen, frames.pts_seconds.tolist(), frames.data, features)
        last = seen[-1].pts_seconds
        for start, end in segmenter.add(frames.pts_seconds, cuts):
            done.append(_close(seen, start, end))
    if last is None:
        raise MediaError("no frame could be decoded", stage="decode")
    # The last frame is shown for some time, so a segment that ends with it must end after it.
    for start, end in segmenter.finish(max(duration, float(np.nextafter(last, np.inf)))):
        done.append(_close(seen, start, end))
    return done


def in_clips(stream: Iterable[tuple[Frames, Sequence[bool]]], clip_frames: int) -> Iterator[tuple[Frames, list[bool]]]:
    """The same frames in chunks of whole clips, all but the last, so that no clip depends on how they were decoded."""
    data: list[NDArray[np.uint8]] = []
    pts_seconds: list[float] = []
    cuts: list[bool] = []
    for frames, new_shots in stream:
        data, pts_seconds, cuts = (
            [*data, *frames.data],
            [*pts_seconds, *frames.pts_seconds.tolist()],
            [*cuts, *new_shots],
        )
        whole = len(data) // clip_frames * clip_frames
        if whole:
            yield Frames(np.stack(data[:whole]), np.array(pts_seconds[:whole])), cuts[:whole]
            data, pts_seconds, cuts = data[whole:], pts_seconds[whole:], cuts[whole:]
    if data:
        yield Frames(np.stack(data), np.array(pts_seconds)), cuts


def embed(drafts: Sequence[Draft], cues: Sequence[Cue], encoder: Encoder) -> list[NewSegment]:
    """Fuse each segment's frames with the subtitles that fall into it."""
    texts = [text_between(cues, draft.start, draft.end) for draft in drafts]
    embeddings = fused([draft.features for draft in drafts], texts, encoder)
    return [
        NewSegment(**vars(draft), text=text, embedding=embedding)
        for draft, text, embedding in zip(drafts, texts, embeddings, strict=True)
    ]


def _close(seen: list[_Seen], start: float, end: float) -> Draft:
    """Take the frames before `end` out of `seen` and make a segment of them."""
    count = sum(frame.pts_seconds < end for frame in seen)
    frames, seen[:count] = seen[:count], []
    middle = min(frames, key=lambda frame: abs(frame.pts_seconds - (start + end) / 2))
    return Draft(
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
