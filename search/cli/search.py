"""`videobert search`, `similar` and `searches`."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from search.cli.console import SOME_FAILED, JsonOption, LibraryOption, WithinOption, err, opened, out, print_json
from search.cli.formatting import moment_lines
from search.export.formats import export, format_of
from search.export.targets import check_free, write
from search.library import Library
from search.query.request import Only, SearchRequest, SimilarRequest, segment_id
from search.query.times import ClipRange
from search.ranking.moments import Moment

if TYPE_CHECKING:
    from search.export.cuts import CutResult
    from search.service.client import Upload

_WARNINGS = {  # printed before moments that are not clearly relevant
    "unsure": "Uncertain results:",
    "nothing": "Probably nothing in this library matches. The nearest moments:",
}

_EARLY_SECONDS = 0.1


def _export_name(target: Path | None) -> Path | None:
    """Reject an unknown suffix, and a folder that is not there, before the search."""
    try:
        if target is not None:
            format_of(target)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    if target is not None and not target.absolute().parent.is_dir():
        raise typer.BadParameter(f"there is no folder {target.absolute().parent}")
    return target


TopOption = Annotated[int, typer.Option("--top", "-n", min=1, help="Maximum number of moments.")]
ThumbnailsOption = Annotated[
    Path | None,
    typer.Option("--thumbnails", help="Write a JPEG of each moment into this folder.", show_default=False),
]
ExportOption = Annotated[
    Path | None,
    typer.Option(
        "--export",
        metavar="FILE",
        help="Also write the moments as .json, .csv, .m3u, .edl, .otio, .fcpxml or .xml (Premiere).",
        callback=_export_name,
        show_default=False,
    ),
]
CutOption = Annotated[
    Path | None,
    typer.Option(
        "--cut", metavar="FOLDER", help="Also write a video of each moment into this folder.", show_default=False
    ),
]
ForceOption = Annotated[
    bool, typer.Option("--force", help="Let --export and --cut replace files, but no links and no videos.")
]
MoreOption = Annotated[
    list[int] | None, typer.Option("--more", metavar="ID", help="Segment to find more like.", show_default=False)
]
LessOption = Annotated[
    list[int] | None, typer.Option("--less", metavar="ID", help="Segment to find less like.", show_default=False)
]
ExplainOption = Annotated[bool, typer.Option("--explain", help="Explain why each moment was found.")]


def _prints_moments(find: Callable[..., list[Moment]], *, one_of: Sequence[str] = ()) -> Callable[..., None]:
    """Turn a function that finds moments into a command that opens the library and prints, exports and cuts them.

    Args:
        one_of: options of which at least one must be given; checked before the library is opened.
    """

    def command(
        folder: LibraryOption = None,
        thumbnails: ThumbnailsOption = None,
        exported: ExportOption = None,
        cut_into: CutOption = None,
        force: ForceOption = False,
        json_: JsonOption = False,
        **options: Any,
    ) -> None:
        if one_of and not any(options[name] for name in one_of):
            *others, last = (name if name == argument.name else f"--{name}" for name in one_of)
            raise typer.BadParameter(f"give a {', '.join(others)} or {last}")
        with opened(folder) as library:
            if exported is not None:
                check_free(exported, force=force, protected=library.is_indexed)
            moments = find(library, **options)
            _show_moments(library, moments, thumbnails, exported, cut_into, force=force, as_json=json_)

    _, argument, *options = inspect.signature(find, eval_str=True).parameters.values()
    folder, *outputs, _ = inspect.signature(command, eval_str=True).parameters.values()
    command.__name__, command.__doc__ = find.__name__, find.__doc__
    command.__signature__ = inspect.Signature([argument, folder, *options, *outputs])  # type: ignore[attr-defined]
    return command


@partial(_prints_moments, one_of=("query", "image", "clip", "more"))
def search(
    library: Library,
    query: Annotated[str, typer.Argument(help="What the moment shows or says; see docs/search.md.")] = "",
    top: TopOption = 10,
    image: Annotated[
        list[Path] | None, typer.Option("--image", help="Image that moments must look like.", show_default=False)
    ] = None,
    clip: Annotated[
        list[str] | None,
        typer.Option("--clip", help="Clip that moments must look like, as for `similar`.", show_default=False),
    ] = None,
    within: WithinOption = None,
    tag: Annotated[
        str | None,
        typer.Option("--tag", help="Only segments that `videobert classify` gave this tag.", show_default=False),
    ] = None,
    only: Annotated[
        Only | None,
        typer.Option(
            "--only", help="Search frames or words only, or of words those said or written.", show_default="both"
        ),
    ] = None,
    min_confidence: Annotated[
        float, typer.Option("--min-confidence", min=0, max=1, help="Drop less likely moments.")
    ] = 0.0,
    per_video: Annotated[
        int | None,
        typer.Option("--per-video", min=1, help="Maximum number of moments per video.", show_default="no limit"),
    ] = None,
    more: MoreOption = None,
    less: LessOption = None,
    rerank: Annotated[
        int, typer.Option("--rerank", min=0, max=1000, help="Number of best moments to re-rank with the text.")
    ] = 0,
    explain: ExplainOption = False,
    save: Annotated[
        str | None, typer.Option("--save", metavar="NAME", help="Save this search; see `videobert searches`.")
    ] = None,
) -> list[Moment]:
    """Find moments by what they show or say."""
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
        library.save_search(save, request)
    return _found(library, request)


@_prints_moments
def similar(
    library: Library,
    clip: Annotated[str, typer.Argument(help="A file, PATH@START-END for a part of it, or the id of a segment.")],
    top: TopOption = 10,
    within: WithinOption = None,
) -> list[Moment]:
    """Find moments that look like a clip, and the times at which they match."""
    return _found(library, SimilarRequest.from_parameters({"clip": _clip(clip), "top": top, "within": within}))


searches = typer.Typer(name="searches", help="List, run and remove searches saved with `videobert search --save NAME`.")


@searches.callback(invoke_without_command=True)
def _list(context: typer.Context, folder: LibraryOption = None) -> None:
    if context.invoked_subcommand is not None:
        return
    with opened(folder) as library:
        for each in library.catalog.searches.all():
            taught = [f"{sign}{number}" for sign, ids in (("+", each.more), ("-", each.less)) for number in ids]
            out.print("  ".join([f"{each.name}: {each.query}", *taught]), markup=False)


@searches.command()
@_prints_moments
def run(
    library: Library,
    name: Annotated[str, typer.Argument(help="Name of the search.")],
    top: TopOption = 10,
    more: MoreOption = None,
    less: LessOption = None,
    explain: ExplainOption = False,
) -> list[Moment]:
    """Run a saved search; --more and --less are saved with it."""
    return library.run_search(name, more=more or (), less=less or (), top=top, explain=explain)


@searches.command()
def remove(
    name: Annotated[str, typer.Argument(help="Name of the search.")],
    folder: LibraryOption = None,
) -> None:
    """Remove a saved search."""
    with opened(folder) as library:
        if not library.catalog.searches.remove(name):
            raise ValueError(f"no saved search {name!r}")


def _clip(clip: str) -> str | int:
    number = segment_id(clip)
    return clip if number is None or os.path.lexists(clip) else number


def _found(library: Library, request: SearchRequest | SimilarRequest) -> list[Moment]:
    """Search with the running service of the library, if any, else with the library itself."""
    from search.service.client import Upload, running

    if isinstance(request, SimilarRequest):
        clips, uploads = 1, [] if request.clip is None else [_upload(request.clip)]
    else:
        uploads = [_upload(clip) for clip in request.clips]
        uploads += [Upload("picture", Path(image).expanduser()) for image in request.images]
        clips = len(request.segments) + len(uploads)
    if clips <= 1 and (service := running(library.folder, library.catalog)):  # the service takes one upload
        found = service.moments(request, upload=uploads[0] if uploads else None)
        if found is not None:
            if isinstance(request, SearchRequest) and (note := library.unread(request.descriptions())):
                err.print(note, markup=False)
            return found
    return library.engine.similar(request) if isinstance(request, SimilarRequest) else library.engine.search(request)


def _upload(clip: str) -> Upload:
    from search.service.client import Upload

    try:
        part = ClipRange.parse(clip)
    except ValueError:  # the library reports it
        return Upload("clip", Path(clip))
    return Upload("clip", part.path.expanduser(), part.start, part.end)


def _show_moments(
    library: Library,
    moments: list[Moment],
    thumbnails: Path | None,
    exported: Path | None,
    cut_into: Path | None,
    *,
    force: bool,
    as_json: bool,
) -> None:
    """Print moments as JSON, or as text with a warning where none is likely.

    Args:
        thumbnails: folder for a JPEG of each.
        exported: file for all moments; its suffix names the format.
        cut_into: folder for a video of each.
        force: whether files may be replaced.

    Raises:
        typer.Exit: some videos could not be written.
    """
    if exported:
        content = export(moments, format_of(exported), video_of=library.catalog.videos.at)
        write(content, exported, force=force, protected=library.is_indexed)
    cuts = _cut(library, moments, cut_into, force=force) if cut_into else []
    pictures = library.write_thumbnails(moments, thumbnails) if thumbnails else [None] * len(moments)
    if as_json:
        rows = [moment.as_dict() for moment in moments]
        for row, picture in zip(rows, pictures, strict=True):
            if picture:
                row["thumbnail"] = str(picture)
        for row, each in zip(rows, cuts, strict=False):
            row["film"] = None if each.path is None else str(each.path)
        print_json(rows)
    else:
        _print_moments(library, moments, pictures)
        for each in cuts:
            if each.path:
                out.print(str(each.path), markup=False)
    if any(each.path is None for each in cuts):
        raise typer.Exit(SOME_FAILED)


def _print_moments(library: Library, moments: list[Moment], pictures: Sequence[Path | None]) -> None:
    from search.ranking.calibration import answer_quality

    if not moments:
        segments = library.catalog.counts().segments
        err.print("No moment matches." if segments else "The library is empty; `videobert index FOLDER` fills it.")
    elif (quality := answer_quality(moments)) in _WARNINGS:
        err.print(_WARNINGS[quality])
    for rank, (moment, picture) in enumerate(zip(moments, pictures, strict=True), start=1):
        for line in moment_lines(rank, moment, picture):
            out.print(line, markup=False)


def _cut(library: Library, moments: list[Moment], folder: Path, *, force: bool) -> list[CutResult]:
    """Cut a video of each moment, and print a note on those that begin early or were encoded."""
    from search.export.cuts import cut

    cuts = []
    with err.status("cutting") as status:
        written = cut(moments, folder, source_of=library.open_original, force=force, protected=library.is_indexed)
        for rank, each in enumerate(written, start=1):
            cuts.append(each)
            status.update(f"cutting {rank} of {len(moments)}")
            early = each.moment.start - each.begins
            note = each.note or (f"begins {early:.1f} s early, at a key frame" if early >= _EARLY_SECONDS else "")
            if note:
                err.print(f"{each.path or each.moment.path}: {note}", markup=False)
    return cuts
