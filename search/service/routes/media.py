"""/videos/ID/media, /videos/ID/preview and /segments/ID/thumbnail: pictures and films, by id only."""

from __future__ import annotations

import hashlib
import os
import stat
from typing import Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field
from starlette.responses import FileResponse, JSONResponse, Response

from search.service.backend.errors import Refusal
from search.service.backend.playable import media_type
from search.service.backend.state import Shared
from search.service.routes.videos import SegmentId, VideoId, held_video
from store import types

router = APIRouter(tags=["media"])

BINARY = {"type": "string", "format": "binary"}
KEPT = "private, max-age=3600"


@router.head("/segments/{segment_id}/thumbnail", include_in_schema=False)
@router.get(
    "/segments/{segment_id}/thumbnail",
    response_class=Response,
    responses={200: {"content": {"image/jpeg": {"schema": BINARY}}}, 304: {"description": "You have it already."}},
)
def thumbnail(segment_id: SegmentId, request: Request, parts: Shared) -> Response:
    """Show a picture of a segment."""
    jpeg, _ = parts.live.library.catalog.thumbnail(segment_id)
    headers = {"etag": f'"{hashlib.blake2b(jpeg, digest_size=8).hexdigest()}"', "cache-control": KEPT}
    known = [each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")]
    if headers["etag"] in known or "*" in known:
        return Response(status_code=304, headers=headers)
    return Response(jpeg, headers=headers, media_type="image/jpeg")


@router.head("/videos/{video_id}/media", include_in_schema=False)
@router.get(
    "/videos/{video_id}/media",
    response_class=FileResponse,
    responses={
        200: {"content": {"video/*": {"schema": BINARY}}, "description": "The whole file."},
        206: {"content": {"video/*": {"schema": BINARY}}, "description": "The part that the Range header names."},
        416: {"description": "The file has no such part."},
    },
)
def media(video_id: VideoId, parts: Shared) -> FileResponse:
    """Send the file of a video, or the part of it that a Range header names."""
    video = held_video(parts, video_id)
    return FileResponse(
        video.path,
        stat_result=state_as_indexed(video),
        media_type=media_type(video),
        headers={"cache-control": "private, no-cache"},
    )


def state_as_indexed(video: types.Video) -> os.stat_result:
    """The state of the file of a video, if it is still the one that was indexed.

    Whatever else has come to stand under its path was not indexed, and is nobody's business.
    """
    try:
        state = os.stat(video.path)
    except (OSError, ValueError):
        raise Refusal(404, "the file is gone") from None
    if not stat.S_ISREG(state.st_mode) or (state.st_size, state.st_mtime_ns) != (video.size, video.mtime_ns):
        raise Refusal(409, "the file has changed since it was indexed; index it again")
    return state


class Making(BaseModel):
    """A preview that is not ready yet."""

    state: Literal["waiting", "making"]
    seconds: float = Field(description="Of film that are made.")
    duration: float


@router.head("/videos/{video_id}/preview", include_in_schema=False)
@router.get(
    "/videos/{video_id}/preview",
    response_class=FileResponse,
    responses={
        200: {"content": {"video/mp4": {"schema": BINARY}}, "description": "The film."},
        202: {"model": Making, "description": "It is being made; ask again."},
        206: {"content": {"video/mp4": {"schema": BINARY}}, "description": "The part that the Range header names."},
        416: {"description": "The film has no such part."},
    },
)
def preview(video_id: VideoId, parts: Shared) -> Response:
    """Send a film of a video that browsers play; it is made when first asked for."""
    video = held_video(parts, video_id)
    ready = parts.previews.ready(video)
    if ready is not None:
        return FileResponse(ready, media_type="video/mp4", headers={"cache-control": "private, no-cache"})
    if not parts.previews.possible:
        raise Refusal(404, "previews need ffmpeg, which is not on this machine")
    state_as_indexed(video)
    seconds = parts.previews.want(video)
    making = Making(state="waiting" if seconds is None else "making", seconds=seconds or 0.0, duration=video.duration)
    return JSONResponse(making.model_dump(), 202, {"retry-after": "1", "cache-control": "no-store"})
