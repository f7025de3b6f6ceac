"""Pad ragged segments to batches, and concatenate batches of results."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor


def pad(
    segments: Sequence[NDArray[np.float16]], feature_dim: int, *, clip_frames: int = 1, max_frames: int | None = None
) -> tuple[NDArray[np.float16], NDArray[np.bool_]]:
    """Pad segments to the longest one.

    Segments longer than `max_frames` are thinned evenly. If frames share the feature of their clip, each clip counts
    once.

    Returns:
        float16 (N, T, F), and bool (N, T), True for real frames.
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
    """Drop repeated features, for encoders of clips: (T, F) -> (T', F)."""
    if clip_frames == 1 or not len(features):
        return features
    differs = (features[1:] != features[:-1]).any(axis=1)
    return np.asarray(features[np.concatenate([[True], differs])])


def thin(frames: NDArray[np.float16], most: int | None) -> NDArray[np.float16]:
    """Keep at most `most` evenly spaced rows, including the first and the last."""
    if most is None or len(frames) <= most:
        return frames
    rows = np.linspace(0, len(frames) - 1, most).round().astype(int)
    return np.asarray(frames[rows])


def stack(rows: Sequence[Tensor], width: int) -> NDArray[np.float32]:
    """Concatenate batches of rows: float32 (N, width)."""
    if not rows:
        return np.zeros((0, width), np.float32)
    from torch import cat

    return np.asarray(cat(list(rows)).float().cpu().numpy())


def check_pairs(segments: Sequence[NDArray[np.float16]], texts: Sequence[str]) -> None:
    """Raise ValueError unless there is one text per segment."""
    if len(texts) != len(segments):
        raise ValueError(f"one text per segment: got {len(texts)} texts for {len(segments)} segments")


def shown_and_spoken(segments: Sequence[NDArray[np.float16]], texts: Sequence[str]) -> tuple[list[int], list[int]]:
    """The places of segments with frames, and of those that are words alone; ValueError for neither."""
    shown = [i for i, segment in enumerate(segments) if len(segment)]
    spoken = [i for i, segment in enumerate(segments) if not len(segment)]
    if any(not texts[i].strip() for i in spoken):
        raise ValueError("every row needs a word or a frame to embed; got a row with neither")
    return shown, spoken


def require_words(texts: Sequence[str]) -> None:
    """Raise ValueError for a query without a word."""
    for text in texts:
        if not any(unicodedata.category(character)[0] in "LNPS" for character in text.replace("\ufffd", "")):
            raise ValueError(f"a query needs at least one word, got {text!r}")
