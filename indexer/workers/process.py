"""The parent's side of a child process and its jobs.

A child that hangs or dies is replaced; only its current job fails.
"""

from __future__ import annotations

import json
import logging
import multiprocessing
import sys
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.media.container import MediaError
from indexer.workers.jobs import Job, Options
from indexer.workers.worker import serve

log = logging.getLogger(__name__)

_SLOWEST_BYTES_PER_SECOND = 20e6  # of a disk; the index of a file may only be complete at its end
_hiding = threading.Lock()
_JOBS_OF_A_PROCESS = 500  # decoders leak a little; a new process costs half a second
_KILL_SECONDS = 10.0  # that a killed process may take to end


class PendingJob:
    """A job sent to a child process."""

    def __init__(self, process: WorkerProcess, job: Job) -> None:
        self.path = job.path
        self._process, self._job = process, job
        self._open = True
        process.ask(job)

    def reply(self) -> tuple[dict[str, Any], NDArray[np.uint8]]:
        """Return the child's next message, and the pixels that follow.

        Raises:
            MediaError: the child failed or died at it, or the job was closed.
        """
        if not self._open:
            raise MediaError("the stream is closed", stage="decode")
        try:
            message, pixels = self._process.reply(self._job)
        except MediaError:
            self._settle()
            raise
        if "failure" in message:
            self._settle()
            if message["traceback"]:
                log.error("%s: %s", self.path, message["traceback"])
            raise MediaError(message["failure"], stage=message["stage"])
        if "end" in message:
            self._settle()
        return message, pixels

    def close(self) -> None:
        """Cancel the job unless it is done."""
        if self._open:
            self._settle()
            self._process.cancel(self._job)

    def _settle(self) -> None:
        self._open = False
        self._process.settle(self._job)


class WorkerProcess:
    """A child process and its unfinished jobs."""

    def __init__(self, options: Options, timeout_seconds: float) -> None:
        self._options, self._timeout_seconds = options, timeout_seconds
        self._jobs: deque[Job] = deque()
        self._settled = 0  # jobs, since it was started
        self._start()

    def ask(self, job: Job) -> None:
        """Queue a job."""
        self._jobs.append(job)
        self._send(job)

    def settle(self, job: Job) -> None:
        """Remove a finished job."""
        with suppress(ValueError):
            self._jobs.remove(job)
            self._settled += 1
        if self._settled >= _JOBS_OF_A_PROCESS:
            self._replace()  # jobs that wait are sent again: nothing that it said of them was taken yet

    def cancel(self, job: Job) -> None:
        """Tell the child to skip or stop a job."""
        self._send(job.number)

    def reply(self, job: Job) -> tuple[dict[str, Any], NDArray[np.uint8]]:
        """Return the child's next message about a job; what it still says about jobs before is thrown away.

        Raises:
            MediaError: it says nothing, and has been replaced.
        """
        patience = self._timeout_seconds
        with suppress(OSError):
            patience += job.path.stat().st_size / _SLOWEST_BYTES_PER_SECOND
        try:
            while self._connection.poll(patience):
                message = json.loads(self._connection.recv_bytes())
                pixels = np.empty(message.get("shape", 0), np.uint8)
                if pixels.size:
                    self._connection.recv_bytes_into(pixels.reshape(-1))
                if message["job"] == job.number:
                    return message, pixels
            reason = f"the decoder did not answer for {patience:.0f} s"
        except (EOFError, OSError):
            self._process.join(_KILL_SECONDS)
            reason = self._cause_of_death()
        self.settle(job)
        self._replace()
        raise MediaError(reason, stage="decode")

    def stop(self) -> None:
        """Kill the child."""
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
        self._settled = 0
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
    with _hiding:  # one thread at a time, or the second would hide, and bring back, what the first has put there
        main, sys.modules["__main__"] = sys.modules["__main__"], ModuleType("__main__")
        try:
            yield
        finally:
            sys.modules["__main__"] = main
