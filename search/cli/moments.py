"""What the commands that find moments have in common: how many, and how they are shown."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from search.cli.console import SOME_FAILED, err, out, print_json
from search.cli.formatting import moment_lines
from search.export.formats import export, format_of
from search.ranking.calibration import verdict
from search.ranking.moments import Moment

if TYPE_CHECKING:
    from search.export.cuts import CutResult
    from search.library import Library

_SAID = {  # before moments that are not clearly what was asked for
    "unsure": "Not sure that it is among these:",
    "nothing": "Probably nothing in this library matches; the nearest are:",
}

_EARLY_SECONDS = 0.1

TopOption = Annotated[int, typer.Option("--top", "-n", min=1, help="How many moments at most.")]
ThumbnailsOption = Annotated[
    Path | None,
    typer.Option("--thumbnails", help="Write a JPEG of each moment into this folder.", show_default=False),
]


def _export_name(target: Path | None) -> Path | None:
    """Refuse a name before the search, not after it."""
    try:
        if target is not None:
            format_of(target)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    return target


ExportOption = Annotated[
    Path | None,
    typer.Option(
        "--export",
        metavar="FILE",
        help="Also write the moments as .json, .csv, .m3u, .edl or .otio.",
        callback=_export_name,
        show_default=False,
    ),
]
CutOption = Annotated[
    Path | None,
    typer.Option(
        "--cut", metavar="FOLDER", help="Also write a film of each moment into this folder.", show_default=False
    ),
]


def show_moments(
    held: Library,
    moments: list[Moment],
    *,
    thumbnails: Path | None = None,
    exported: Path | None = None,
    cut_into: Path | None = None,
    as_json: bool,
) -> None:
    """Print moments, as JSON or for people; those are told as well when there is none, or none that is likely.

    Args:
        thumbnails: folder for a picture of each.
        exported: file to write the moments into, in the format that its suffix names.
        cut_into: folder for a film of each.

    Raises:
        typer.Exit: some of the films could not be written.
    """
    if exported:
        exported.write_bytes(export(moments, format_of(exported), video_of=held.catalog.videos.at))
    pieces = _cut(moments, cut_into) if cut_into else []
    pictures = held.write_thumbnails(moments, thumbnails) if thumbnails else [None] * len(moments)
    if as_json:
        rows = [moment.as_dict() for moment in moments]
        for row, picture in zip(rows, pictures, strict=True):
            if picture:
                row["thumbnail"] = str(picture)
        for row, piece in zip(rows, pieces, strict=False):
            row["film"] = None if piece.path is None else str(piece.path)
        print_json(rows)
    else:
        _tell(held, moments, pictures)
        for piece in pieces:
            if piece.path:
                out.print(str(piece.path), markup=False)
    if any(piece.path is None for piece in pieces):
        raise typer.Exit(SOME_FAILED)


def _tell(held: Library, moments: list[Moment], pictures: Sequence[Path | None]) -> None:
    if not moments:
        filled = held.catalog.counts().segments
        err.print(
            "Nothing in this library matches."
            if filled
            else "The library holds nothing to search in here; `videobert index FOLDER` fills it."
        )
    elif (worth := verdict(moments)) in _SAID:
        err.print(_SAID[worth])
    for rank, (moment, picture) in enumerate(zip(moments, pictures, strict=True), start=1):
        for line in moment_lines(rank, moment, picture):
            out.print(line, markup=False)


def _cut(moments: list[Moment], folder: Path) -> list[CutResult]:
    """A film of each moment, with a word on those that are not what was expected."""
    from search.export.cuts import cut

    pieces = []
    with err.status("cutting") as status:
        for rank, piece in enumerate(cut(moments, folder), start=1):
            pieces.append(piece)
            status.update(f"cutting {rank} of {len(moments)}")
            early = piece.moment.start - piece.begins
            note = piece.note or (f"begins {early:.1f} s early, at a key frame" if early >= _EARLY_SECONDS else "")
            if note:
                err.print(f"{piece.path or piece.moment.path}: {note}", markup=False)
    return pieces
