"""Untrusted files, opened once: a regular file, identified by its descriptor from then on.

A path may refer to another file the next time it is used; a descriptor cannot. A worker process may not open files; it
receives descriptors (see `indexer.workers.process`) under the paths that its jobs use.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from store.types import FileIdentity

_WITHOUT_WAITING = getattr(os, "O_NONBLOCK", 0)  # a FIFO without a writer would block for ever
_SHARED = getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
_OWN_DESCRIPTORS = ("/proc/self/fd", "/dev/fd")  # Linux; macOS
_HASH_CHUNK_BYTES = 4 * 2**20


class NotRegularFile(OSError):  # noqa: N818 - the name says the state found
    """A folder, device, FIFO or socket where a file was expected."""


class OpenFile:
    """A regular file, open for reading, with its own position even if the descriptor is shared.

    Attributes:
        name: the path as text, from which decoders guess formats.
        container: FFmpeg's name of the container, if the file was indexed before; "" if unknown.
        stream: number of the video stream to read, from 1; 0 for the main one.
        start: of the part that is read, bytes; see `indexer.media.motion_photo`.
    """

    def __init__(self, path: Path, descriptor: int, container: str = "", stream: int = 0) -> None:
        self.path, self.descriptor, self.container, self.stream = path, descriptor, container, stream
        self.start = 0
        self.name = os.fsencode(path).decode("utf-8", "replace")
        self._position = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    @property
    def status(self) -> os.stat_result:
        """Return the result of `os.fstat`."""
        return os.fstat(self.descriptor)

    @property
    def identity(self) -> FileIdentity:
        """Device, inode, size and modification time of the file."""
        return FileIdentity.of(self.status)

    @property
    def place(self) -> str:
        """A path by which programs open exactly this file, if the system has one."""
        here = (f"{folder}/{self.descriptor}" for folder in _OWN_DESCRIPTORS)
        return next(filter(os.path.exists, here), str(self.path.absolute()))

    def read(self, count: int = -1) -> bytes:
        """Read at most `count` bytes; a negative count reads to the end."""
        if count < 0:
            count = max(0, self.status.st_size - self.start - self._position)
        part = self.read_at(self.start + self._position, count)
        self._position += len(part)
        return part

    def read_at(self, offset: int, count: int) -> bytes:
        """Read at most `count` bytes from an offset of the whole file, wherever the position is."""
        if hasattr(os, "pread"):
            return os.pread(self.descriptor, count, max(0, offset))
        os.lseek(self.descriptor, max(0, offset), os.SEEK_SET)
        return os.read(self.descriptor, count)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move as in `io.IOBase.seek`."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self.status.st_size - self.start}[whence]
        self._position = max(0, base + offset)
        return self._position

    def tell(self) -> int:
        """Return the position."""
        return self._position

    def content_hash(self, check: Callable[[], None] = lambda: None) -> str:
        """Return the BLAKE2b-128 of the file in hex (RFC 7693); `check` is called after each part and may raise."""
        digest = hashlib.blake2b(digest_size=16)
        self.seek(0)
        while part := self.read(_HASH_CHUNK_BYTES):
            digest.update(part)
            check()
        self.seek(0)
        return digest.hexdigest()

    def duplicate(self) -> OpenFile:
        """Return the same open file with its own position; it must be closed separately."""
        return OpenFile(self.path, os.dup(self.descriptor), self.container, self.stream)

    def close(self) -> None:
        """Close the file; further calls do nothing."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1


@dataclass(frozen=True)
class _Handed:
    """What a worker process received for a path: an open file, or the error of opening it."""

    descriptor: int
    container: str
    stream: int
    problem: OSError | None


_handed: dict[str, _Handed] = {}


def open_file(path: Path, *, follow: bool = True) -> OpenFile:
    """Open a regular file, without waiting for anything.

    Args:
        follow: whether the last part of the path may be a link.

    Raises:
        NotRegularFile: it is something else.
        OSError: it cannot be opened.
    """
    handed = _handed.get(str(path))
    if handed is not None:
        if handed.problem is not None:
            raise handed.problem
        return OpenFile(path, os.dup(handed.descriptor), handed.container, handed.stream)
    flags = os.O_RDONLY | _WITHOUT_WAITING | _SHARED | (0 if follow else getattr(os, "O_NOFOLLOW", 0))
    file = OpenFile(path, os.open(path, flags))
    if not stat.S_ISREG(file.status.st_mode):
        file.close()
        if os.path.isdir(path):
            raise IsADirectoryError(21, "Is a directory", str(path))
        raise NotRegularFile(22, "not a regular file", str(path))
    return file


def hand(path: str, descriptor: int, *, container: str = "", stream: int = 0, problem: OSError | None = None) -> None:
    """Make `open_file` return this descriptor, or raise this error, for a path."""
    _handed[path] = _Handed(descriptor, container, stream, problem)


def handed_paths() -> Collection[str] | None:
    """The paths that a worker process may open, None in a process that may open all."""
    return _handed.keys() or None


def take_back() -> None:
    """Close all received files, and let `open_file` use the file system again."""
    for handed in _handed.values():
        if handed.problem is None:
            os.close(handed.descriptor)
    _handed.clear()
