"""/reels: moments that a person collects, in named lists."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Literal

from anyio import to_thread
from fastapi import APIRouter, Query
from fastapi import Path as InPath
from pydantic import BaseModel, ConfigDict, Field
from starlette.background import BackgroundTask
from starlette.responses import FileResponse, Response

from search.export.formats import MEDIA_TYPES
from search.export.reels import located, select
from search.ranking.moments import Moment
from search.service.backend.errors import ApiError
from search.service.backend.schemas import Id, Page, shown_path, thumbnail_url
from search.service.backend.state import IsLocal, ServiceState, Shared
from search.service.routes.media import BINARY
from search.service.routes.videos import held_video
from store.catalog.reels import Select
from store.errors import NotInLibrary
from store.types import Video

router = APIRouter(tags=["reels"])

Name = Annotated[str, InPath(min_length=1, max_length=200, examples=["opening"])]
Number = Annotated[int, InPath(ge=1, le=2**53 - 1, description="Id of a moment of the reel.")]
Second = Annotated[float, Field(ge=0, le=1e7, allow_inf_nan=False)]
Tags = Annotated[list[Annotated[str, Field(max_length=100)]], Field(max_length=50)]
Format = Literal["json", "csv", "m3u", "edl", "otio", "fcpxml", "xml", "zip", "mp4"]
_FILE_TYPES = MEDIA_TYPES | {"zip": "application/zip", "mp4": "video/mp4"}
_FILE = {200: {"description": "The file.", "content": {"application/octet-stream": {"schema": BINARY}}}}


class Reel(BaseModel):
    """A named list of moments."""

    name: str
    moments: int
    seconds: float = Field(description="Of video.")
    changed_at: str


class Selected(BaseModel):
    """A moment of a reel."""

    id: Id
    video: Id | None = Field(description="null where the library has its video no more.")
    name: str = Field(description="Of its file.")
    path: str
    start: float
    end: float
    duration: float | None = Field(description="Of the video.")
    fps: float | None
    note: str
    star: bool
    tags: list[str]
    thumbnail: str | None


class NewSelect(BaseModel):
    """A moment to collect: a part of a video, or a segment; all of it without times."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"video": 3, "start": 12.5, "end": 19}]})

    segment: Id | None = None
    video: Id | None = None
    start: Second | None = None
    end: Second | None = None
    note: str = Field(default="", max_length=4000)
    star: bool = False
    tags: Tags = []


class SelectChange(BaseModel):
    """What is to change of a moment; the rest stays."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"note": "golden hour", "star": True}]})

    start: Second | None = None
    end: Second | None = None
    note: str | None = Field(default=None, max_length=4000)
    star: bool | None = None
    tags: Tags | None = None


class Order(BaseModel):
    """Moments of a reel, by their ids; those that are not named follow."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"ids": [3, 1, 2]}]})

    ids: list[Id] = Field(max_length=10_000)


@router.get("/reels")
def list_reels(state: Shared) -> Page[Reel]:
    """List the reels."""
    items = [Reel(**asdict(reel)) for reel in state.library.catalog.reels.all()]
    return Page(items=items, total=len(items), next=None)


@router.get("/reels/{name}")
def show_reel(name: Name, state: Shared, local: IsLocal) -> Page[Selected]:
    """Show the moments of a reel in their order."""
    return _shown(state, name, local=local)


@router.post("/reels/{name}", status_code=201)
def add_to_reel(name: Name, moment: NewSelect, state: Shared, local: IsLocal) -> Page[Selected]:
    """Add a moment to the end of a reel, which is made where there is none."""
    _own(local)
    if (moment.segment is None) == (moment.video is None):
        raise ApiError(422, "A moment has either a segment or a video.")
    catalog = state.library.catalog
    video = None if moment.video is None else held_video(state, moment.video)
    try:
        chosen = select(catalog, video=video, segment=moment.segment, start=moment.start, end=moment.end)
        chosen = replace(chosen, note=moment.note, star=moment.star, tags=tuple(moment.tags))
        catalog.reels.add(name, [chosen])
    except NotInLibrary as error:
        raise ApiError(404, str(error)) from error
    except ValueError as error:
        raise ApiError(422, str(error)) from error
    return _shown(state, name, local=local)


