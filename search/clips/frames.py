"""Normalized frame features: centred, of unit length, with blank frames marked.

Blank frames are black, one colour, noise or test cards. They are similar in all videos and must match nothing. The
catalog has features, not pictures; such pictures are therefore painted and encoded by the same network, and a frame
whose features are nearly equal to those of one of them is blank.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from model.encoder.contract import Encoder
from store.catalog.catalog import Catalog
from store.types import Segment

_SAMPLE = 256  # segments for the mean
_PRIOR = 8  # weight of the painted pictures in the mean, in segments, so that one video is not centred on itself
# Cosine with a painted picture. `python -m benchmarks.duplicates blank` prints what it catches and what it spares.
NEARLY = 0.82

_HEIGHT, _WIDTH = 224, 398  # pixels, 16 : 9 at the size that frames are decoded to
_GREYS = (0, 8, 16, 32, 64, 96, 128, 160, 192, 224, 235, 255)
_COLOURS = ((255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (0, 255, 255), (255, 0, 255), (0, 0, 96))
_BARS = np.array([(1, 1, 1), (1, 1, 0), (0, 1, 1), (0, 1, 0), (1, 0, 1), (1, 0, 0), (0, 0, 1), (0, 0, 0)])


@dataclass(frozen=True, eq=False)
class FrameSequence:
    """Frames of one video in order of time, made by `FrameNormalizer`.

    Attributes:
        pts_seconds: float64 (T,), when each appears.
        rows: float32 (T, F), centred features as unit rows.
        blank: bool (T,), True for blank frames.
        end: seconds, when the last one disappears.
    """

    pts_seconds: NDArray[np.float64]
    rows: NDArray[np.float32]
    blank: NDArray[np.bool_]
    end: float

    def __len__(self) -> int:
        return len(self.pts_seconds)

    def between(self, start: float, end: float) -> FrameSequence:
        """Return the frames with `start <= pts_seconds < end`, seconds."""
        first, last = np.searchsorted(self.pts_seconds, [start, end]).tolist()
        until = self.end if last == len(self) else float(self.pts_seconds[last])
        return FrameSequence(self.pts_seconds[first:last], self.rows[first:last], self.blank[first:last], until)

    def subset(self, frames: slice | NDArray[np.intp]) -> FrameSequence:
        """Return some of the frames, with the same end."""
        return FrameSequence(self.pts_seconds[frames], self.rows[frames], self.blank[frames], self.end)

    @cached_property
    def visible(self) -> NDArray[np.float32]:
        """The rows, with zeros for blank frames, which are similar to no other: float32 (T, F)."""
        return np.where(self.blank[:, None], np.float32(0), self.rows) if self.blank.any() else self.rows

    @cached_property
    def shown(self) -> NDArray[np.bool_]:
        """True for frames that are not blank: bool (T,)."""
        return np.asarray(self.visible.any(axis=1))

    @property
    def step(self) -> float:
        """Seconds from one frame to the next: their median, 0.5 for a single frame."""
        return float(np.median(np.diff(self.pts_seconds))) if len(self) > 1 else 0.5


class FrameNormalizer:
    """Centres the features of one library and finds its blank frames.

    CNN features of all pictures share a large component, so the mean over a sample of the library is subtracted before
    taking cosines.
    """

    def __init__(self, catalog: Catalog, encoder: Encoder) -> None:
        self.catalog, self.encoder = catalog, encoder

    def sequence(self, pts_seconds: NDArray[np.float64], features: NDArray[np.float16], end: float) -> FrameSequence:
        """Normalize frames: (T,) seconds and (T, F) features."""
        rows = self.rows(features)
        return FrameSequence(pts_seconds, rows, (rows @ self.painted.T).max(axis=1) >= NEARLY, end)

    def of_segments(self, segments: Sequence[Segment]) -> FrameSequence:
        """Return the stored frames of segments of one video, in order of time."""
        stored = [self.catalog.segments.frame_features(segment.id) for segment in segments if segment.id is not None]
        features = np.concatenate([features for _, features in stored])
        return self.sequence(np.concatenate([pts for pts, _ in stored]), features, segments[-1].end)

    def rows(self, features: NDArray[np.float16]) -> NDArray[np.float32]:
        """Centre features and scale them to unit length: float32 (T, F)."""
        rows = features.astype(np.float32) - self._mean
        return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9))

    @cached_property
    def painted(self) -> NDArray[np.float32]:
        """Unit rows of the painted blank pictures: float32 (B, F)."""
        return self.rows(blank_features(self.encoder))

    @cached_property
    def blank_embeddings(self) -> NDArray[np.float32]:
        """Embeddings of blank segments: float32 (B, D), unit rows."""
        clips = [np.repeat(feature[None], 4, axis=0) for feature in blank_features(self.encoder)]
        return self.encoder.embed_segments(clips, [""] * len(clips))

    @cached_property
    def _mean(self) -> NDArray[np.float32]:
        """Mean of the features: (F,)."""
        ids = self.catalog.segments.ids()
        sample = ids[np.linspace(0, len(ids) - 1, min(len(ids), _SAMPLE)).astype(int)].tolist()
        means = [self.catalog.segments.frame_features(number)[1].astype(np.float32).mean(axis=0) for number in sample]
        painted = blank_features(self.encoder).astype(np.float32).mean(axis=0)
        return np.asarray((np.sum(means, axis=0) + _PRIOR * painted) / (len(means) + _PRIOR), np.float32)


@lru_cache(maxsize=1)
def blank_features(encoder: Encoder) -> NDArray[np.float16]:
    """Return features of the painted blank pictures: float16 (B, F); cached for one encoder."""
    frames = np.stack([np.broadcast_to(one, (_HEIGHT, _WIDTH, 3)).transpose(2, 0, 1) for one in _pictures()])
    clips = np.repeat(np.ascontiguousarray(frames), encoder.clip_frames, axis=0)
    return encoder.features(clips)[:: encoder.clip_frames]


def _pictures() -> Iterator[NDArray[np.uint8]]:
    """Pictures that broadcast to (H, W, 3)."""
    for colour in (*((grey, grey, grey) for grey in _GREYS), *_COLOURS):
        yield np.array(colour, np.uint8)[None, None]
    for grain in (1, 2, 4):
        noise = np.random.default_rng(0).integers(0, 256, (-(-_HEIGHT // grain), -(-_WIDTH // grain), 1), np.uint8)
        yield noise.repeat(grain, axis=0).repeat(grain, axis=1)[:_HEIGHT, :_WIDTH]
    for level in (191, 255):
        yield _columns(_BARS * level)
        yield _columns(_BARS[:7] * level)
        yield _card(level)
    yield np.linspace(0, 255, _WIDTH).astype(np.uint8)[None, :, None]
    yield _grid()


def _columns(colours: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Upright bars of equal width: (1, W, 3)."""
    which = np.arange(_WIDTH) * len(colours) // _WIDTH
    return colours[which].astype(np.uint8)[None]


def _card(level: int) -> NDArray[np.uint8]:
    """Bars as SMPTE EG 1 has them: seven colours, below them a row of blues, below that steps of grey."""
    picture = np.broadcast_to(_columns(_BARS[:7] * level), (_HEIGHT, _WIDTH, 3)).copy()
    top, bottom = round(_HEIGHT * 0.67), round(_HEIGHT * 0.75)
    picture[top:bottom] = _columns(_BARS[[6, 7, 4, 7, 2, 7, 0]] * level)
    steps = [(0, 33, 76), (255, 255, 255), (50, 0, 106), (19, 19, 19), (9, 9, 9), (19, 19, 19)]
    picture[bottom:] = _columns(np.array(steps))
    return picture


def _grid() -> NDArray[np.uint8]:
    """White lines on grey, and a circle."""
    picture = np.full((_HEIGHT, _WIDTH, 3), 96, np.uint8)
    picture[::28] = picture[:, ::28] = 255
    down, across = np.ogrid[:_HEIGHT, :_WIDTH]
    distance = np.hypot(down - _HEIGHT / 2, across - _WIDTH / 2)
    picture[abs(distance - 100) < 3] = 255
    return picture
