"""The command line; everything heavy is imported by the command that needs it.

What commands share is in `search.cli.console`, longer commands have files of their own; nothing else prints or exits.
"""

from __future__ import annotations

import io
import logging
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from search import __version__
from search.cli.classify import classify
from search.cli.console import (
    FAILED,
    SOME_FAILED,
    JsonOption,
    LibraryOption,
    ModelOption,
    opened,
    out,
    print_json,
)
from search.cli.console import index as _index
from search.cli.duplicates import duplicates
from search.cli.evaluate import evaluate
from search.cli.fill import fill
from search.cli.formatting import counted, report_lines
from search.cli.judge import judge
from search.cli.mcp import mcp
from search.cli.models import models
from search.cli.reindex import reindex
from search.cli.search import WithinOption, search, searches, similar
from search.cli.serve import serve
from search.cli.summarize import summarize
from search.cli.train import train
from search.cli.tune import tune
from search.cli.watch import watch
from search.query.times import clock

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


@app.command()
def index(
    targets: Annotated[list[str], typer.Argument(help="Video files, folders and globs.")],
    library: LibraryOption = None,
    model: ModelOption = None,
    fps: Annotated[
        float | None,
        typer.Option(
            min=0.1, max=30, help="Frames looked at per second of video.", show_default="2, or the model's own"
        ),
    ] = None,
    segment_seconds: Annotated[float, typer.Option(min=2, max=60, help="Longest segment.")] = 10.0,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Decoding processes.")] = 1,
    timeout: Annotated[float, typer.Option(min=1, help="Seconds a decoder may be silent.")] = 60.0,
    memory: Annotated[int, typer.Option(min=256, help="MiB a decoder may use.")] = 4096,
    all_files: Annotated[bool, typer.Option("--all-files", help="In folders, try every file.")] = False,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Try again what failed before.")] = False,
    prune: Annotated[bool, typer.Option("--prune", help="Forget videos whose files are gone.")] = False,
    json_: JsonOption = False,
) -> None:
    """Index videos; what is known and unchanged is skipped."""
    from indexer.pipeline import IndexOptions

    options = IndexOptions(
        fps=fps,
        max_segment_seconds=segment_seconds,
        workers=workers,
        timeout_seconds=timeout,
        memory_mib=memory,
        all_files=all_files,
        retry_failed=retry_failed,
        prune=prune,
    )
    with opened(library, model=model) as held:
        report = _index(held, targets, options, quiet=json_)
    if json_:
        print_json(asdict(report))
    else:
        for line in report_lines(report):
            out.print(line, markup=False)
    if report.failed or report.problems:
        raise typer.Exit(SOME_FAILED)


@app.command(name="list")
def list_(library: LibraryOption = None, within: WithinOption = None, json_: JsonOption = False) -> None:
    """List the videos of the library."""
    with opened(library) as held:
        videos = held.videos(within=within)
    if json_:
        print_json([asdict(video) for video in videos])
        return
    for video in videos:
        out.print(
            f"{video.id:>6}  {clock(video.duration):>9}  {video.width}x{video.height}  {video.path}", markup=False
        )


@app.command()
def show(
    video: Annotated[str, typer.Argument(help="Path of a video of the library, or the id of a segment.")],
    library: LibraryOption = None,
    json_: JsonOption = False,
) -> None:
    """Show what the library knows of one video: its data, segments and subtitles."""
    with opened(library) as held:
        known, segments = held.show(int(video) if video.isdecimal() and not Path(video).exists() else video)
    if json_:
        print_json({"video": asdict(known), "segments": [asdict(segment) for segment in segments]})
        return
    out.print(known.path, markup=False)
    out.print(
        f"{clock(known.duration)}, {known.width}x{known.height}, {known.codec}, {known.fps:.2f} frames/s, "
        f"indexed {known.indexed_at}",
        markup=False,
    )
    for segment in segments:
        line = f"{segment.id:>8}  {clock(segment.start)}–{clock(segment.end)}  {segment.text}"
        out.print(line.rstrip(), markup=False)


@app.command()
def remove(
    targets: Annotated[list[Path], typer.Argument(help="Videos or folders.")], library: LibraryOption = None
) -> None:
    """Take videos out of the library; the files themselves are not touched."""
    with opened(library) as held:
        removed = held.remove(targets)
    out.print(f"Removed {counted(removed, 'video')} from the library.")
    if not removed:
        raise typer.Exit(FAILED)


@app.command()
def failures(library: LibraryOption = None, json_: JsonOption = False) -> None:
    """List the files that could not be indexed, with reasons."""
    with opened(library) as held:
        failed = held.catalog.failures.all()
    if json_:
        print_json([asdict(failure) for failure in failed])
        return
    for failure in failed:
        out.print(f"{failure.path}: {failure.reason}", markup=False)


@app.command()
def status(library: LibraryOption = None, json_: JsonOption = False) -> None:
    """Say what the library holds and which model made it."""
    with opened(library) as held:
        facts = held.status()
    if json_:
        print_json(facts)
        return
    for name, value in facts.items():
        out.print(f"{name.replace('_', ' '):>15}  {value}", markup=False)


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
