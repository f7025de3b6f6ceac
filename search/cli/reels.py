"""`videobert reels`: moments that a person collects, in named lists, for editing programs."""

from __future__ import annotations

import os
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import typer

from search.cli.console import SOME_FAILED, JsonOption, LibraryOption, err, given_path, opened, out, print_json
from search.cli.formatting import counted
from search.library import Library
from search.query.request import segment_id
from search.query.times import ClipRange, clock
from search.ranking.moments import Moment
from store.catalog.reels import Select

reels = typer.Typer(name="reels", help="Collect moments in named reels, and take them to editing programs.")

NameArgument = Annotated[str, typer.Argument(help="Name of the reel.", metavar="REEL")]


@reels.callback(invoke_without_command=True)
def _default(context: typer.Context, folder: LibraryOption = None) -> None:
    if context.invoked_subcommand is None:
        list_(folder)


@reels.command("list")
def list_(folder: LibraryOption = None, json_: JsonOption = False) -> None:
    """List the reels."""
    with opened(folder) as library:
        found = library.catalog.reels.all()
    if json_:
        print_json([asdict(reel) for reel in found])
        return
    for reel in found:
        out.print(f"{reel.name}: {counted(reel.moments, 'moment')}, {clock(reel.seconds)}", markup=False)


@reels.command()
def show(name: NameArgument, folder: LibraryOption = None, json_: JsonOption = False) -> None:
    """Show the moments of a reel in their order."""
    with opened(folder) as library:
        moments = library.reel(name)
    if json_:
        print_json([moment.as_dict() for moment in moments])
        return
    for number, moment in enumerate(moments, start=1):
        for line in _lines(number, moment):
            out.print(line, markup=False)


@reels.command()
def add(
    name: NameArgument,
    moments: Annotated[list[str], typer.Argument(help="PATH@START-END, PATH, or the id of a segment.")],
    note: Annotated[str, typer.Option("--note", help="Note on each of them.", show_default=False)] = "",
    star: Annotated[bool, typer.Option("--star", help="Mark them as the best.")] = False,
    tag: Annotated[
        list[str] | None, typer.Option("--tag", help="Tag of each of them; may be repeated.", show_default=False)
    ] = None,
    folder: LibraryOption = None,
) -> None:
    """Add moments to the end of a reel, which is made where there is none."""
    with opened(folder) as library:
        chosen = [replace(_select(library, each), note=note, star=star, tags=tuple(tag or ())) for each in moments]
        ids = library.catalog.reels.add(name, chosen)
    out.print(f"{name}: {', '.join(f'#{number}' for number in ids)}", markup=False)


@reels.command()
def remove(
    name: NameArgument,
    moments: Annotated[
        list[int] | None, typer.Argument(help="Numbers of moments, after # in `show`; the whole reel without any.")
    ] = None,
    folder: LibraryOption = None,
) -> None:
    """Remove moments from a reel, or a reel; videos and their files stay."""
    with opened(folder) as library:
        held = {moment.id for moment in library.catalog.reels.moments(name)}
        if strange := [number for number in moments or () if number not in held]:
            raise ValueError(f"{name!r} holds no moment {', '.join(f'#{number}' for number in strange)}")
        count = library.catalog.reels.remove(name, moments or None)
    out.print(f"Removed {counted(count, 'moment')}.")


@reels.command()
def export(
    name: NameArgument,
    target: Annotated[
        Path,
        typer.Argument(
            parser=given_path,
            metavar="FILE",
            help="File to write: .edl, .otio, .fcpxml, .xml (Premiere), .csv, .json, .m3u, .zip (a film of each) or "
            ".mp4 (one film).",
        ),
    ],
    force: Annotated[bool, typer.Option("--force", help="Replace a file, but no link and no video.")] = False,
    folder: LibraryOption = None,
) -> None:
    """Write a reel for an editing program, a player or a spreadsheet, or as films."""
    with opened(folder) as library:
        moments = library.reel(name)
        with err.status("writing"):
            problems = library.export_moments(moments, target, title=name, force=force)
    for problem in problems:
        err.print(problem, markup=False)
    out.print(f"Wrote {target}.", markup=False)
    if problems:
        raise typer.Exit(SOME_FAILED)


def _select(library: Library, what: str) -> Select:
    number = segment_id(what)
    if number is not None and not os.path.lexists(what):
        return library.select(number)
    part = ClipRange.parse(what)
    return library.select(part.path, start=part.start, end=part.end)


def _lines(number: int, moment: Moment) -> list[str]:
    chosen = moment.select
    assert chosen is not None  # it comes from a reel
    star = " ★" if chosen.star else ""
    tags = "".join(f"  [{tag}]" for tag in chosen.tags)
    gone = "" if moment.hits else "  (not in the library)"
    when = f"{clock(moment.start)}–{clock(moment.end)}"
    lines = [f"{number:>3}. #{chosen.id}{star}  {moment.path}  {when}{tags}{gone}"]
    return [*lines, f"            {chosen.note}"] if chosen.note else lines
