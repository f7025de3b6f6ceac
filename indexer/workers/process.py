"""The parent's side of a worker process and its jobs.

The parent opens the files of a job and sends descriptors, since the worker cannot open files. A worker that stalls or
dies is replaced; only its current job fails.
"""

from __future__ import annotations

import json
import logging
import multiprocessing
import pickle
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.media.container import MediaError
from indexer.media.files import NotRegularFile, OpenFile, open_file
from indexer.workers.channel import CAN_PASS_DESCRIPTORS, Channel, Silence
from indexer.workers.jobs import Handed, Job, Options, Order
from indexer.workers.worker import serve
from store.types import FileIdentity

log = logging.getLogger(__name__)

_SLOWEST_BYTES_PER_SECOND = 20e6  # of a disk; the index of a file may be at its end
_hiding = threading.Lock()
_JOBS_OF_A_PROCESS = 500  # decoders leak a little; a new process costs half a second
_CHECK_SECONDS = 0.5
_KILL_SECONDS = 10.0  # wait for a killed process to end
_SEND_SECONDS = 10.0  # wait for a worker to accept a job; one that does not is stopped or dead
_LASTING = (NotRegularFile, IsADirectoryError, FileNotFoundError)  # errors that last until the file's stamp changes
_MOST_BESIDE = 100  # subtitle files of one video
# A worker ends with the thread that started it (see `sandbox.die_with_parent`), so one thread starts them all.
_starter = ThreadPoolExecutor(1, "worker-starter")


class PendingJob:
    """One job given to a worker.

    Args:
        process: the worker.
        job: what to do.
        file: the open file of the job; the caller closes it.

    Attributes:
        path: of the file.
        identity: of the file; None if it could not be opened.
        unopened: whether another file of the job could not be opened and should be tried again.
    """

    def __init__(
        self,
        process: WorkerProcess,
        job: Job,
        file: OpenFile | None = None,
        others: Sequence[OpenFile] = (),
        *,
        stream: int = 0,
    ) -> None:
        self.path = job.path
        self.identity: FileIdentity | None = None
        self.unopened = False
        self._process, self._job = process, job
        self._open, self._problem = True, ""
        try:
            opened = file.duplicate() if file is not None else open_file(job.path)
            opened.stream = opened.stream or stream
        except OSError as error:
            self._problem = _reason(error)
            return
        self.identity = opened.identity
        if not opened.status.st_size:
            self._problem = "the file is empty"
            opened.close()
            return
        beside = [_opened(path) for path in job.beside()[:_MOST_BESIDE]]
        self.unopened = any(isinstance(each, tuple) and not isinstance(each[1], _LASTING) for each in beside)
        process.ask(job, [opened, *beside, *(each.duplicate() for each in others)])

    def reply(self) -> tuple[dict[str, Any], NDArray[np.uint8]]:
        """Return the worker's next message, and the pixels that follow.

        Raises:
            MediaError: the worker failed or died, or the job was closed.
        """
        if not self._open:
            raise MediaError("the stream is closed", stage="decode")
        if self._problem:
            self._open = False
            raise MediaError(self._problem, stage="open")
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
        """Abandon the job, finished or not; the worker continues with the next one."""
        if self._open and not self._problem:
            self._settle()
            self._process.cancel(self._job)
        self._open = False

    def _settle(self) -> None:
        self._open = False
        self._process.settle(self._job)


_Opened = OpenFile | tuple[str, OSError]  # the path and why it could not be opened


