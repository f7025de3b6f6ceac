"""`videobert reindex`: a library moves to another encoder."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from search.cli.console import (
    INTERRUPTED,
    SOME_FAILED,
    JsonOption,
    LibraryOption,
    ModelOption,
    err,
    opened,
    out,
    print_json,
)
from search.cli.formatting import counted
from search.query.times import clock


def reindex(
    library: LibraryOption = None,
    model: ModelOption = None,
    fps: Annotated[
        float | None,
        typer.Option(
            min=0.1, max=30, help="As with index, where videos are decoded again.", show_default="2, or the model's own"
        ),
    ] = None,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Decoding processes.")] = 1,
    forget_missing: Annotated[
        bool, typer.Option("--forget-missing", help="Let videos go that are gone from disk, changed or unreadable.")
    ] = False,
    json_: JsonOption = False,
) -> None:
    """Move the library to another model; the old one serves until the new one is complete."""
    from indexer.pipeline import IndexOptions
    from search.cli.progress import progress

    options = IndexOptions(fps=fps, workers=workers)
    with opened(library) as held:
        try:
            with progress(err, quiet=json_) as tell:
                report = held.reindex(model, options=options, forget_missing=forget_missing, tell=tell)
        except KeyboardInterrupt:
            err.print("Interrupted. The library is as it was; run the same command again to go on.")
            raise typer.Exit(INTERRUPTED) from None
        facts = held.status()
    if json_:
        print_json(asdict(report) | {"model": facts["model"]})
    else:
        said = f"{counted(report.embedded, 'video')} embedded, {report.decoded:,} of them decoded again"
        out.print(f"{said}: {clock(report.video_seconds)} of video in {clock(report.elapsed_seconds)}.")
        for path, reason in report.left:
            err.print(f"  {path}: {reason}", markup=False)
        if report.done:
            gone = f"; {counted(report.forgotten, 'video')} left it" if report.forgotten else ""
            out.print(f"The library now uses {facts['model']} ({facts['tier']}){gone}.", markup=False)
        else:
            out.print(
                f"The library still uses {facts['model']}, as {counted(len(report.left), 'video')} could not be read: "
                "bring them back and run the command again, or let them go with --forget-missing.",
                markup=False,
            )
    if report.left:
        raise typer.Exit(SOME_FAILED)
