"""Frame features as rows that can be compared: without what all pictures have in common, and knowing what is blank."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from model.encoder.videobert import Encoder
from search.clips.alignment import Track
from search.clips.blank import blank, blank_features
from store.catalog.catalog import Catalog
from store.types import Segment

_SAMPLE = 256  # segments: enough for a mean, a moment to read
_PRIOR = 8  # segments that the painted pictures count as, so that a library of one film is not compared with itself


class Looks:
    """How the frames of a library compare."""

    def __init__(self, catalog: Catalog, encoder: Encoder) -> None:
        self.catalog, self.encoder = catalog, encoder

    def rows(self, features: NDArray[np.float16]) -> NDArray[np.float32]:
        """Unit rows float32 (T, F) of what tells pictures apart."""
        rows = features.astype(np.float32) - self._mean
        return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9))

    def track(self, pts_seconds: NDArray[np.float64], features: NDArray[np.float16], end: float) -> Track:
        """Frames to be aligned, those that show nothing as zeros."""
        rows = self.rows(features)
        rows[blank(rows, self._painted)] = 0.0
        return Track(pts_seconds, rows, end)

    def stored(self, segments: Sequence[Segment]) -> Track:
        """Segments of one video, in order of time, as one track."""
        stored = [self.catalog.frame_features(segment.id) for segment in segments if segment.id is not None]
        features = np.concatenate([features for _, features in stored])
        return self.track(np.concatenate([pts for pts, _ in stored]), features, segments[-1].end)

    @cached_property
    def blank_embeddings(self) -> NDArray[np.float32]:
        """Of segments that show nothing: (B, D), unit rows."""
        clips = [np.repeat(feature[None], 4, axis=0) for feature in self._blank_features]
        return self.encoder.embed_segments(*self.encoder.pad_frames(clips), [""] * len(clips))

    @cached_property
    def _mean(self) -> NDArray[np.float32]:
        """What all pictures have in common, which has to go before cosines of CNN features tell them apart: (F,)."""
        ids = self.catalog.segment_ids()
        sample = ids[np.linspace(0, len(ids) - 1, min(len(ids), _SAMPLE)).astype(int)].tolist()
        held = [self.catalog.frame_features(number)[1].astype(np.float32).mean(axis=0) for number in sample]
        painted = self._blank_features.astype(np.float32).mean(axis=0)
        return np.asarray((np.sum(held, axis=0) + _PRIOR * painted) / (len(held) + _PRIOR), np.float32)

    @cached_property
    def _painted(self) -> NDArray[np.float32]:
        return self.rows(self._blank_features)

    @cached_property
    def _blank_features(self) -> NDArray[np.float16]:
        return blank_features(self.encoder)
