"""`videobert search`, `similar` and `searches`: moments, by description, picture and clip, and how they are shown."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from search.cli.console import SOME_FAILED, JsonOption, LibraryOption, WithinOption, err, opened, out, print_json
from search.cli.formatting import moment_lines
from search.export.formats import export, format_of
from search.query.request import Only, SearchRequest, SimilarRequest
from search.query.times import ClipRange
from search.ranking.calibration import answer_quality
from search.ranking.moments import Moment
from search.service.client import Upload, running

if TYPE_CHECKING:
    from search.export.cuts import CutResult
    from search.library import Library

_SAID = {  # before moments that are not clearly what was asked for
    "unsure": "These may not be what you asked for:",
    "nothing": "Probably nothing in this library matches; the nearest moments:",
}

_EARLY_SECONDS = 0.1


def _export_name(target: Path | None) -> Path | None:
    """Refuse a name before the search, not after it."""
    try:
        if target is not None:
            format_of(target)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    return target


TopOption = Annotated[int, typer.Option("--top", "-n", min=1, help="How many moments at most.")]
ThumbnailsOption = Annotated[
    Path | None,
    typer.Option("--thumbnails", help="Write a JPEG of each moment into this folder.", show_default=False),
]


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
MoreOption = Annotated[
    list[int] | None, typer.Option("--more", metavar="ID", help="Segment to have more like.", show_default=False)
]
LessOption = Annotated[
    list[int] | None, typer.Option("--less", metavar="ID", help="Segment to have less like.", show_default=False)
]
ExplainOption = Annotated[bool, typer.Option("--explain", help="Say why each moment was found.")]


def search(
    query: Annotated[str, typer.Argument(help="What the moment shows or says; see docs/search.md.")] = "",
    library: LibraryOption = None,
    top: TopOption = 10,
    image: Annotated[
        list[Path] | None, typer.Option("--image", help="A picture it has to look like.", show_default=False)
    ] = None,
    clip: Annotated[
        list[str] | None,
        typer.Option("--clip", help="A clip it has to look like, as for `similar`.", show_default=False),
    ] = None,
    within: WithinOption = None,
    tag: Annotated[
        str | None, typer.Option("--tag", help="Only what `videobert classify` gave this tag.", show_default=False)
    ] = None,
    only: Annotated[
        Only | None,
        typer.Option("--only", help="Look at pictures or at words alone.", show_default="both"),
    ] = None,
    min_confidence: Annotated[
        float, typer.Option("--min-confidence", min=0, max=1, help="Leave out what is less likely.")
    ] = 0.0,
    per_video: Annotated[
        int | None, typer.Option("--per-video", min=1, help="Moments of one video at most.", show_default="any number")
    ] = None,
    more: MoreOption = None,
    less: LessOption = None,
    rerank: Annotated[
        int, typer.Option("--rerank", min=0, max=1000, help="Read so many of the best again, together with the text.")
    ] = 0,
    explain: ExplainOption = False,
    save: Annotated[
        str | None, typer.Option("--save", metavar="NAME", help="Keep this search; see `videobert searches`.")
    ] = None,
    thumbnails: ThumbnailsOption = None,
    exported: ExportOption = None,
    cut_into: CutOption = None,
    json_: JsonOption = False,
) -> None:
    """Find moments by what they show or say."""
    if not (query or image or clip or more):
        raise typer.BadParameter("say what to look for: a query, --image, --clip or --more")
    with opened(library) as held:
        request = SearchRequest.from_parameters(
            {
                "query": query,
                "within": within,
                "tag": tag,
                "only": only,
                "top": top,
                "rerank": rerank,
                "min_confidence": min_confidence,
                "per_video": per_video,
                "more": more,
                "less": less,
                "clips": [_clip(each) for each in clip or ()],
                "images": image,
                "explain": explain,
            }
        )
        if save is not None:
            held.save_search(save, request)
        moments = _found(held, request)
        _show_moments(held, moments, thumbnails=thumbnails, exported=exported, cut_into=cut_into, as_json=json_)


def similar(
    clip: Annotated[str, typer.Argument(help="A file, PATH@START-END for a part of it, or the id of a segment.")],
    library: LibraryOption = None,
    top: TopOption = 10,
    within: WithinOption = None,
    thumbnails: ThumbnailsOption = None,
    exported: ExportOption = None,
    cut_into: CutOption = None,
    json_: JsonOption = False,
) -> None:
    """Find moments that look like a clip, and where in them it matches."""
    with opened(library) as held:
        request = SimilarRequest.from_parameters({"clip": _clip(clip), "top": top, "within": within})
        moments = _found(held, request)
        _show_moments(held, moments, thumbnails=thumbnails, exported=exported, cut_into=cut_into, as_json=json_)


searches = typer.Typer(name="searches", help="Searches that were kept with `videobert search --save NAME`.")


@searches.callback(invoke_without_command=True)
def _list(context: typer.Context, library: LibraryOption = None) -> None:
    if context.invoked_subcommand is not None:
        return
    with opened(library) as held:
        for each in held.catalog.searches.all():
            taught = [f"{sign}{number}" for sign, ids in (("+", each.more), ("-", each.less)) for number in ids]
            out.print("  ".join([f"{each.name}: {each.query}", *taught]), markup=False)


@searches.command()
def run(
    name: Annotated[str, typer.Argument(help="Of the search.")],
    library: LibraryOption = None,
    top: TopOption = 10,
    more: MoreOption = None,
    less: LessOption = None,
    explain: ExplainOption = False,
    thumbnails: ThumbnailsOption = None,
    exported: ExportOption = None,
    cut_into: CutOption = None,
    json_: JsonOption = False,
) -> None:
    """Ask a saved search again; what it should find more or less of is kept with it."""
    with opened(library) as held:
        moments = held.run_search(name, more=more or (), less=less or (), top=top, explain=explain)
        _show_moments(held, moments, thumbnails=thumbnails, exported=exported, cut_into=cut_into, as_json=json_)


@searches.command()
def remove(
    name: Annotated[str, typer.Argument(help="Of the search.")],
    library: LibraryOption = None,
) -> None:
    """Forget a saved search."""
    with opened(library) as held:
        if not held.catalog.searches.remove(name):
            raise ValueError(f"no saved search {name!r}")


def _clip(clip: str) -> str | int:
    return int(clip) if clip.isdecimal() and not Path(clip).exists() else clip


def _found(held: Library, request: SearchRequest | SimilarRequest) -> list[Moment]:
    """Search by a running service of the library where there is one, by the library itself otherwise."""
    if isinstance(request, SimilarRequest):
        clips, uploads = 1, [] if request.clip is None else [_upload(request.clip)]
    else:
        uploads = [_upload(clip) for clip in request.clips]
        uploads += [Upload("picture", Path(image).expanduser()) for image in request.images]
        clips = len(request.segments) + len(uploads)
    if clips <= 1 and (service := running(held.folder, held.catalog)):  # it takes one at a time
        found = service.moments(request, upload=uploads[0] if uploads else None)
        if found is not None:
            return found
    return held.engine.similar(request) if isinstance(request, SimilarRequest) else held.engine.search(request)


def _upload(clip: str) -> Upload:
    try:
        part = ClipRange.parse(clip)
    except ValueError:  # told by the library, in its words
        return Upload("clip", Path(clip))
    return Upload("clip", part.path.expanduser(), part.start, part.end)


def _show_moments(
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
        err.print("No moment matches." if filled else "The library is empty; `videobert index FOLDER` fills it.")
    elif (worth := answer_quality(moments)) in _SAID:
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
