"""`videobert duplicates`: copies and excerpts among the videos of a library."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.filesize import decimal

from search.cli.console import JsonOption, LibraryOption, WithinOption, opened, out, print_json
from search.cli.formatting import counted
from search.query.times import clock

if TYPE_CHECKING:
    from search.clips.duplicates import Duplicates


def duplicates(
    folder: LibraryOption = None,
    min_seconds: Annotated[
        float, typer.Option("--min-seconds", min=0.5, help="Minimum duration that two videos share.")
    ] = 2.0,
    within: WithinOption = None,
    json_: JsonOption = False,
) -> None:
    """List duplicate videos and what could be deleted; nothing is deleted."""
    with opened(folder) as library:
        found = library.duplicates(min_seconds=min_seconds, within=within)
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
