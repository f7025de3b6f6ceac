"""Times as text: the clock of a player, and PATH@START-END."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path


def clock(seconds: float) -> str:
    """Format seconds as a player does: `4.25` -> "0:04", `3723` -> "1:02:03"."""
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


@dataclass(frozen=True)
class ClipRange:
    """A file, or a part of it in seconds."""

    path: Path
    start: float | None = None
    end: float | None = None

    @classmethod
    def parse(cls, text: str) -> ClipRange:
        """Parse `PATH` or `PATH@START-END`; a time is seconds or [hours:]minutes:seconds.

        Raises:
            ValueError: the end is not after the start.
        """
        time = r"(?:\d+:){0,2}\d+(?:\.\d+)?"
        found = re.fullmatch(rf"(?P<path>.+)@(?P<start>{time})-(?P<end>{time})", text)
        if not found or Path(text).exists():
            return cls(Path(text))
        start, end = _seconds(found["start"]), _seconds(found["end"])
        if end <= start:
            raise ValueError(f"a clip must end after it starts, got {found['start']}-{found['end']}")
        return cls(Path(found["path"]), start, end)


def _seconds(time: str) -> float:
    """`90`, `1:30` or `0:01:30` -> 90.0."""
    total = 0.0
    for part in time.split(":"):
        total = 60 * total + float(part)
    return total
