"""/export: moments as JSON, CSV, M3U, EDL, OpenTimelineIO, FCPXML and Premiere XML files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Annotated, Literal

from anyio import to_thread
from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from search.export.formats import MEDIA_TYPES, export
from search.export.reels import moment_at
from search.ranking.moments import Moment
from search.service.backend.errors import ApiError
from search.service.backend.schemas import Id, shown_path
from search.service.backend.state import IsLocal, ServiceState, Shared
from search.service.routes.media import BINARY
from search.service.routes.search import SearchQuestion, find
from search.service.routes.videos import check_within, held_video

router = APIRouter(tags=["search"])

Format = Literal["json", "csv", "m3u", "edl", "otio", "fcpxml", "xml"]
Instant = Annotated[float, Field(ge=0, le=1e7, allow_inf_nan=False)]

_FILE = {
    200: {
        "description": "The file.",
        "content": {
            kind.split(";")[0]: {"schema": {} if kind.endswith("json") else BINARY} for kind in MEDIA_TYPES.values()
        },
    }
}


class Stretch(BaseModel):
    """A part of a video, given by the id of the video or of one of its segments."""

    model_config = ConfigDict(extra="forbid")

    segment: Id | None = None
    video: Id | None = None
    start: Instant
    end: Instant


class ExportRequest(BaseModel):
    """Moments to export."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"format": "edl", "moments": [{"segment": 17, "start": 12.5, "end": 19}]}]},
    )

    format: Format
    moments: list[Stretch] = Field(min_length=1, max_length=1000)


class ExportQuestion(SearchQuestion):
    """Parameters of GET /export: a search and a format."""

    format: Format
    limit: int = Field(default=100, ge=1, le=1000, description="Maximum number of moments.")


@router.post("/export", response_class=Response, responses=_FILE)  # type: ignore[arg-type]
def export_moments(request: ExportRequest, state: Shared, local: IsLocal) -> Response:
    """Export moments to a file."""
    return _file(state, [_moment(state, stretch) for stretch in request.moments], request.format, local=local)


@router.get("/export", response_class=Response, responses=_FILE)  # type: ignore[arg-type]
async def export_search(question: Annotated[ExportQuestion, Query()], state: Shared, local: IsLocal) -> Response:
    """Export the moments that a search finds to a file."""
    check_within(question.within, local=local)
    found = await to_thread.run_sync(partial(find, state, question, local=local), limiter=state.searching)
    moments = found[question.offset : question.offset + question.limit]
    return await to_thread.run_sync(partial(_file, state, moments, question.format, local=local))


def _moment(state: ServiceState, stretch: Stretch) -> Moment:
    """Build the moment; its segment is the given one, or the one at the start."""
    catalog = state.library.catalog
    if (stretch.segment is None) == (stretch.video is None):
        raise ApiError(422, "Each moment has either a segment or a video.")
    if stretch.end <= stretch.start:
        raise ApiError(422, f"A moment must end after it starts, got {stretch.start:g}-{stretch.end:g}.")
    segment = None if stretch.segment is None else catalog.segments.get(stretch.segment)
    if segment is None and stretch.video is None:
        raise ApiError(404, "No such segment in this library.")
    video = held_video(state, segment.video_id if segment else stretch.video or 0)
    return moment_at(catalog, video, stretch.start, stretch.end, segment=stretch.segment)


def _file(state: ServiceState, moments: Sequence[Moment], format: Format, *, local: bool) -> Response:
    videos = {moment.path: state.library.catalog.videos.at(moment.path) for moment in moments}
    if not local:
        moments = [replace(moment, path=shown_path(moment.path, local=False)) for moment in moments]
        videos = {shown_path(path, local=False): video for path, video in videos.items()}
    content = export(moments, format, video_of=videos.get)
    headers = {"content-disposition": f'attachment; filename="moments.{format}"', "cache-control": "no-store"}
    return Response(content, headers=headers, media_type=MEDIA_TYPES[format])
