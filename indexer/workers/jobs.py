"""Jobs of child processes, one message each; see `indexer.workers.worker.serve` for the replies."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Options:
    """Options shared by all jobs."""

    short_side: int
    memory_bytes: int  # address space


@dataclass(frozen=True)
class Job:
    """A task on one file."""

    number: int
    path: Path


@dataclass(frozen=True)
class DecodeFrames(Job):
    """Decode frames of a file, or of a part of it."""

    fps: float  # frames sampled per second
    start_seconds: float = 0.0
    end_seconds: float = math.inf
    key_frames_only: bool = False


@dataclass(frozen=True)
class Stills(Job):
    """Decode the frames on screen at some instants."""

    at_seconds: tuple[float, ...]


@dataclass(frozen=True)
class Picture(Job):
    """Decode an image."""


@dataclass(frozen=True)
class Transcode(Job):
    """Write parts of a file, one after the other, into another file."""

    parts: tuple[tuple[float, float], ...]  # start and end in seconds
    target: Path


@dataclass(frozen=True)
class Remux(Job):
    """Copy the packets of a part of a file into another file."""

    start_seconds: float
    end_seconds: float
    target: Path
