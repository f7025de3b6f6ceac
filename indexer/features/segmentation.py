"""Cut a video into segments, half-open intervals that tile it, from the times of frames and shots.

The algorithm is online and keeps at most two windows of times.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

MAX_SEGMENT_SECONDS = 10.0  # default of libraries, and of clips
_SHORTEST_SHOT_SECONDS = 1.0


class Segmenter:
    """Cuts a video into segments: shots, and windows of shots longer than `max_seconds`.

    A segment starts at a frame, the first one at 0. It is at most `max_seconds` long, unless it has a single
    frame. Shots of up to twice the limit are halved, so that no sliver is left. Shots under a second join the next
    one, the last shot the one before.
    """

    def __init__(self, *, max_seconds: float = MAX_SEGMENT_SECONDS) -> None:
        if not max_seconds > 0:
            raise ValueError(f"max_seconds must be positive, got {max_seconds}")
        self._max = max_seconds
        self._shortest = min(_SHORTEST_SHOT_SECONDS, max_seconds / 2)
        self._start = 0.0  # of the open segment
        self._times: list[float] = []  # of the frames since then
        self._cut: float | None = None  # where the open shot ends, if the next one turns out to be long enough

    def add(self, pts_seconds: NDArray[np.float64], cuts: Sequence[bool]) -> list[tuple[float, float]]:
        """Add frames; return completed segments.

        Args:
            pts_seconds: (T,) times, not negative, strictly increasing over all calls.
            cuts: whether a new shot starts at each frame.

        Raises:
            ValueError: the lengths differ or a time does not increase.
        """
        closed: list[tuple[float, float]] = []
        for time, cut in zip(pts_seconds.tolist(), cuts, strict=True):
            if time < 0 or (self._times and time <= self._times[-1]):
                raise ValueError(f"times must increase from 0, got {time} after {self._times[-1:]}")
            if self._cut is not None and time - self._cut >= self._shortest:
                closed += self._close(self._cut)
            if cut and self._cut is None and self._times and time - self._start >= self._shortest:
                self._cut = time
            self._times.append(time)
            if self._cut is None:
                while time - self._start >= 2 * self._max and (window := self._window(time)):
                    closed.append(window)
        return closed

    def finish(self, end_seconds: float) -> list[tuple[float, float]]:
        """Return the remaining segments, the last ending at `end_seconds`; none without frames.

        Raises:
            ValueError: `end_seconds` is not after the last frame.
        """
        if not self._times:
            return []
        if end_seconds <= self._times[-1]:
            raise ValueError(f"the end must lie after the last frame at {self._times[-1]} s, got {end_seconds}")
        closed = []
        if self._cut is not None and end_seconds - self._cut >= self._shortest:
            closed = self._close(self._cut)
        return closed + self._close(end_seconds)

    def _close(self, end: float) -> list[tuple[float, float]]:
        """Cut the open part before `end` into windows, and start a segment there."""
        closed = []
        while end - self._start > self._max and (window := self._window(end)):
            closed.append(window)
        closed.append((self._start, end))
        self._drop_before(end)
        self._cut = None
        return closed

    def _window(self, end: float) -> tuple[float, float] | None:
        """Split a window off a part longer than the limit; None if it has a single frame."""
        length = end - self._start
        ideal = self._start + (self._max if length >= 2 * self._max else length / 2)
        # It ends with the frame last shown by then, so that the next one begins with a frame.
        index = max(1, bisect_right(self._times, ideal) - 1)
        if index >= len(self._times) or self._times[index] >= end:
            return None
        window = (self._start, self._times[index])
        self._drop_before(window[1])
        return window

    def _drop_before(self, start: float) -> None:
        self._start = start
        self._times = [time for time in self._times if time >= start]
