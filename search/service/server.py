"""A socket with the application behind it."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from types import FrameType

import uvicorn
from fastapi import FastAPI

from search.service.backend.settings import PORT

_PATIENCE_SECONDS = 5  # with connections that do not end by themselves


def listen(host: str, port: int | None) -> socket.socket:
    """Take a port; the usual one, or where that is taken any free one, if none is given.

    Raises:
        OSError: the address is not of this machine, or the port is taken.
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
        if os.name == "posix":  # elsewhere it would let two programs have one port
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(address)
    except OSError as error:
        taken.close()
        raise OSError(error.errno, f"cannot listen on {host}, port {port}: {error.strerror}") from error
    return taken


class Server(uvicorn.Server):
    """Serves until it is told to end.

    Args:
        started: called once requests are answered.
        ending: called as soon as it is to end, so that answers without an end can end.
        ended: called when requests are not answered any more.
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
                timeout_graceful_shutdown=_PATIENCE_SECONDS,
                server_header=False,
                proxy_headers=False,
            )
        )
        self._started, self._ending, self._ended = started, ending, ended

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to answer."""
        await super().startup(sockets)
        if self.started:
            self._started()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End; whoever reads the signs of a running service sees it gone first."""
        self._ended()
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to end; a second Ctrl-C does not wait for anything."""
        self._ending()
        super().handle_exit(sig, frame)
