"""`videobert duplicates`: copies and excerpts among the videos of a library."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.filesize import decimal

from search.cli.console import JsonOption, LibraryOption, WithinOption, err, opened, out, print_json
from search.cli.formatting import counted
from search.cli.progress import counting
from search.query.times import clock

if TYPE_CHECKING:
    from search.clips.duplicates import Duplicates
    from search.library import Library


def duplicates(
    folder: LibraryOption = None,
    min_seconds: Annotated[
        float, typer.Option("--min-seconds", min=0.5, help="Minimum duration that two videos share.")
    ] = 2.0,
    within: WithinOption = None,
    dismiss: Annotated[
        tuple[Path, Path] | None,
        typer.Option("--dismiss", metavar="A B", help="Say that two videos are not the same.", show_default=False),
    ] = None,
    dismissed: Annotated[
        bool, typer.Option("--dismissed", help="List the pairs that were dismissed, with numbers.")
    ] = False,
    forget: Annotated[
        int | None,
        typer.Option(
            "--forget", min=1, metavar="NUMBER", help="Forget the dismissal with this number.", show_default=False
        ),
    ] = None,
    trash: Annotated[
        list[Path] | None,
        typer.Option(
            "--trash",
            metavar="COPY",
            help="Move a copy to the system's trash; several times for several.",
            show_default=False,
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before --trash.")] = False,
    json_: JsonOption = False,
) -> None:
    """List duplicate videos and what could be deleted; nothing is deleted unless --trash names it."""
    if sum((dismiss is not None, dismissed, forget is not None, bool(trash))) > 1:
        raise typer.BadParameter("one of --dismiss, --dismissed, --forget and --trash at a time")
    if yes and not trash:
        raise typer.BadParameter("--yes goes with --trash")
    with opened(folder) as library:
        if trash:
            if not yes:
                typer.confirm(f"Move {counted(len(trash), 'file')} to the trash?", abort=True)
            moved = library.trash(trash)
            for video in moved:
                out.print(f"Moved to the trash: {video.path}", markup=False)
            return
        if dismiss is not None:
            number = library.dismiss(*dismiss).id
            out.print(f"Dismissed: {dismiss[0]} and {dismiss[1]} are not the same (#{number}).", markup=False)
            return
        if forget is not None:
            if not library.catalog.dismissals.remove(forget):
                raise ValueError(f"this library holds no dismissal #{forget}; --dismissed lists them")
            out.print(f"Forgot dismissal #{forget}.", markup=False)
            return
        if dismissed:
            _show_dismissed(library, json_=json_)
            return
        with counting(err, "comparing") as tell:
            found = library.duplicates(min_seconds=min_seconds, within=within, tell=tell)
    if json_:
        print_json([cluster.as_dict() for cluster in found])
        return
    for cluster in found:
        _show(cluster)
    extra = [copy.video for cluster in found for copy in cluster.videos if not (copy.keep or copy.same_file)]
    if extra:
        saved = (
            f"{decimal(sum(video.size for video in extra))}, {clock(sum(video.duration for video in extra))} of video"
        )
        out.print(f"{counted(len(extra), 'video')} could be deleted: {saved}. Nothing was deleted.")
    else:
        out.print("No duplicates.")


def _show_dismissed(library: Library, *, json_: bool) -> None:
    """Print the dismissed pairs: of each content the paths that it has now, none where it is gone."""
    pairs = library.catalog.dismissals.all()
    paths = {
        each: [video.path for video in library.catalog.videos.with_hash(each)] for pair in pairs for each in pair.hashes
    }
    if json_:
        print_json(
            [
                {"id": pair.id, "paths": [paths[each] for each in pair.hashes], "dismissed_at": pair.dismissed_at}
                for pair in pairs
            ]
        )
        return
    for pair in pairs:
        out.print(f"#{pair.id}", markup=False)
        for each in dict.fromkeys(pair.hashes):
            for path in paths[each] or ["a video that is no longer in the library"]:
                out.print(f"  {path}", markup=False)
    if not pairs:
        out.print("No dismissals.")


_KINDS = {
    "copy": "copies",
    "near copy": "near copies, each of which shows something that the others do not",
    "same file": "one file with several names; nothing to be saved",
    "excerpt": "excerpt",
    "shared part": "a part in common",
}


def _show(cluster: Duplicates) -> None:
    out.print(f"{_KINDS[cluster.kind]}:", markup=False)
    for copy in cluster.videos:
        video = copy.video
        word = "keep" if copy.keep else "    "
        part = f"  {clock(copy.start)}–{clock(copy.end)} of it" if cluster.kind in ("excerpt", "shared part") else ""
        part += "  (the same file)" if copy.same_file else ""
        size = f"{clock(copy.seconds):>8}  {video.width}x{video.height}  {decimal(video.size):>9}"
        out.print(f"  {word}  {size}  {video.path}{part}", markup=False)
