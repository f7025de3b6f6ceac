"""Encoder: the interface of models, NumPy arrays in and out. Torch, devices and batching are private to it.

`model.encoder.load` loads one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class ReadAsEnglish(UserWarning):
    """A text in another language was read as English, for want of what reads it."""


class Encoder(Protocol):
    """Frames, segments and texts -> unit vectors in one space.

    Vectors compare where `fingerprint` is equal. Stored frame features can be reused where `feature_fingerprint` is,
    which is "backbone digest:precision"; one that was stored without a precision fits any.
    """

    name: str  # argument of `load`
    tier: str  # origin of the weights, for people
    fingerprint: str  # of all weights
    dim: int  # D, of an embedding
    feature_dim: int  # F, of a frame feature
    scale: float  # that cosines were multiplied by in training
    query_bank: NDArray[np.float32]  # (Q, D), unit length; captions of its training, for hubness; Q is 0 for none
    class_names: tuple[str, ...]  # K classes of the backbone's own classifier; K is 0 for none
    fps: float  # frames per second of video to sample
    clip_frames: int  # consecutive frames that share one feature; callers pass whole clips

    def __hash__(self) -> int:
        """By identity: results are cached by encoder."""

    @property
    def feature_fingerprint(self) -> str:
        """Identifies frame features: "backbone digest:precision"."""

    def features(self, frames: NDArray[np.uint8]) -> NDArray[np.float16]:
        """Compute frame features.

        Args:
            frames: uint8 (T, 3, H, W), RGB, any size.

        Returns:
            float16 (T, F).
        """

    def class_probabilities(self, segments: Sequence[NDArray[np.float16]]) -> NDArray[np.float32]:
        """How likely each class is in N segments, the mean over their frames (T_i, F): float32 (N, K)."""

    def embed_segments(self, segments: Sequence[NDArray[np.float16]], texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed segments from their frames and subtitles.

        Args:
            segments: N arrays of frame features, float16 (T_i, F); T_i may be 0. Long ones are thinned evenly.
            texts: N subtitles; "" for none.

        Returns:
            float32 (N, D), unit length.

        Raises:
            ValueError: there is not one text per segment, or a segment has neither frames nor words.
        """

    def embed_text(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed queries: float32 (N, D), unit length.

        Raises:
            ValueError: a text has no word.
        """

    def align(self, segments: Sequence[NDArray[np.float16]], texts: Sequence[str]) -> NDArray[np.float32]:
        """Score how well N pairs of segment and text match: float32 (N,), higher is better.

        Arguments as in `embed_segments`.

        Raises:
            ValueError: there is not one text per segment.
        """
