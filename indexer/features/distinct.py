"""DistinctFrames: a frame that shows the same as one before is not looked at again.

Slides, titles, screens that are recorded and cameras that wait show one picture for seconds. Most of indexing is
looking at frames, so they share the feature of the first.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from model.encoder.contract import Encoder

# Of 255, between the means of blocks of 8 by 8 pixels, the most over a picture and its colours. Within it features keep
# a cosine of 0.9997; at 7 it is 0.998. Half of the pairs of frames of clips, a quarter of a second apart, exceed 100.
_SAME_LEVELS = 3.0
_STEP, _BLOCK = 2, 4  # every second pixel is read; pixels of those to a block


class DistinctFrames:
    """Frame features of one video, chunk by chunk, by an encoder that looks at frames one by one.

    Each frame is compared with the last one that was looked at, so that a slow change is not lost.
    """

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._blocks: NDArray[np.float32] | None = None
        self._feature: NDArray[np.float16] | None = None

    def features(self, frames: NDArray[np.uint8]) -> NDArray[np.float16]:
        """The features of the next frames: uint8 (T, 3, H, W) -> float16 (T, F)."""
        if self._encoder.clip_frames > 1:
            return self._encoder.features(frames)
        chosen: list[int] = []
        source = np.empty(
            len(frames), np.int64
        )  # which of those that are looked at each frame is like; -1: the last one
        for number, blocks in enumerate(_blocks(frames)):
            if not self._shows_the_same(blocks):
                self._blocks = blocks
                chosen.append(number)
            source[number] = len(chosen) - 1
        seen = (
            self._encoder.features(frames[chosen]) if chosen else np.empty((0, self._encoder.feature_dim), np.float16)
        )
        if self._feature is not None:
            seen, source = np.concatenate([self._feature[None], seen]), source + 1
        if len(seen):
            self._feature = seen[-1]
        return np.asarray(seen[source])

    def _shows_the_same(self, blocks: NDArray[np.float32]) -> bool:
        before = self._blocks
        if before is None or before.shape != blocks.shape or not blocks.size:
            return False
        return float(np.abs(blocks - before).max()) <= _SAME_LEVELS


def _blocks(frames: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The mean of each block and colour: (T, 3, h, w)."""
    few = frames[:, :, ::_STEP, ::_STEP]
    count, colours, height, width = few.shape
    rows, columns = height // _BLOCK, width // _BLOCK
    cut = few[:, :, : rows * _BLOCK, : columns * _BLOCK]
    return np.asarray(cut.reshape(count, colours, rows, _BLOCK, columns, _BLOCK).mean(axis=(3, 5), dtype=np.float32))
