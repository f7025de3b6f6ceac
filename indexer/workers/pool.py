"""A pool of decoder processes for requests, started on demand and reused."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from indexer.workers.decoders import Decoders

_MEMORY_BYTES = 3 * 2**30  # address space of a process


class PoolClosed(Exception):  # noqa: N818 - the name says the state found
    """The pool is closed."""


class DecoderPool:
    """Decoder processes, each used by one request at a time.

    Args:
        size: maximum number of processes; further requests wait.
        timeout_seconds: before a silent process is killed.
    """

    def __init__(self, *, size: int, timeout_seconds: float) -> None:
        self._timeout_seconds = timeout_seconds
        self._free = threading.Semaphore(size)
        self._lock = threading.Lock()  # of what follows
        self._idle: list[Decoders] = []
        self._busy: list[Decoders] = []
        self._closed = False

    @contextmanager
    def taken(self) -> Iterator[Decoders]:
        """Borrow the decoders of one process.

        Raises:
            PoolClosed: the pool is closed.
        """
        with self._free:
            decoders = self._take()
            try:
                yield decoders
            except BaseException:  # the process may still be busy, and the next request would wait
                self._drop(decoders)
                raise
            self._put_back(decoders)

    def close(self) -> None:
        """Stop all processes; requests that use one fail."""
        with self._lock:
            self._closed = True
            every, self._idle, self._busy = [*self._idle, *self._busy], [], []
        for decoders in every:
            decoders.close()

    def _take(self) -> Decoders:
        with self._lock:
            if self._closed:
                raise PoolClosed
            decoders = (
                self._idle.pop()
                if self._idle
                else Decoders(timeout_seconds=self._timeout_seconds, memory_bytes=_MEMORY_BYTES)
            )
            self._busy.append(decoders)
            return decoders

    def _put_back(self, decoders: Decoders) -> None:
        with self._lock:
            if decoders in self._busy:  # not closed since
                self._busy.remove(decoders)
                self._idle.append(decoders)

    def _drop(self, decoders: Decoders) -> None:
        with self._lock:
            mine = decoders in self._busy
            if mine:
                self._busy.remove(decoders)
        if mine:
            decoders.close()
