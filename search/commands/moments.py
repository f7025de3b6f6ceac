"""What the commands that find moments have in common: how many, and how they are shown."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from search.console import err, out, print_json
from search.wording import moment_lines
from store.types import Moment

if TYPE_CHECKING:
    from search.library import Library

UNSURE = 0.1  # of ten moments that are less likely than this, nine are wrong

TopOption = Annotated[int, typer.Option("--top", "-n", min=1, help="How many moments at most.")]
ThumbnailsOption = Annotated[
    Path | None,
    typer.Option("--thumbnails", help="Write a JPEG of each moment into this folder.", show_default=False),
]


def show_moments(held: Library, moments: list[Moment], *, thumbnails: Path | None, as_json: bool) -> None:
    """Print moments, as JSON or for people; those are told as well when there is none, or none that is likely."""
    pictures = held.write_thumbnails(moments, thumbnails) if thumbnails else [None] * len(moments)
    if as_json:
        rows = [moment.as_dict() for moment in moments]
        for row, picture in zip(rows, pictures, strict=True):
            if picture:
                row["thumbnail"] = str(picture)
        print_json(rows)
        return
    if not moments:
        filled = held.catalog.counts().segments
        err.print(
            "Nothing in this library matches."
            if filled
            else "The library holds nothing to search in here; `videobert index FOLDER` fills it."
        )
    confidences = [moment.confidence for moment in moments if moment.confidence is not None]
    if confidences and max(confidences) < UNSURE:
        err.print("Probably nothing in this library matches; the nearest are:")
    for rank, (moment, picture) in enumerate(zip(moments, pictures, strict=True), start=1):
        for line in moment_lines(rank, moment, picture):
            out.print(line, markup=False)
