"""Which of many frames to look at: those on screen at regular instants, whatever the frame rate does."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")

ALMOST_SECONDS = 0.6e-3  # containers round times to milliseconds, decord to float32


@dataclass(frozen=True)
class Instants:
    """The instants ``start``, ``start + step``, ... before ``end``, in seconds."""

    start: float
    step: float
    end: float

    def sample(self, shown: Iterable[tuple[float, T]]) -> Iterator[tuple[float, T]]:
        """Of things shown one after the other, each from its time on, those on show at an instant."""
        count, before, gap = 0, None, math.inf  # a lone frame is shown for ever
        for item in shown:
            if before is not None:
                gap = item[0] - before[0]
                if self._at(count) < item[0] - ALMOST_SECONDS:
                    yield before
                    count = max(count, math.ceil((item[0] - ALMOST_SECONDS - self.start) / self.step))
                    if self._at(count) >= self.end:
                        return
            before = item
        if before is not None and self._at(count) < min(self.end, before[0] + gap - ALMOST_SECONDS):
            yield before

    def after(self, seconds: float) -> Instants:
        """The instants that are left after a time."""
        if seconds < self.start:
            return self
        return Instants(self._at(math.floor((seconds - self.start) / self.step) + 1), self.step, self.end)

    def _at(self, count: int) -> float:
        return self.start + count * self.step
