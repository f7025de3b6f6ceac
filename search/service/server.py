"""Run the application on a socket, with uvicorn."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from types import FrameType

import uvicorn
from fastapi import FastAPI

from search.service.backend.settings import PORT

_SHUTDOWN_SECONDS = 5  # before open connections are closed


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
                timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
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
        """Stop gracefully, or at once on a second Ctrl-C."""
        self._ending()
        super().handle_exit(sig, frame)
