"""`videobert list`, `show`, `remove`, `failures` and `status`."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from search.cli.console import FAILED, JsonOption, LibraryOption, WithinOption, given_path, opened, out, print_json
from search.cli.formatting import counted
from search.query.request import segment_id
from search.query.times import clock


def list_(folder: LibraryOption = None, within: WithinOption = None, json_: JsonOption = False) -> None:
    """List the videos of the library."""
    with opened(folder) as library:
        videos = library.videos(within=within)
    if json_:
        print_json([asdict(video) for video in videos])
        return
    for video in videos:
        out.print(
            f"{video.id:>6}  {clock(video.duration):>9}  {video.width}x{video.height}  {video.path}", markup=False
        )


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
        print_json({"video": asdict(known), "segments": rows})
        return
    out.print(known.path, markup=False)
    out.print(
        f"{clock(known.duration)}, {known.width}x{known.height}, {known.codec}, {known.fps:.2f} frames/s, "
        f"indexed {known.indexed_at}",
        markup=False,
    )
    for segment, own in zip(segments, names, strict=True):
        line = f"{segment.id:>8}  {clock(segment.start)}–{clock(segment.end)}  {segment.text}"
        out.print(line.rstrip(), markup=False)
        if own:
            out.print(f"            shows {', '.join(own)}", markup=False)


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


def failures(folder: LibraryOption = None, json_: JsonOption = False) -> None:
    """List files that could not be indexed, with reasons."""
    with opened(folder) as library:
        failed = library.catalog.failures.all()
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
