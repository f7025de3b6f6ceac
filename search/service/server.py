"""Sockets with the application behind them, and how much may come through them."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from search.service.backend.settings import PORT

_PATIENCE_SECONDS = 5  # with connections that do not end by themselves, when a person waits for it
_TERM_SECONDS = 25  # when an orchestrator does; Kubernetes kills after 30
_MOST_CONNECTIONS = 256
_SILENT_SECONDS, _LOOK_SECONDS = 15.0, 2.0  # for a request to come whole; between two looks
_HEADER_BYTES = 2**16
_MINUTE = 60.0
_MOST_KINDS = 1000  # of lines that are counted

_log = logging.getLogger(__name__)


def listen(host: str, port: int | None) -> socket.socket:
    """Bind a socket.

    Args:
        port: 8420 if None, or any free port if that is taken.

    Raises:
        OSError: the address is not one of this machine, or the port is taken.
    """
    try:
        return _bound(host, PORT if port is None else port)
    except OSError:
        if port is not None:
            raise
        return _bound(host, 0)


def _bound(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    taken = socket.socket(family, kind, protocol)
    try:
        if os.name == "posix":  # on Windows it would let two programs share a port
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(address)
    except OSError as error:
        taken.close()
        raise OSError(error.errno, f"cannot listen on {host}, port {port}: {error.strerror}") from error
    return taken


def listen_for_user(place: Path) -> socket.socket | None:
    """Take the socket of this user at a place, in place of one that nobody answers; None where that cannot be."""
    end = socket.socket(socket.AF_UNIX)
    try:
        if place.exists():
            try:
                end.connect(str(place))
            except OSError:
                place.unlink()
            else:  # another service of this library
                end.close()
                return None
        end.bind(str(place))
        place.chmod(0o600)
    except OSError as error:
        _log.warning("the command line will not find this service: %s: %s", place, error.strerror or error)
        end.close()
        return None
    return end


def most_connections() -> int:
    """How many connections are kept open: a part of the files that this process may have, which is raised first."""
    try:
        import resource
    except ImportError:
        return _MOST_CONNECTIONS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 4 * _MOST_CONNECTIONS
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return _MOST_CONNECTIONS if soft == resource.RLIM_INFINITY else min(_MOST_CONNECTIONS, soft // 4)


class BoundedConnection(H11Protocol):
    """A connection that is closed where it brings no request, or no whole one, for some seconds.

    There are only so many: a further one takes the place of the one that has been silent longest, or is not answered.
    """

    most = 256

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for a request."""
        self._silent_since = time.monotonic()
        super().connection_made(transport)
        if len(self.connections) > self.most:
            silent = [each for each in self.connections if isinstance(each, BoundedConnection) and not each.working]
            oldest = min(silent, key=lambda each: each._silent_since, default=self)
            oldest.transport.abort()
        self._watch()

    @property
    def working(self) -> bool:
        """Whether a request is being answered."""
        return self.cycle is not None and not self.cycle.response_complete

    def _watch(self) -> None:
        if self.transport.is_closing():
            return
        now = time.monotonic()
        if self.working:
            self._silent_since = now
        elif now - self._silent_since > _SILENT_SECONDS:
            self.transport.abort()
            return
        self.loop.call_later(_LOOK_SECONDS, self._watch)


class LogRate(logging.Filter):
    """Lets only so many lines a minute of each kind through, and says how many it did not."""

    def __init__(self, most: int = 20, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._most, self._clock = most, clock
        self._seen: dict[tuple[str, str], tuple[float, int]] = {}
        self._lock = threading.Lock()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a line is written."""
        key, now = (record.name, str(record.msg)[:80]), self._clock()
        with self._lock:
            began, count = self._seen.get(key, (now, 0))
            if now - began >= _MINUTE:
                if count > self._most:
                    record.msg, record.args = f"{record.getMessage()} ({count - self._most} more like this)", ()
                began, count = now, 0
            if len(self._seen) > _MOST_KINDS:
                self._seen.clear()
            self._seen[key] = (began, count + 1)
        if count == 0:
            return True
        record.exc_info = record.exc_text = None  # one traceback of a kind is enough
        return count < self._most


class Server(uvicorn.Server):
    """A uvicorn server with callbacks.

    Args:
        started: called when it accepts requests.
        ending: called at the first signal to stop, so that event streams end.
        ended: called when it no longer accepts requests.
    """

    def __init__(
        self,
        app: FastAPI,
        *,
        started: Callable[[], None],
        ending: Callable[[], None],
        ended: Callable[[], None],
        verbose: bool,
    ) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                log_config=None,
                log_level="info" if verbose else "warning",
                access_log=verbose,
                ws="none",
                http=type("Connection", (BoundedConnection,), {"most": most_connections()}),
                h11_max_incomplete_event_size=_HEADER_BYTES,
                timeout_graceful_shutdown=_PATIENCE_SECONDS,
                server_header=False,
                proxy_headers=False,
            )
        )
        self._started, self._ending, self._ended = started, ending, ended

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept requests."""
        await super().startup(sockets)
        if self.started:
            self._started()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop; service.json is withdrawn before connections close."""
        self._ended()
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop gracefully, or at once on a second Ctrl-C: answers that have begun are finished."""
        if sig == signal.SIGTERM:
            self.config.timeout_graceful_shutdown = _TERM_SECONDS
        self._ending()
        super().handle_exit(sig, frame)
