"""Reading untrusted media through child processes, which may hang, crash or burst.

Files are read in order and each child holds the next one ready, so that decoding runs ahead of whoever takes the
frames. A child sends a chunk only as fast as it is taken, which bounds memory on both sides.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from indexer.media.frames import Frames, MediaInfo
from indexer.workers.jobs import Copy, Cut, Job, Look, Options, Picture, Stills
from indexer.workers.process import Child, Errand
from store.types import Cue


@dataclass(frozen=True)
class Header:
    """What is known of a video before its frames."""

    info: MediaInfo
    cues: list[Cue]  # of the subtitle files beside it; where these hold none, of the tracks in it
    malformed_cues: int  # skipped
    problems: list[str]  # subtitle files that could not be read, with reasons


class Decoders:
    """Child processes that read files. A context manager: on leaving, they end.

    Args:
        workers: child processes.
        fps: frames sampled per second.
        short_side: pixels of the shorter side of frames.
        timeout_seconds: without a sign of life from a child, on top of the time to read the file from a slow disk.
        memory_bytes: address space of a child, where the system can limit it; the decoders themselves take about 1 GiB.
    """

    def __init__(
        self,
        *,
        workers: int = 1,
        fps: float = 2.0,
        short_side: int = 224,
        timeout_seconds: float = 60.0,
        memory_bytes: int = 4 * 2**30,
    ) -> None:
        if workers < 1:
            raise ValueError(f"workers must be at least 1, got {workers}")
        self._children = [Child(Options(fps, short_side, memory_bytes), timeout_seconds) for _ in range(workers)]
        self._numbers = count()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End the child processes, whatever they are doing."""
        for child in self._children:
            child.stop()

    def streams(
        self, paths: Iterable[Path], *, start_seconds: float | None = None, end_seconds: float | None = None
    ) -> Generator[Stream]:
        """One stream per file, in order. `paths` is consumed one file further than there are children.

        A stream is closed when the next one is asked for.

        Args:
            start_seconds: first instant to sample, on the player's clock; from the beginning where None.
            end_seconds: instants lie before it; to the end where None.
        """
        start, end = start_seconds or 0.0, math.inf if end_seconds is None else end_seconds
        todo = iter(paths)
        ahead: deque[Stream] = deque()
        try:
            while True:
                while len(ahead) <= len(self._children) and (path := next(todo, None)) is not None:
                    job = Look(next(self._numbers), path, start, end)
                    ahead.append(Stream(self._child_for(job), job))
                if not ahead:
                    return
                stream = ahead.popleft()
                try:
                    yield stream
                finally:
                    stream.close()
        finally:
            for stream in ahead:
                stream.close()

    def stills(self, path: Path, at_seconds: Sequence[float]) -> Iterator[Frames]:
        """The frame on screen at each of some instants, one by one, in the order given.

        Raises:
            MediaError: one of them cannot be read.
        """
        for said, pixels in self._answers(Stills(next(self._numbers), path, tuple(at_seconds))):
            yield Frames(pixels, np.array(said["pts_seconds"], np.float64))

    def picture(self, path: Path) -> NDArray[np.uint8]:
        """A still picture as `indexer.media.image.read_pixels` has it: uint8 (3, H, W).

        Raises:
            MediaError: it cannot be read.
        """
        ((_, pixels),) = self._answers(Picture(next(self._numbers), path))
        return pixels

    def cut(self, path: Path, parts: Sequence[tuple[float, float]], target: Path) -> Iterator[float]:
        """Write parts of a file, each from `start` to `end` in seconds, one after the other; see
        `indexer.media.transcode.cut`.

        Yields:
            How many seconds of film are written.

        Raises:
            MediaError: the parts cannot be read, or the target cannot be written.
        """
        for said, _ in self._answers(Cut(next(self._numbers), path, tuple(parts), target)):
            yield said["written_seconds"]

    def remux(self, path: Path, start: float, end: float, target: Path) -> float:
        """Copy the packets of a part of a file into another, and say where that begins; see
        `indexer.media.remux.remux`.

        Raises:
            MediaError: the part cannot be read, or (stage "copy") not be copied without encoding it.
        """
        ((said, _),) = self._answers(Copy(next(self._numbers), path, start, end, target))
        return float(said["begins"])

    def _answers(self, job: Job) -> Iterator[tuple[dict[str, Any], NDArray[np.uint8]]]:
        with closing(Errand(self._child_for(job), job)) as errand:
            while "end" not in (answer := errand.answer())[0]:
                yield answer

    def _child_for(self, job: Job) -> Child:
        return self._children[job.number % len(self._children)]


class Stream(Errand):
    """One file on its way through a child: its header, then its frames."""

    def __init__(self, child: Child, job: Look) -> None:
        self._header: Header | None = None
        super().__init__(child, job)

    @property
    def header(self) -> Header:
        """What is known before the frames; waits for it.

        Raises:
            MediaError: the file is no video, or it cost a child its life.
        """
        if self._header is None:
            said, _ = self.answer()
            self._header = Header(
                info=MediaInfo(**said["info"]),
                cues=[Cue(**cue) for cue in said["cues"]],
                malformed_cues=said["malformed_cues"],
                problems=said["problems"],
            )
        return self._header

    def __iter__(self) -> Iterator[tuple[Frames, list[bool]]]:
        """Chunks of frames, and for each frame whether a new shot begins with it.

        Raises:
            MediaError: nothing, or nothing more, can be read; or the stream was closed.
        """
        _ = self.header
        while True:
            said, pixels = self.answer()
            if "end" in said:
                return
            yield Frames(pixels, np.array(said["pts_seconds"], np.float64)), said["cuts"]
