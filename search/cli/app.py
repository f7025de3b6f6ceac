"""The command line; everything heavy is imported by the command that needs it.

What commands share is in `search.cli.console`, longer commands have files of their own; nothing else prints or exits.
"""

from __future__ import annotations

import io
import logging
import sys
from dataclasses import asdict
from typing import Annotated

import typer

from search import __version__
from search.cli.console import FAILED, JsonOption, LibraryOption, out, print_json
from search.cli.duplicates import duplicates
from search.cli.evaluate import evaluate, judge
from search.cli.index import index, reindex, watch
from search.cli.library import failures, list_, remove, show, status
from search.cli.models import models
from search.cli.search import search, searches, similar
from search.cli.serve import mcp, serve
from search.cli.tasks import classify, fill, summarize
from search.cli.training import train, tune

app = typer.Typer(
    name="videobert",
    help="Search a folder of videos by words or by a clip, on your own machine.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command()(classify)
app.command()(duplicates)
app.command()(evaluate)
app.command()(fill)
app.command()(judge)
app.command()(mcp)
app.command()(reindex)
app.command()(search)
app.command()(similar)
app.add_typer(searches)
app.command()(serve)
app.command()(train)
app.command()(tune)
app.add_typer(models)
app.command()(summarize)
app.command()(watch)
app.command()(index)
app.command(name="list")(list_)
app.command()(show)
app.command()(remove)
app.command()(failures)
app.command()(status)


@app.command()
def doctor(library: LibraryOption = None, json_: JsonOption = False) -> None:
    """Check that everything the program needs is there and works."""
    from search.cli.doctor import examine

    findings = examine(library)
    if json_:
        print_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            out.print(f"{'ok ' if finding.good else 'BAD'}  {finding.subject}: {finding.detail}", markup=False)
    if not all(finding.good for finding in findings):
        raise typer.Exit(FAILED)


def _print_version(wanted: bool) -> None:
    if wanted:
        out.print(__version__)
        raise typer.Exit


@app.callback()
def main(
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log what happens, to stderr.")] = False,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Set up logging and output for every command."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # file names need not be valid in the terminal's encoding
    logging.basicConfig(
        level=logging.INFO if verbose else logging.WARNING, format="%(levelname)s %(name)s: %(message)s"
    )
