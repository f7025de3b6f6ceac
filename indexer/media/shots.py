"""Sampled frames -> where new shots begin.

This is the work of a child process (see `indexer.workers.worker`), for it looks at pictures.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from indexer.media.frames import Frames

# Of the mean change of hue, saturation and brightness between frames half a second apart: the least of a new shot, and
# how many times the mean of the two changes before and the two after it. Chosen on the first films of
# `benchmarks.shots`, F1 0.91; on the others it is 0.89, that of PySceneDetect's adaptive detector 0.85, and that of a
# threshold alone, 42, 0.79.
_LEAST_CHANGE = 30.0
_LARGE_CHANGE = 42.0
_TIMES_OTHERS = 1.2
_OTHERS = 2  # changes on either side


def with_cuts(chunks: Iterable[Frames]) -> Iterator[tuple[Frames, list[bool]]]:
    """Yield the frames of a video, and for each whether a new shot begins with it; the first one begins none.

    Args:
        chunks: all frames in order. Each chunk is given on when the two frames after it are known.
    """
    changes = _Changes()
    waiting: deque[Frames] = deque()
    scores: list[float] = []  # of all frames
    done = 0

    def decided() -> tuple[Frames, list[bool]]:
        nonlocal done
        frames = waiting.popleft()
        done += len(frames)
        return frames, [_stands_out(scores, at) for at in range(done - len(frames), done)]

    for chunk in chunks:
        waiting.append(chunk)
        scores += [changes.until(picture) for picture in chunk.data]
        while len(scores) - done - len(waiting[0]) >= _OTHERS:
            yield decided()
    while waiting:
        yield decided()


def _stands_out(scores: Sequence[float], at: int) -> bool:
    around = [*scores[max(0, at - _OTHERS) : at], *scores[at + 1 : at + 1 + _OTHERS]]
    others = [score for score in around if not math.isnan(score)]
    return scores[at] >= max(_LEAST_CHANGE, _TIMES_OTHERS * sum(others) / max(1, len(others)))


class ShotDetector:
    """Finds the first frames of shots one by one, without a look at those after them; for readers that cannot wait."""

    def __init__(self) -> None:
        self._changes = _Changes()

    def cuts(self, frames: Frames) -> list[bool]:
        """For each frame, whether a new shot begins with it. The first frame of a video begins none."""
        return [self._changes.until(picture) >= _LARGE_CHANGE for picture in frames.data]


class _Changes:
    """The change of each frame from the one before it, as PySceneDetect's content detector has it; NaN of the first."""

    def __init__(self) -> None:
        import cv2  # here, so that the process that indexes need not load it
        from scenedetect import FrameTimecode
        from scenedetect.detectors import ContentDetector

        class Detector(ContentDetector):  # type: ignore[misc]
            """Gives the score that `AdaptiveDetector` builds on, too."""

            def change(self, time: FrameTimecode, picture: NDArray[np.uint8]) -> float:
                self.process_frame(time, picture)
                return float(self._frame_score or 0.0)

        cv2.setNumThreads(1)  # the pictures are small and other cores decode
        self._detector = Detector(min_scene_len=0)
        self._is_first = True
        self._time = FrameTimecode(0, fps=1.0)  # without a minimum length, the detector does not look at the clock

    def until(self, picture: NDArray[np.uint8]) -> float:
        """The change to a picture (3, H, W)."""
        change = self._detector.change(self._time, np.ascontiguousarray(picture.transpose(1, 2, 0)[..., ::-1]))  # BGR
        is_first, self._is_first = self._is_first, False
        return math.nan if is_first else change