class WorkerProcess:
    """A worker process and its unfinished jobs."""

    def __init__(self, options: Options, timeout_seconds: float, check: Callable[[], None] = lambda: None) -> None:
        self._options, self._timeout_seconds, self._check = options, timeout_seconds, check
        self._jobs: deque[tuple[Job, list[_Opened]]] = deque()
        self._settled = 0  # jobs, since it was started
        self._start()

    def ask(self, job: Job, files: list[_Opened]) -> None:
        """Queue a job with its open files, which are closed when the job is settled."""
        self._jobs.append((job, files))
        self._order(job, files)

    def settle(self, job: Job) -> None:
        """Remove a job, of which no further message is expected."""
        for each, files in list(self._jobs):
            if each is job:
                self._jobs.remove((each, files))
                self._settled += 1
                for file in files:
                    if isinstance(file, OpenFile):
                        file.close()
        if self._settled >= _JOBS_OF_A_PROCESS:
            self._replace()  # waiting jobs are sent again; none of their replies was used

    def cancel(self, job: Job) -> None:
        """Tell the worker to skip or stop a job."""
        self._send(job.number)

    def reply(self, job: Job) -> tuple[dict[str, Any], NDArray[np.uint8]]:
        """Return the worker's next message about a job, discarding messages about earlier jobs.

        Raises:
            MediaError: the worker timed out, or stopped within a message, and has been replaced.
        """
        patience = self._timeout_seconds
        with suppress(OSError):
            patience += job.path.stat().st_size / _SLOWEST_BYTES_PER_SECOND
        try:
            while self._speaks(patience):
                message = json.loads(self._channel.receive(self._timeout_seconds))
                pixels = np.empty(message.get("shape", 0), np.uint8)
                if pixels.size:
                    self._channel.receive_into(pixels.reshape(-1).data, self._timeout_seconds)
                if message["job"] == job.number:
                    return message, pixels
            reason = f"the decoder did not answer for {patience:.0f} s"
        except Silence:
            reason = f"the decoder stopped in the middle of an answer for {self._timeout_seconds:.0f} s"
        except (ValueError, LookupError, TypeError, AttributeError, MemoryError) as error:
            reason = f"the decoder sent an invalid message: {error}"
        except (EOFError, OSError):
            self._process.join(_KILL_SECONDS)
            reason = self._cause_of_death()
        self.settle(job)
        self._replace()
        raise MediaError(reason, stage="decode")

    def _speaks(self, seconds: float) -> bool:
        """Return whether a message starts to arrive within `seconds`."""
        until = time.monotonic() + seconds
        while True:
            self._check()
            left = until - time.monotonic()
            if self._channel.ready(min(max(left, 0.0), _CHECK_SECONDS)):
                return True
            if left <= 0:
                return False

    def stop(self) -> None:
        """Kill the worker."""
        self._process.kill()
        self._process.join(_KILL_SECONDS)
        with suppress(ValueError):  # it has not ended yet, and is ignored from now on
            self._process.close()
        self._channel.close()

    def _start(self) -> None:
        # Spawned: a fork would inherit the parent's threads, open files and memory.
        context = multiprocessing.get_context("spawn")
        self._channel, theirs = Channel.pair()
        self._process = context.Process(target=serve, args=(theirs, self._options), daemon=True)

        def start() -> None:
            with without_main():
                self._process.start()

        try:
            _starter.submit(start).result()
            self._settled = 0
        finally:
            theirs.close()  # so that the channel closes when the worker dies

    def _replace(self) -> None:
        self.stop()
        self._start()
        for job, files in self._jobs:
            self._order(job, files)

    def _order(self, job: Job, files: list[_Opened]) -> None:
        if not CAN_PASS_DESCRIPTORS:
            self._send(Order(job, ()))
            return
        described = tuple(
            Handed(str(file.path), file.container, file.stream)
            if isinstance(file, OpenFile)
            else Handed(file[0], errno=file[1].errno or 0, problem=file[1].strerror or str(file[1]))
            for file in files
        )
        self._send(Order(job, described), [file.descriptor for file in files if isinstance(file, OpenFile)])

    def _send(self, message: Order | int, descriptors: list[int] | None = None) -> None:
        with suppress(OSError):  # the worker is dead; waiting for its reply reports why
            self._channel.send(pickle.dumps(message), seconds=_SEND_SECONDS)
            if descriptors:
                self._channel.send_descriptors(descriptors)

    def _cause_of_death(self) -> str:
        code = self._process.exitcode
        if code is None or code >= 0:
            return f"the decoder ended (exit code {code})"
        limit = self._options.memory_bytes // 2**20
        return f"the decoder crashed (signal {-code}), perhaps out of memory (limit {limit} MiB)"


@contextmanager
def without_main() -> Iterator[None]:
    """Hide the caller's script from workers, which would run it again: a short script has no `__main__` guard."""
    with _hiding:  # one thread at a time, or the second would restore what the first has hidden
        main, sys.modules["__main__"] = sys.modules["__main__"], ModuleType("__main__")
        try:
            yield
        finally:
            sys.modules["__main__"] = main


def _opened(path: Path) -> _Opened:
    try:
        return open_file(path)
    except OSError as error:
        return str(path), error


def _reason(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "the file does not exist"
    if isinstance(error, IsADirectoryError | NotRegularFile):
        return "not a regular file"
    return f"the file cannot be opened: {error.strerror or error}"
