"""`videobert list`, `show`, `subtitles`, `remove`, `failures`, `status`, and `library` with `check` and others."""

from __future__ import annotations

import errno
import os
import shlex
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from search.cli.console import (
    FAILED,
    JsonOption,
    LibraryOption,
    WithinOption,
    err,
    errors,
    given_library,
    given_path,
    opened,
    out,
    print_json,
)
from search.cli.formatting import counted, filming_lines
from search.engine.engine import CATALOG_FILE, INDEX_FILE
from search.library.library import library_address
from search.query.request import segment_id
from search.query.times import clock
from store.catalog.address import is_url, without_password
from store.catalog.catalog import Catalog
from store.catalog.videos import Order
from store.errors import LibraryError, NoLibrary
from store.types import Video, row_id


def list_(
    folder: LibraryOption = None,
    within: WithinOption = None,
    sort: Annotated[
        Order, typer.Option("--sort", help="By path, or by when they were added or filmed, the latest first.")
    ] = "path",
    json_: JsonOption = False,
) -> None:
    """List the videos of the library, with the day on which each was filmed."""
    with opened(folder) as library:
        videos = library.videos(within=within, order=sort)
    if json_:
        print_json([video.as_dict() for video in videos])
        return
    for video in videos:
        out.print(
            f"{video.id:>6}  {video.date.local()[:10]:10}  {clock(video.duration):>9}  {video.width}x{video.height}  "
            f"{video.path}{_marks(video)}",
            markup=False,
        )


def _marks(video: Video) -> str:
    """What is to be known before one relies on a video."""
    marks = [f"incomplete: {clock(video.missing_seconds)} missing"] if video.missing_seconds else []
    marks += [] if os.path.lexists(video.path) else ["offline"]
    return f"  ({', '.join(marks)})" if marks else ""


def show(
    video: Annotated[str, typer.Argument(help="Path of a video of the library, or the id of a segment.")],
    folder: LibraryOption = None,
    json_: JsonOption = False,
) -> None:
    """Show one video with its segments and subtitles."""
    with opened(folder) as library:
        number = segment_id(video)
        known, segments = library.show(video if number is None or os.path.lexists(video) else number)
        labels = library.catalog.labels.of(segment.id for segment in segments if segment.id is not None)
    names = [[label.name for label in labels.get(segment.id or 0, ())] for segment in segments]
    if json_:
        rows = [asdict(segment) | {"labels": own} for segment, own in zip(segments, names, strict=True)]
        print_json({"video": known.as_dict(), "segments": rows})
        return
    out.print(known.path, markup=False)
    out.print(
        f"{clock(known.duration)}, {known.width}x{known.height}, {known.codec}, {known.fps:.2f} frames/s, "
        f"indexed {known.indexed_at}",
        markup=False,
    )
    for line in filming_lines(known):
        out.print(line, markup=False)
    for segment, own in zip(segments, names, strict=True):
        line = f"{segment.id:>8}  {clock(segment.start)}–{clock(segment.end)}  {segment.text}"
        out.print(line.rstrip(), markup=False)
        if own:
            out.print(f"            shows {', '.join(own)}", markup=False)


