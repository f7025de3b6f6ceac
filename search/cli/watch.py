"""`videobert watch`: a library that follows folders."""

from __future__ import annotations

from itertools import chain
from pathlib import Path
from typing import Annotated

import typer

from search.cli.console import LibraryOption, ModelOption, err, index, opened, out
from search.cli.formatting import counted, report_lines


def watch(
    folders: Annotated[list[Path], typer.Argument(help="Are followed to the bottom.")],
    library: LibraryOption = None,
    model: ModelOption = None,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Decoding processes.")] = 1,
    settle: Annotated[
        float, typer.Option(min=0.5, max=3600, help="Seconds for which a file must not change before it is read.")
    ] = 2.0,
    poll: Annotated[
        bool, typer.Option("--poll", help="Look again and again: for network drives that tell of nothing.")
    ] = False,
    prune: Annotated[bool, typer.Option("--prune", help="First forget videos whose files are gone.")] = False,
) -> None:
    """Index folders and keep the library up to date with them until Ctrl-C."""
    from indexer.pipeline import IndexOptions, Report
    from search.library.watch import Watch, changes

    with opened(library, model=model) as held:
        options = IndexOptions(workers=workers, prune=prune)
        follower = Watch(held, folders, options=options, settle_seconds=settle)
        sets = changes(follower.folders, poll=poll)
        first = next(sets)  # from here on nothing is missed
        for line in report_lines(index(held, follower.folders, options, quiet=False)):
            out.print(line, markup=False)
        try:
            err.print(f"Watching {counted(len(folders), 'folder')}; Ctrl-C ends it.")
            for update in follower.follow(chain([first], sets)):
                for line in report_lines(update.report) if update.report != Report() else ():
                    out.print(line, markup=False)
                if update.forgotten:
                    out.print(f"{counted(update.forgotten, 'video')} forgotten, no longer on disk.")
        except KeyboardInterrupt:
            err.print("Stopped. The library is consistent.")
