"""The command line. Commands import heavy modules when they run, so that --help and completion stay quick."""

from __future__ import annotations

import io
import logging
import os
import sys
from collections.abc import Callable
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from search import __version__
from search.cli.console import out
from search.cli.doctor import doctor
from search.cli.duplicates import duplicates
from search.cli.evaluate import evaluate, judge
from search.cli.index import index, reindex, watch
from search.cli.library import failures, list_, remove, show, status
from search.cli.models import models
from search.cli.search import search, searches, similar
from search.cli.serve import mcp, serve
from search.cli.tasks import classify, fill, summarize
from search.cli.training import train, tune

# Panels of --help, in the order in which people need them.
_PANELS: dict[str, tuple[Callable[..., None] | typer.Typer, ...]] = {
    "Library": (index, watch, list_, show, status, failures, remove, reindex, doctor),
    "Search": (search, similar, searches, duplicates),
    "Understand": (summarize, classify, fill),
    "Models and training": (models, train, tune, judge, evaluate),
    "Serve": (serve, mcp),
}


class _InOrder(TyperGroup):
    """Commands in the order of the panels, groups among them."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of the commands."""
        return [_name(each) for panel in _PANELS.values() for each in panel]


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