def subtitles(
    video: Annotated[Path, typer.Argument(parser=given_path, help="A video of the library.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="File to write, .srt or .vtt, which must not exist.")],
    folder: LibraryOption = None,
) -> None:
    """Write what was heard in a video as a subtitle file."""
    from search.export.subtitles import check_suffix, subtitle_file
    from search.export.targets import write

    with opened(folder) as library:
        suffix = check_suffix(output)
        known, _ = library.show(video)
        heard = [cue for cue in library.catalog.cues.of(row_id(known)) if cue.source == "speech"]
        if not heard:
            listening = shlex.join(["videobert", "index", known.path, "--words", "speech"])
            raise ValueError(f"no speech was heard in {known.path}; if it was not listened to: {listening}")
        if os.path.lexists(output):
            raise FileExistsError(errno.EEXIST, "there is such a file already; nothing is overwritten", str(output))
        write(subtitle_file(heard, suffix), output, force=False)
    out.print(f"Wrote {counted(len(heard), 'subtitle')} to {output}.", markup=False)


def remove(
    targets: Annotated[list[Path], typer.Argument(parser=given_path, help="Videos or folders.")],
    folder: LibraryOption = None,
) -> None:
    """Remove videos from the library; their files stay."""
    with opened(folder) as library:
        removed = library.remove(targets)
    out.print(f"Removed {counted(removed, 'video')} from the library.")
    if not removed:
        raise typer.Exit(FAILED)


def failures(
    folder: LibraryOption = None,
    partial: Annotated[
        bool, typer.Option("--partial", help="List videos instead of which a part is missing or damaged.")
    ] = False,
    json_: JsonOption = False,
) -> None:
    """List files that could not be indexed, with reasons."""
    with opened(folder) as library:
        failed = library.catalog.failures.all()
        incomplete = [video for video in library.videos() if video.missing_seconds]
    if partial:
        if json_:
            print_json([video.as_dict() for video in incomplete])
        for video in () if json_ else incomplete:
            missing, whole = video.missing_seconds, video.missing_seconds + video.duration
            out.print(f"{video.path}: {clock(missing)} of {clock(whole)} missing or damaged", markup=False)
        return
    if json_:
        print_json([asdict(failure) for failure in failed])
        return
    for failure in failed:
        out.print(f"{failure.path}: {failure.reason}", markup=False)


def status(folder: LibraryOption = None, json_: JsonOption = False) -> None:
    """Show the size of the library and its model."""
    with opened(folder) as library:
        facts = library.status()
    if json_:
        print_json(facts)
        return
    for name, value in facts.items():
        out.print(f"{name.replace('_', ' '):>15}  {value}", markup=False)


library = typer.Typer(name="library", help="Check, repair, back up and copy the library itself.", no_args_is_help=True)


@library.command()
def check(folder: LibraryOption = None) -> None:
    """Look at every part of the library; exit code 1 if something is broken."""
    from store.catalog.integrity import problems, problems_on_server

    with errors():
        address = library_address(folder)
        found = problems_on_server(address) if isinstance(address, str) else problems(address / CATALOG_FILE)
    for problem in found:
        out.print(problem, markup=False)
    if found:
        err.print("`videobert library repair` saves what can be read.")
        raise typer.Exit(FAILED)
    out.print("The library is sound.")


@library.command()
def repair(folder: LibraryOption = None) -> None:
    """Make the library anew from what can be read; the damaged file stays beside it."""
    from store.catalog.integrity import repair as save

    with errors():
        path = _file(folder)
        done = save(path)
        (path.parent / INDEX_FILE).unlink(missing_ok=True)
    out.print(f"Saved {counted(done.saved['videos'], 'video')}, {counted(done.saved['segments'], 'segment')}.")
    if done.videos_lost:
        out.print(f"{counted(done.videos_lost, 'video')} could not be saved whole; index their folders again.")
    out.print(f"The damaged file is {done.damaged}.", markup=False)


@library.command()
def backup(
    target: Annotated[Path, typer.Argument(help="File to write, which must not exist.")], folder: LibraryOption = None
) -> None:
    """Copy the library into one file, also while it is in use; put it back as catalog.sqlite."""
    from store.catalog.integrity import backup as copy

    with errors():
        copy(_file(folder), target)
    out.print(f"Wrote {target}.", markup=False)


@library.command()
def copy(
    source: Annotated[str, typer.Argument(parser=given_library, metavar="FROM", help="Folder or URL of a library.")],
    target: Annotated[
        str, typer.Argument(parser=given_library, metavar="TO", help="New folder, or postgresql://user@host/name.")
    ],
) -> None:
    """Copy the library to another place: into a server, out of it, into a folder. It goes on where it was stopped."""
    from search.cli.progress import reading_progress
    from store.catalog.copying import copy as copy_library

    with errors():
        there, here = (place if is_url(place) else Path(place).expanduser() for place in (source, target))
        if isinstance(there, Path) and not (there / CATALOG_FILE).is_file():
            raise NoLibrary(f"no library at {source}")
        with (
            Catalog.open(there if isinstance(there, str) else there / CATALOG_FILE) as old,
            Catalog.open(here if isinstance(here, str) else here / CATALOG_FILE) as new,
        ):
            done = copy_library(old, new, reading_progress(err, "copied", "videos"))
            name = new.database.name if isinstance(here, str) else here
    out.print(
        f"Copied {counted(done.videos, 'video')}, {counted(done.segments, 'segment')} to {name}; {done.rows} rows, "
        f"checksum {done.checksum} on both sides.",
        markup=False,
    )


def _file(folder: str | None) -> Path:
    address = library_address(folder)
    if isinstance(address, str):
        raise LibraryError(
            f"{without_password(address)} is on a server, whose own tools are for that (pg_dump, pg_restore); "
            "`videobert library copy` moves it into a folder"
        )
    return address / CATALOG_FILE
