"""Child processes that read files for requests: started when first needed, and kept."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from indexer.workers.decoders import Decoders


class PoolClosed(Exception):  # noqa: N818 - the name says the state found
    """The pool was closed and decodes nothing any more."""


class WarmDecoders:
    """One child process, which one request uses at a time.

    Args:
        timeout_seconds: without a sign of life from the child.
        memory_bytes: address space of the child.
    """

    def __init__(self, *, timeout_seconds: float, memory_bytes: int = 3 * 2**30) -> None:
        self._timeout_seconds, self._memory_bytes = timeout_seconds, memory_bytes
        self._lock = threading.Lock()
        self._decoders: Decoders | None = None
        self._fps = 0.0
        self._closed = False

    @contextmanager
    def taken(self, *, fps: float = 2.0) -> Iterator[Decoders]:
        """The decoders, for as long as the context lasts; others wait for them meanwhile.

        Args:
            fps: frames sampled per second.

        Raises:
            PoolClosed: the pool was closed.
        """
        with self._lock:
            if self._closed:
                raise PoolClosed
            if fps != self._fps:
                self._drop()
            if self._decoders is None:
                self._decoders = Decoders(
                    fps=fps, timeout_seconds=self._timeout_seconds, memory_bytes=self._memory_bytes
                )
                self._fps = fps
            try:
                yield self._decoders
            except BaseException:  # the child may still be busy with what went wrong, and the next request would wait
                self._drop()
                raise

    def close(self) -> None:
        """End the child; a request that is using it learns that it failed."""
        self._closed = True
        self._drop()

    def _drop(self) -> None:
        decoders, self._decoders = self._decoders, None
        if decoders is not None:
            decoders.close()
