"""Jobs of worker processes, one message each; see `indexer.workers.worker.serve` for the replies."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from indexer.media.filming import picture_beside
from indexer.text.recognizer import Recognizer
from indexer.text.sidecars import sidecars

Reader = Literal["pyav", "decord"]


@dataclass(frozen=True)
class Options:
    """Options of a worker, common to all of its jobs.

    Attributes:
        short_side: of frames, pixels.
        memory_bytes: address space of the worker.
        cpu_seconds: processor time between two messages.
        reader: "pyav", or "decord" if its index is correct.
        writable: folder for new videos; None to write none.
        recognizer: of words; None for a worker without `Recognize` jobs.
    """

    short_side: int
    memory_bytes: int
    cpu_seconds: float = 240.0
    reader: Reader = "pyav"
    writable: Path | None = None
    recognizer: Recognizer | None = None


@dataclass(frozen=True)
class Job:
    """A job on a file. The worker gets the file as a descriptor; the path is its name there."""

    number: int
    path: Path

    def beside(self) -> list[Path]:
        """Return other files that the worker needs."""
        return []


@dataclass(frozen=True)
class DecodeFrames(Job):
    """Decode frames of a file, or of a part of it."""

    fps: float  # frames sampled per second
    start_seconds: float = 0.0
    end_seconds: float = math.inf
    key_frames_only: bool = False

    def beside(self) -> list[Path]:
        """Return the subtitle files of the video, and the picture that its camera wrote with it."""
        picture = picture_beside(self.path)
        return [*([] if picture is None else [picture]), *(sidecar.path for sidecar in sidecars(self.path))]


@dataclass(frozen=True)
class Recognize(Job):
    """Find the words in a video with the worker's recognizer."""


@dataclass(frozen=True)
class Stills(Job):
    """Decode the frames on screen at given times."""

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
class Join(Job):
    """Write parts of several files, one after the other, into another file."""

    parts: tuple[tuple[Path, float, float], ...]  # file, start and end in seconds
    target: Path


@dataclass(frozen=True)
class Remux(Job):
    """Copy the packets of a part of a file into another file."""

    start_seconds: float
    end_seconds: float
    target: Path


@dataclass(frozen=True)
class Handed:
    """A file sent with a job as a descriptor, or the reason why it could not be opened."""

    path: str
    container: str = ""  # its container when it was indexed, "" if unknown
    stream: int = 0  # which of its video streams is read, counted from 1; 0 for the main one
    errno: int = 0
    problem: str = ""


@dataclass(frozen=True)
class Order:
    """A job as sent, with the files that follow it."""

    job: Job
    files: tuple[Handed, ...]
