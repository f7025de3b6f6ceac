"""`videobert serve`, the page and the HTTP API; `videobert mcp`, tools for assistants."""

from __future__ import annotations

import logging
import os
import sys
import threading
import webbrowser
from contextlib import suppress
from functools import partial
from importlib.util import find_spec
from typing import Annotated

import typer

from search import __version__
from search.cli.console import LibraryOption, ModelOption, err, opened, out


def serve(
    folder: LibraryOption = None,
    model: ModelOption = None,
    host: Annotated[
        str, typer.Option(help="Address to listen on; clients need the token unless it is loopback.")
    ] = "127.0.0.1",
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Port to listen on.", show_default="8420, or any if that is taken"),
    ] = None,
    token: Annotated[
        str | None,
        typer.Option(
            envvar="VIDEOBERT_TOKEN",
            help="Token that clients need.",
            show_default="none on 127.0.0.1, a new one elsewhere",
        ),
    ] = None,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page in the browser.")] = True,
) -> None:
    """Search in the browser: serve the page and the HTTP API."""
    import secrets

    # Searches, indexing and the browser share the cores: idle threads of the model must sleep, not spin.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    from search.service.app import create
    from search.service.backend.endpoint import Endpoint, publish, withdraw
    from search.service.backend.settings import Settings, is_loopback
    from search.service.server import Server, listen

    with opened(folder, model=model) as library:
        if token is None and not is_loopback(host):
            token = secrets.token_urlsafe(16)
        socket = listen(host, port)
        settings = Settings(host=host, port=socket.getsockname()[1], token=token)
        app = create(library, settings)
        address = settings.url if token is None else f"{settings.url}/?token={settings.local_token}"

        def started() -> None:
            publish(library.folder, Endpoint(settings.url, settings.local_token, os.getpid(), __version__))
            out.print(f"Serving {library.folder} at {address}", markup=False)
            if not settings.loopback:
                out.print(f"From other machines: http://HOST:{settings.port}/?token={token}", markup=False)
            err.print("Press Ctrl-C to stop.")
            if browser:
                webbrowser.open(address)

        verbose = logging.getLogger().isEnabledFor(logging.INFO)
        server = Server(
            app,
            started=started,
            ending=app.state.service.closing.set,
            ended=partial(withdraw, library.folder),
            verbose=verbose,
        )
        with suppress(KeyboardInterrupt):  # the way to stop it
            server.run(sockets=[socket])
    _leave()


def _leave() -> None:
    """Exit without waiting for threads; everything is committed.

    Python would stop them anywhere at exit, and a thread inside C++ code would abort the process.
    """
    if any(thread.daemon for thread in threading.enumerate()):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


def mcp(folder: LibraryOption = None, model: ModelOption = None) -> None:
    """Serve tools for assistants: the Model Context Protocol on standard input and output."""
    with opened(folder, model=model) as library:
        if find_spec("mcp") is None:
            raise ValueError('this needs the MCP SDK: pip install "videobert-search[mcp]"')
        from search.service.mcp import server

        with suppress(KeyboardInterrupt):  # a way to stop it
            server(library).run()
