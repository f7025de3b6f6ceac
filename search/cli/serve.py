"""`videobert serve`, the page and the HTTP API; `videobert mcp`, tools for assistants."""

from __future__ import annotations

import html
import logging
import os
import sys
import threading
import webbrowser
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
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
            help="What clients have to show: 16 characters or more.",
            show_default="a new one",
        ),
    ] = None,
    read_token: Annotated[
        str | None,
        typer.Option(
            envvar="VIDEOBERT_READ_TOKEN", help="What clients have to show who may only read.", show_default="none"
        ),
    ] = None,
    tokens: Annotated[
        Path | None,
        typer.Option(
            envvar="VIDEOBERT_TOKENS",
            help="File of further users, one a line: name, read or write, token.",
            show_default="none",
        ),
    ] = None,
    no_token: Annotated[
        bool, typer.Option("--no-token", help="Let every user of this machine do everything; on 127.0.0.1 only.")
    ] = False,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page in the browser.")] = True,
) -> None:
    """Search in the browser: serve the page and the HTTP API."""
    import secrets

    # Searches, indexing and the browser share the cores: idle threads of the model must sleep, not spin.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    from search.service.app import create
    from search.service.backend.endpoint import Endpoint, publish, secret, socket_path, withdraw
    from search.service.backend.settings import Settings, is_loopback
    from search.service.backend.users import TokenFile
    from search.service.server import LogRate, Server, listen, listen_for_user

    with opened(folder, model=model, make=True) as library:
        if no_token and (token or read_token or tokens):
            raise ValueError("--no-token excludes --token, --read-token and --tokens")
        if no_token and not is_loopback(host):
            raise ValueError(f"--no-token is for this machine alone; {host} can be reached from others")
        if not no_token and token is None:
            token = secrets.token_urlsafe(24)
        port_socket = listen(host, port)
        settings = Settings(
            host=host,
            port=port_socket.getsockname()[1],
            token=token,
            read_token=read_token,
            users=None if tokens is None else TokenFile(tokens),
            secret=secret(library.folder, make=True) or b"",
        )
        place = socket_path(library.folder, make=True)
        user_socket = listen_for_user(place) if place is not None else None
        app = create(library, settings)
        for handler in logging.getLogger().handlers:
            handler.addFilter(LogRate())

        def started() -> None:
            publish(library.folder, Endpoint(settings.url, settings.local_token, os.getpid(), __version__))
            opening = "" if no_token else f"/?key={app.state.keys.new()}"
            out.print(f"Serving {library.name} at {settings.url}{opening}", markup=False)
            if not no_token:
                err.print(f"The link works once. Programs and other browsers need the token: {token}", markup=False)
            if not settings.loopback:
                out.print(f"From other machines: http://HOST:{settings.port}/?token={token}", markup=False)
            err.print("Press Ctrl-C to stop.")
            if browser:
                open_page(settings.url if no_token else f"{settings.url}/?key={app.state.keys.new()}", place)

        def ended() -> None:
            withdraw(library.folder)
            if user_socket is not None and place is not None:
                place.unlink(missing_ok=True)

        verbose = logging.getLogger().isEnabledFor(logging.INFO)
        server = Server(app, started=started, ending=app.state.service.closing.set, ended=ended, verbose=verbose)
        sockets = [port_socket] if user_socket is None else [port_socket, user_socket]
        with suppress(KeyboardInterrupt):  # the way to end it
            server.run(sockets=sockets)
    _leave()


def open_page(address: str, place: Path | None) -> None:
    """Open an address in the browser by way of a file: other users see what programs are started with.

    Args:
        address: with a key.
        place: a file in a folder of this user alone; without one the address itself is opened.
    """
    if place is None:
        webbrowser.open(address)
        return
    page = place.with_suffix(".html")
    page.unlink(missing_ok=True)
    with open(os.open(page, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(f'<!doctype html><meta http-equiv="refresh" content="0; url={html.escape(address)}">')
    webbrowser.open(page.as_uri())


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
    with opened(folder, model=model, make=True) as library:
        if find_spec("mcp") is None:
            raise ValueError('this needs the MCP SDK: pip install "videobert-search[mcp]"')
        from search.service.mcp import server

        with suppress(KeyboardInterrupt):  # a way to stop it
            server(library).run()
