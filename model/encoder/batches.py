"""Ragged segments -> padded batches, and batches of results -> one array."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, cat


def pad(
    segments: Sequence[NDArray[np.float16]], feature_dim: int, *, clip_frames: int = 1, max_frames: int | None = None
) -> tuple[NDArray[np.float16], NDArray[np.bool_]]:
    """Put segments of different lengths into one array.

    A segment of more than `max_frames` is thinned evenly. Where frames share the feature of their clip, each clip is
    read once.

    Returns:
        float16 (N, T, F), and bool (N, T), True for a real frame.
    """
    segments = [thin(one_per_clip(segment, clip_frames), max_frames) for segment in segments]
    length = max((len(segment) for segment in segments), default=0)
    features = np.zeros((len(segments), length, feature_dim), np.float16)
    mask = np.zeros((len(segments), length), bool)
    for i, segment in enumerate(segments):
        features[i, : len(segment)] = segment
        mask[i, : len(segment)] = True
    return features, mask


def one_per_clip(features: NDArray[np.float16], clip_frames: int) -> NDArray[np.float16]:
    """Leave out what repeats the feature before it, for encoders that look at clips: (T, F) -> (T', F)."""
    if clip_frames == 1 or not len(features):
        return features
    differs = (features[1:] != features[:-1]).any(axis=1)
    return np.asarray(features[np.concatenate([[True], differs])])


def thin(frames: NDArray[np.float16], most: int | None) -> NDArray[np.float16]:
    """Keep at most so many rows, evenly spaced, the first and the last among them."""
    if most is None or len(frames) <= most:
        return frames
    rows = np.linspace(0, len(frames) - 1, most).round().astype(int)
    return np.asarray(frames[rows])


def stack(rows: Sequence[Tensor], width: int) -> NDArray[np.float32]:
    """Batches of rows -> float32 (N, width), on the CPU."""
    if not rows:
        return np.zeros((0, width), np.float32)
    return np.asarray(cat(list(rows)).float().cpu().numpy())


def check_pairs(segments: Sequence[NDArray[np.float16]], texts: Sequence[str]) -> None:
    """Raise ValueError where there is not one text per segment."""
    if len(texts) != len(segments):
        raise ValueError(f"one text per segment: got {len(texts)} texts for {len(segments)} segments")


def require_words(texts: Sequence[str]) -> None:
    """Raise ValueError for a query without a word."""
    for text in texts:
        if not text.strip():
            raise ValueError(f"a query needs at least one word, got {text!r}")