@router.patch("/reels/{name}/moments/{number}")
def change_moment(name: Name, number: Number, change: SelectChange, state: Shared, local: IsLocal) -> Page[Selected]:
    """Change in or out point, note, star or tags of a moment."""
    _own(local)
    held = {each.id: each for each in _held(state, name)}
    if number not in held:
        raise ApiError(404, f"{name!r} holds no moment {number}.")
    facts = change.model_dump(exclude_none=True)
    if "tags" in facts:
        facts["tags"] = tuple(facts["tags"])
    try:
        state.library.catalog.reels.change(replace(held[number], **facts))
    except ValueError as error:
        raise ApiError(422, str(error)) from error
    return _shown(state, name, local=local)


@router.put("/reels/{name}/order")
def order_reel(name: Name, order: Order, state: Shared, local: IsLocal) -> Page[Selected]:
    """Put the moments of a reel in an order."""
    _own(local)
    _held(state, name)
    try:
        state.library.catalog.reels.order(name, order.ids)
    except ValueError as error:
        raise ApiError(422, str(error)) from error
    return _shown(state, name, local=local)


@router.delete("/reels/{name}/moments/{number}", status_code=204)
def remove_moment(name: Name, number: Number, state: Shared, local: IsLocal) -> None:
    """Take a moment out of a reel."""
    _own(local)
    _held(state, name)
    if not state.library.catalog.reels.remove(name, [number]):
        raise ApiError(404, f"{name!r} holds no moment {number}.")


@router.delete("/reels/{name}", status_code=204)
def remove_reel(name: Name, state: Shared, local: IsLocal) -> None:
    """Remove a reel; videos and their files stay."""
    _own(local)
    _held(state, name)
    state.library.catalog.reels.remove(name)


@router.get("/reels/{name}/export", response_class=Response, responses=_FILE)  # type: ignore[arg-type]
async def export_reel(
    name: Name,
    format: Format,
    state: Shared,
    local: IsLocal,
    ids: Annotated[list[Id] | None, Query(max_length=1000, description="Only these moments of the reel.")] = None,
) -> Response:
    """Export a reel as a list, a timeline, films in a ZIP file (zip), or one film (mp4)."""
    _own(local)
    moments = [each for each in located(state.library.catalog, _held(state, name)) if not ids or _id(each) in ids]
    if not moments:
        raise ApiError(422, "There is no moment to export.")
    folder = TemporaryDirectory(prefix="videobert-")
    target = Path(folder.name) / f"reel.{format}"
    try:
        await to_thread.run_sync(
            partial(state.library.export_moments, moments, target, title=name), limiter=state.comparing
        )
    except ValueError as error:
        folder.cleanup()
        raise ApiError(422, str(error)) from error
    except BaseException:
        folder.cleanup()
        raise
    plain = "".join(letter if letter.isalnum() or letter in " ._-" else "_" for letter in name)
    return FileResponse(
        target,
        filename=f"{plain}.{format}",
        media_type=_FILE_TYPES[format],
        headers={"cache-control": "no-store"},
        background=BackgroundTask(folder.cleanup),
    )


def _own(local: bool) -> None:
    if not local:
        raise ApiError(403, "Only a local client can change or export reels.")


def _held(state: ServiceState, name: str) -> list[Select]:
    try:
        return state.library.catalog.reels.moments(name)
    except ValueError as error:
        raise ApiError(404, str(error)) from error


def _id(moment: Moment) -> int:
    assert moment.select is not None and moment.select.id is not None  # noqa: PT018 - it comes from a reel
    return moment.select.id


def _shown(state: ServiceState, name: str, *, local: bool) -> Page[Selected]:
    moments = located(state.library.catalog, _held(state, name))
    videos = state.library.catalog.videos.among({moment.hits[0].video_id for moment in moments if moment.hits})
    items = [_selected(moment, videos, local=local) for moment in moments]
    return Page(items=items, total=len(items), next=None)


def _selected(moment: Moment, videos: Mapping[int, Video], *, local: bool) -> Selected:
    chosen, hit = moment.select, moment.hits[0] if moment.hits else None
    assert chosen is not None  # it comes from a reel
    video = videos.get(hit.video_id) if hit else None
    return Selected(
        id=_id(moment),
        video=hit.video_id if hit else None,
        name=shown_path(moment.path, local=False),
        path=shown_path(moment.path, local=local),
        start=moment.start,
        end=moment.end,
        duration=video.duration if video else None,
        fps=video.fps if video else None,
        note=chosen.note,
        star=chosen.star,
        tags=list(chosen.tags),
        thumbnail=thumbnail_url(hit.segment_id) if hit else None,
    )
