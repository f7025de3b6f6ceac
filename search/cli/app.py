"""The command line. Commands import heavy modules when they run, so that --help and completion stay quick."""

from __future__ import annotations

import io
import logging
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from search import __version__
from search.cli.console import FAILED, err, one_line, out
from search.cli.doctor import doctor
from search.cli.duplicates import duplicates
from search.cli.evaluate import evaluate, judge
from search.cli.index import index, reindex, watch
from search.cli.library import failures, library, list_, remove, show, status, subtitles
from search.cli.models import models
from search.cli.reels import reels
from search.cli.search import search, searches, similar
from search.cli.serve import mcp, serve
from search.cli.tasks import classify, fill, summarize
from search.cli.terminal import LogFormatter
from search.cli.training import train, tune

# Panels of --help, in the order in which people need them.
_PANELS: dict[str, tuple[Callable[..., None] | typer.Typer, ...]] = {
    "Library": (index, watch, list_, show, subtitles, status, failures, remove, reindex, doctor, library),
    "Search": (search, similar, searches, reels, duplicates),
    "Understand": (summarize, classify, fill),
    "Models and training": (models, train, tune, judge, evaluate),
    "Serve": (serve, mcp),
}


class _InOrder(TyperGroup):
    """Commands in the order of the panels, groups among them; every error is one line."""

    def main(self, *arguments: Any, **options: Any) -> Any:
        """Run a command."""
        try:
            try:
                return super().main(*arguments, **options)
            finally:
                _flush()
        except BrokenPipeError:
            _silence(sys.stdout)
            return sys.exit(FAILED)
        except Exception as error:
            if logging.getLogger().isEnabledFor(logging.INFO):
                logging.getLogger(__name__).exception("unexpected")
            with suppress(OSError):
                err.print(f"videobert: {type(error).__name__}: {one_line(error)}", markup=False)
            _silence(sys.stdout)
            return sys.exit(FAILED)

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of the commands."""
        return [_name(each) for panel in _PANELS.values() for each in panel]


def _flush() -> None:
    """Have errors of a full or closed output come now, and not while the interpreter ends."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and not stream.closed:
            stream.flush()


def _silence(stream: Any) -> None:
    """Throw away what could not be written, or the interpreter would try once more."""
    with suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _name(command: Callable[..., None] | typer.Typer) -> str:
    return str(command.info.name) if isinstance(command, typer.Typer) else command.__name__.rstrip("_")


app = typer.Typer(
    name="videobert",
    cls=_InOrder,
    help="Search your videos by words, pictures and clips, on your own machine.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
for _panel, _commands in _PANELS.items():
    for _command in _commands:
        if isinstance(_command, typer.Typer):
            app.add_typer(_command, rich_help_panel=_panel)
        else:
            app.command(name=_name(_command), rich_help_panel=_panel)(_command)


def _print_version(wanted: bool) -> None:
    if wanted:
        out.print(__version__)
        raise typer.Exit


@app.callback()
def main(
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log to stderr.")] = False,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Set up logging and output for every command."""
    # NumPy multiplies little here, and its threads wait for each other: under load a query took 100 times as long.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # file names need not be valid in the terminal's encoding
    logging.basicConfig(
        level=logging.INFO if verbose else logging.WARNING, format="%(levelname)s %(name)s: %(message)s"
    )
    for handler in logging.getLogger().handlers:
        if type(handler) is logging.StreamHandler:
            handler.setFormatter(LogFormatter("%(levelname)s %(name)s: %(message)s"))
