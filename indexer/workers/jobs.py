"""What a child process is told to do: one message a job; `indexer.workers.worker.serve` says what it answers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Options:
    """What is the same for every job."""

    short_side: int
    memory_bytes: int  # address space


@dataclass(frozen=True)
class Job:
    """Something to do with a file."""

    number: int
    path: Path


@dataclass(frozen=True)
class DecodeFrames(Job):
    """Read a file, or an excerpt of one."""

    fps: float  # frames sampled per second
    start_seconds: float = 0.0
    end_seconds: float = math.inf
    key_frames_only: bool = False


@dataclass(frozen=True)
class Stills(Job):
    """Take the pictures on screen at some instants."""

    at_seconds: tuple[float, ...]


@dataclass(frozen=True)
class Picture(Job):
    """Decode a still picture."""


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
