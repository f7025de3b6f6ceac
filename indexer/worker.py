"""Reading untrusted media through child processes, which may hang, crash or burst.

Files are read in order and each child holds the next one ready, so that decoding runs ahead of whoever takes the
frames. A child sends a chunk only as fast as it is taken, which bounds memory on both sides. A child that stalls or
dies is replaced, and costs the file it was at.
"""

from __future__ import annotations

import json
import logging
import math
import multiprocessing
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from indexer.child import Job, Options, serve
from indexer.decode import Frames, MediaError, MediaInfo
from store.types import Cue

log = logging.getLogger(__name__)

_SLOWEST_BYTES_PER_SECOND = 20e6  # of a disk; the index of a file may only be complete at its end
_KILL_SECONDS = 10.0  # that a killed process may take to end


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
        self._children = [_Child(Options(fps, short_side, memory_bytes), timeout_seconds) for _ in range(workers)]
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
    ) -> Iterator[Stream]:
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
                    job = Job(next(self._numbers), path, start, end)
                    ahead.append(Stream(self._children[job.number % len(self._children)], job))
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


class Stream:
    """One file on its way through a child: its header, then its frames."""

    def __init__(self, child: _Child, job: Job) -> None:
        self.path = job.path
        self._child, self._job = child, job
        self._header: Header | None = None
        self._open = True
        child.ask(job)

    @property
    def header(self) -> Header:
        """What is known before the frames; waits for it.

        Raises:
            MediaError: the file is no video, or it cost a child its life.
        """
        if self._header is None:
            said, _ = self._answer()
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
            said, pixels = self._answer()
            if "end" in said:
                self._settle()
                return
            yield Frames(pixels, np.array(said["pts_seconds"], np.float64)), said["cuts"]

    def close(self) -> None:
        """Let go of the file, whether read or not; its child turns to the next one."""
        if self._open:
            self._settle()
            self._child.cancel(self._job)

    def _answer(self) -> tuple[dict[str, Any], NDArray[np.uint8]]:
        if not self._open:
            raise MediaError("the stream is closed", stage="decode")
        try:
            said, pixels = self._child.answer(self._job)
        except MediaError:
            self._settle()
            raise
        if "failure" in said:
            self._settle()
            if said["traceback"]:
                log.error("%s: %s", self.path, said["traceback"])
            raise MediaError(said["failure"], stage=said["stage"])
        return said, pixels

    def _settle(self) -> None:
        self._open = False
        self._child.settle(self._job)


class _Child:
    """The parent's side of a child process, and the jobs that it has been given and that are not settled."""

    def __init__(self, options: Options, timeout_seconds: float) -> None:
        self._options, self._timeout_seconds = options, timeout_seconds
        self._jobs: deque[Job] = deque()
        self._start()

    def ask(self, job: Job) -> None:
        self._jobs.append(job)
        self._send(job)

    def settle(self, job: Job) -> None:
        with suppress(ValueError):
            self._jobs.remove(job)

    def cancel(self, job: Job) -> None:
        self._send(job.number)

    def answer(self, job: Job) -> tuple[dict[str, Any], NDArray[np.uint8]]:
        """What the child says next about a job; what it still says about jobs before is thrown away.

        Raises:
            MediaError: it says nothing, and has been replaced.
        """
        patience = self._timeout_seconds
        with suppress(OSError):
            patience += job.path.stat().st_size / _SLOWEST_BYTES_PER_SECOND
        try:
            while self._connection.poll(patience):
                said = json.loads(self._connection.recv_bytes())
                pixels = np.empty(said.get("shape", 0), np.uint8)
                if pixels.size:
                    self._connection.recv_bytes_into(pixels.reshape(-1))
                if said["job"] == job.number:
                    return said, pixels
            reason = f"the decoder did not answer for {patience:.0f} s"
        except (EOFError, OSError):
            self._process.join(_KILL_SECONDS)
            reason = self._cause_of_death()
        self.settle(job)
        self._replace()
        raise MediaError(reason, stage="decode")

    def stop(self) -> None:
        self._process.kill()
        self._process.join(_KILL_SECONDS)
        self._process.close()
        self._connection.close()

    def _start(self) -> None:
        # Spawned: a fork would inherit the parent's threads, open files and memory.
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=serve, args=(theirs, self._options), daemon=True)
        with without_main():
            self._process.start()
        theirs.close()  # so that the death of the child is the end of the pipe

    def _replace(self) -> None:
        self.stop()
        self._start()
        for job in self._jobs:
            self._send(job)

    def _send(self, message: Job | int) -> None:
        with suppress(OSError):  # it is dead; whoever waits for its answer will learn why
            self._connection.send(message)

    def _cause_of_death(self) -> str:
        code = self._process.exitcode
        if code is None or code >= 0:
            return f"the decoder ended (exit code {code})"
        limit = self._options.memory_bytes // 2**20
        return f"the decoder crashed (signal {-code}), perhaps out of memory (limit {limit} MiB)"


@contextmanager
def without_main() -> Iterator[None]:
    """Hide the caller's script from children, which would run it again: a script of five lines has no guard."""
    main, sys.modules["__main__"] = sys.modules["__main__"], ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main
