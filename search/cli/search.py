"""`videobert search`: moments by description, picture and clip; `videobert similar`: by a clip alone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from search.cli import asking
from search.cli.console import JsonOption, LibraryOption, opened, out
from search.cli.moments import CutOption, ExportOption, ThumbnailsOption, TopOption, show_moments
from search.query.request import Only, SearchRequest, SimilarRequest

WithinOption = Annotated[
    Path | None, typer.Option("--within", help="Only this video, or the videos of this folder.", show_default=False)
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
        moments = asking.search(held, request)
        show_moments(held, moments, thumbnails=thumbnails, exported=exported, cut_into=cut_into, as_json=json_)


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
        moments = asking.similar(held, request)
        show_moments(held, moments, thumbnails=thumbnails, exported=exported, cut_into=cut_into, as_json=json_)


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
        show_moments(held, moments, thumbnails=thumbnails, exported=exported, cut_into=cut_into, as_json=json_)


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
