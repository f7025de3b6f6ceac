"""`videobert mcp`: the library as tools for assistants."""

from __future__ import annotations

from contextlib import suppress
from importlib.util import find_spec

from search.cli.console import LibraryOption, ModelOption, opened


def mcp(library: LibraryOption = None, model: ModelOption = None) -> None:
    """Offer the library to an assistant: a server of the Model Context Protocol on standard input and output."""
    with opened(library, model=model) as held:
        if find_spec("mcp") is None:
            raise ValueError('assistants need the SDK of their protocol: pip install "videobert-search[mcp]"')
        from search.service.mcp import server

        with suppress(KeyboardInterrupt):  # one of the ways to end it
            server(held).run()
