"""`videobert summarize`: a storyboard, an outline and, if asked for, a cut of the highlights."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from search.cli.console import JsonOption, LibraryOption, err, opened, out, print_json
from search.cli.formatting import counted
from search.query.times import clock

if TYPE_CHECKING:
    from search.tasks.summarization import Summary

_HIGHLIGHT_SECONDS = 30.0  # where only a file for them is given


def summarize(
    video: Annotated[Path, typer.Argument(help="A video of the library, or any other file.")],
    library: LibraryOption = None,
    about: Annotated[
        str | None, typer.Option(help="Show more of what these words describe.", show_default=False)
    ] = None,
    frames: Annotated[int, typer.Option(min=1, max=100, help="Pictures on the storyboard at most.")] = 12,
    chapters: Annotated[
        int | None, typer.Option(min=1, help="At most; by the length of the video if not given.", show_default=False)
    ] = None,
    seconds: Annotated[
        float | None, typer.Option(min=1, max=600, help="Cut highlights of this length at most.", show_default=False)
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Film of the highlights: .mp4, .mov or .mkv.", show_default=False),
    ] = None,
    folder: Annotated[Path, typer.Option(help="Where the storyboard goes.")] = Path(),
    json_: JsonOption = False,
) -> None:
    """Show what a video shows: a storyboard, its chapters, and a cut of its highlights."""
    from search.export.cuts import check_film_name, write_parts
    from search.tasks.storyboard import SHORT_SIDE, stills, write_page, write_picture

    with opened(library) as held:
        folder.mkdir(parents=True, exist_ok=True)
        if output is None and seconds is not None:
            output = folder / f"{video.stem}.highlights.mp4"
        if output is not None:
            check_film_name(output, source=video)
            seconds = seconds or _HIGHLIGHT_SECONDS
        summary = held.summarize(video, frames=frames, seconds=seconds, about=about, chapters=chapters)
        pictures = stills(summary.path, [frame.seconds for frame in summary.keyframes], short_side=SHORT_SIDE)
        files = [folder / f"{video.stem}.storyboard.{suffix}" for suffix in ("png", "html")]
        write_picture(summary, pictures, files[0])
        write_page(summary, pictures, files[1])
        if output is not None:
            with err.status("cutting") as status:
                write_parts(
                    summary.path,
                    summary.highlights,
                    output,
                    tell=lambda done: status.update(f"cutting {clock(done)}"),
                )
            files.append(output)
    if json_:
        print_json(summary.as_dict() | {"files": [str(file) for file in files]})
    else:
        _show(summary, files)


def _show(summary: Summary, files: list[Path]) -> None:
    for chapter in summary.chapters:
        title = f"“{chapter.title}”" if chapter.spoken else chapter.title
        out.print(f"{clock(chapter.start):>7}–{clock(chapter.end)}  {title}", markup=False)
    what = f"{counted(len(summary.keyframes), 'picture')} stand for {summary.coverage:.0%} of the video"
    if summary.highlights:
        length = sum(end - start for start, end in summary.highlights)
        parts = counted(len(summary.highlights), "part")
        what += f", highlights of {length:.1f} s in {parts} for {summary.highlights_coverage:.0%}"
    out.print(f"{what}.")
    for file in files:
        out.print(str(file), markup=False)
