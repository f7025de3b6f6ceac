"""What commands share: consoles, error handling, and common options.

Exit codes: 0 done; 1 the input or the library could not be used; 2 wrong usage; 3 done, but some files failed or were
missing; 4 a score fell below the gate; 130 interrupted.
"""

from __future__ import annotations

import json
import sqlite3
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from search.cli.terminal import Terminal, visible
from search.library import Library
from search.library.library import LIBRARY_VARIABLE
from store.catalog.address import is_url

FAILED, SOME_FAILED, FELL, INTERRUPTED = 1, 3, 4, 130

out = Terminal(highlight=False, soft_wrap=True)
err = Terminal(stderr=True, highlight=False, soft_wrap=True)


def given_path(text: str) -> Path:
    """Read a path of the command line; an empty one, as of an unset variable, would be the working folder."""
    if not text:
        raise typer.BadParameter("an empty path")
    return Path(text)


def given_library(text: str) -> str:
    """Read the folder or URL of a library."""
    return text if is_url(text) else str(given_path(text))


LibraryOption = Annotated[
    str | None,
    typer.Option(
        "--library",
        "-L",
        parser=given_library,
        metavar="<path>",
        envvar=LIBRARY_VARIABLE,
        help="Folder of the library, or a URL.",
        show_default=False,
    ),
]
ModelOption = Annotated[
    str | None,
    typer.Option(
        "--model",
        help="Name (`videobert models list`) or folder of a model; the library's own by default.",
        show_default=False,
    ),
]
WithinOption = Annotated[
    Path | None,
    typer.Option(
        "--within", parser=given_path, metavar="<path>", help="Video or folder to search in.", show_default=False
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]


@contextmanager
def opened(folder: str | None, *, model: str | None = None, make: bool = False) -> Iterator[Library]:
    """Open a library, and close it at the end; `errors` applies.

    Args:
        make: whether a folder that was named may be made; that of this user always may.
    """
    from search.engine.engine import CATALOG_FILE
    from store.errors import NoLibrary

    with errors():
        embedded = folder is not None and not is_url(folder)
        if folder and embedded and not make and not (Path(folder).expanduser() / CATALOG_FILE).is_file():
            raise NoLibrary(f"no library at {folder}; `videobert index FOLDER --library {folder}` makes one")
        with warnings_as_lines(), Library(folder, model=model) as library:
            yield library


@contextmanager
def warnings_as_lines() -> Iterator[None]:
    """Print what `Library` warns of as one line on stderr, each once."""
    from model.encoder.contract import ReadAsEnglish

    show = warnings.showwarning

    def line(message: Warning | str, category: type[Warning], *where: Any, **options: Any) -> None:
        if issubclass(category, ReadAsEnglish):
            err.print(str(message), markup=False)
        else:
            show(message, category, *where, **options)

    with warnings.catch_warnings():
        warnings.simplefilter("default", ReadAsEnglish)
        warnings.showwarning = line
        yield


@contextmanager
def errors() -> Iterator[None]:
    """Turn errors in input, files and libraries into one line on stderr and exit code 1."""
    from indexer.media.container import MediaError
    from store.errors import StoreError

    try:
        yield
    except BrokenPipeError:
        raise  # whoever read what is printed has seen enough; see `app`
    except (StoreError, MediaError, ValueError, OSError, OverflowError, ImportError, sqlite3.Error) as error:
        err.print(f"videobert: {one_line(error)}", markup=False)
        raise typer.Exit(FAILED) from error


def on_terminal() -> bool:
    """Whether a person sees what is printed: neither output goes into a file or a pipe."""
    return sys.stdout.isatty() and sys.stderr.isatty()


def one_line(error: BaseException) -> str:
    """Return what an error says, in one line."""
    return visible(" ".join(str(error).split())) or type(error).__name__


def print_json(value: Any) -> None:
    """Write JSON to stdout, not wrapped."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2) + "\n")
