"""Messages between a process and its worker: framed bytes over a socket, with a time-out for every wait.

The `Connection` of `multiprocessing` blocks for ever on a message that arrives only in part.
"""

from __future__ import annotations

import select
import socket
import struct
import time
from collections.abc import Sequence
from typing import Any

_LENGTH = struct.Struct("!Q")
_LARGEST = 2**32  # bytes of a message: 100 times a chunk of frames
_MOST_DESCRIPTORS = 64  # in one message; the system allows 253
CAN_PASS_DESCRIPTORS = hasattr(socket, "send_fds")


class Silence(Exception):  # noqa: N818 - the name says the state found
    """A message did not arrive in time."""


class Channel:
    """One end of a socket pair."""

    def __init__(self, end: socket.socket) -> None:
        self._socket = end

    @classmethod
    def pair(cls) -> tuple[Channel, Channel]:
        """Return the two ends of a new channel."""
        one, other = socket.socketpair()
        return cls(one), cls(other)

    def close(self) -> None:
        """Close this end."""
        self._socket.close()

    def ready(self, seconds: float | None = 0.0) -> bool:
        """Return whether data arrives within some seconds; None waits for ever."""
        return bool(select.select([self._socket], [], [], seconds)[0])

    def send(self, *parts: Any, seconds: float | None = None) -> None:
        """Send one message, the concatenation of `parts`.

        Raises:
            OSError: the other end is closed, or accepts nothing for `seconds`.
        """
        views = [memoryview(part).cast("B") for part in parts]
        self._socket.settimeout(seconds)
        self._socket.sendall(_LENGTH.pack(sum(len(view) for view in views)))
        for view in views:
            self._socket.sendall(view)

    def receive(self, seconds: float | None = None) -> bytearray:
        """Return the next message, which must be complete within `seconds`.

        Raises:
            EOFError: the other end is closed.
            Silence: the message is not complete in time.
            ValueError: the message is larger than the limit.
        """
        until = None if seconds is None else time.monotonic() + seconds
        (length,) = _LENGTH.unpack(self._exactly(_LENGTH.size, until))
        if length > _LARGEST:
            raise ValueError(f"a message of {length} bytes was announced")
        return self._exactly(length, until)

    def receive_into(self, target: memoryview, seconds: float | None = None) -> None:
        """Fill a buffer with the next message; errors as in `receive`, and ValueError if its length differs."""
        until = None if seconds is None else time.monotonic() + seconds
        (length,) = _LENGTH.unpack(self._exactly(_LENGTH.size, until))
        if length != len(target):
            raise ValueError(f"{len(target)} bytes were to come, {length} were announced")
        self._fill(target, until)

    def send_descriptors(self, descriptors: Sequence[int]) -> None:
        """Send open files to the process at the other end, which gets its own descriptors for them."""
        self._socket.settimeout(None)
        for first in range(0, len(descriptors), _MOST_DESCRIPTORS):
            socket.send_fds(self._socket, [b"."], list(descriptors[first : first + _MOST_DESCRIPTORS]))

    def receive_descriptors(self, count: int) -> list[int]:
        """Receive `count` open files."""
        taken: list[int] = []
        self._socket.settimeout(None)
        while len(taken) < count:
            _, descriptors, _, _ = socket.recv_fds(self._socket, 1, _MOST_DESCRIPTORS)
            if not descriptors:
                raise EOFError
            taken += descriptors
        return taken

    def _exactly(self, count: int, until: float | None) -> bytearray:
        taken = bytearray(count)
        self._fill(memoryview(taken), until)
        return taken

    def _fill(self, target: memoryview, until: float | None) -> None:
        while len(target):
            left = None if until is None else until - time.monotonic()
            if left is not None and left <= 0:
                raise Silence
            self._socket.settimeout(left)
            try:
                count = self._socket.recv_into(target)
            except TimeoutError:
                raise Silence from None
            if not count:
                raise EOFError
            target = target[count:]
