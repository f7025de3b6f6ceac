"""Images and video files: /segments/ID/thumbnail, /videos/ID/media, /preview, /storyboard and /frame."""

from __future__ import annotations

import hashlib
import io
from functools import partial
from typing import Annotated, Literal

import numpy as np
from anyio import to_thread
from fastapi import APIRouter, Query, Request
from PIL import Image
from pydantic import BaseModel, Field
from starlette.datastructures import Headers
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.types import Message, Receive, Scope, Send

from indexer.features.video import stored_video
from indexer.media.container import MediaError
from indexer.media.files import OpenFile
from indexer.media.original import open_original
from search.engine.searcher import Searcher
from search.service.backend.errors import ApiError, problem
from search.service.backend.previews import media_type
from search.service.backend.schemas import API, Storyboard, StoryChapter, StoryFrame, thumbnail_url
from search.service.backend.state import ServiceState, Shared
from search.service.routes.videos import SegmentId, VideoId, held_video
from search.tasks.summarization import Summary, summarize
from store import types

router = APIRouter(tags=["media"])

BINARY = {"type": "string", "format": "binary"}
CACHE_CONTROL = "private, max-age=3600"

_QUALITY = 80  # JPEG
_UNKNOWN_FPS = 5.0  # low, so that the last frame is surely before the end


@router.head("/segments/{segment_id}/thumbnail", include_in_schema=False)
@router.get(
    "/segments/{segment_id}/thumbnail",
    response_class=Response,
    responses={200: {"content": {"image/jpeg": {"schema": BINARY}}}, 304: {"description": "Not modified."}},
)
def thumbnail(segment_id: SegmentId, request: Request, state: Shared) -> Response:
    """Send the thumbnail of a segment."""
    jpeg, _ = state.library.catalog.segments.thumbnail(segment_id)
    headers = {"etag": f'"{hashlib.blake2b(jpeg, digest_size=8).hexdigest()}"', "cache-control": CACHE_CONTROL}
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
        206: {"content": {"video/*": {"schema": BINARY}}, "description": "The requested range."},
        416: {"description": "The range is outside of the file."},
    },
)
def media(video_id: VideoId, state: Shared) -> FileResponse:
    """Send the file of a video, or a range of it."""
    video = held_video(state, video_id)
    return OpenFileResponse(
        open_original(state.library.catalog, video),
        media_type=media_type(video),
        headers={"cache-control": "private, no-cache"},
    )


_REFUSALS = {400: "The range header cannot be read.", 416: "The range is outside of the file."}


class OpenFileResponse(FileResponse):
    """A file that is open already, with ranges; it is closed at the end."""

    def __init__(self, file: OpenFile, *, media_type: str, headers: dict[str, str]) -> None:
        super().__init__(file.place, headers=headers, media_type=media_type, stat_result=file.status)
        self._file = file

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it; a range in other units than bytes is ignored (RFC 9110, 14.2)."""
        unit = Headers(scope=scope).get("range", "").partition("=")[0].strip().lower()
        if unit != "bytes":
            scope = {**scope, "headers": [each for each in scope["headers"] if each[0].lower() != b"range"]}
        refusal: Response | None = None

        async def answer(message: Message) -> None:
            nonlocal refusal
            if message["type"] == "http.response.start" and message["status"] in _REFUSALS:
                kept = {"content-range": f"bytes */{self._file.status.st_size}"} if message["status"] == 416 else None
                refusal = problem(message["status"], _REFUSALS[message["status"]], headers=kept)
                await refusal(scope, receive, send)
            elif refusal is None:
                await send(message)

        try:
            await super().__call__(scope, receive, answer)
        finally:
            self._file.close()


class Making(BaseModel):
    """A preview that is not ready yet."""

    state: Literal["waiting", "making"]
    seconds: float = Field(description="Transcoded so far.")
    duration: float


@router.head("/videos/{video_id}/preview", include_in_schema=False)
@router.get(
    "/videos/{video_id}/preview",
    response_class=FileResponse,
    responses={
        200: {"content": {"video/mp4": {"schema": BINARY}}, "description": "The preview."},
        202: {"model": Making, "description": "ffmpeg is working on it; ask again."},
        206: {"content": {"video/mp4": {"schema": BINARY}}, "description": "The requested range."},
        416: {"description": "The range is outside of the file."},
    },
)
def preview(video_id: VideoId, state: Shared) -> Response:
    """Send a preview that browsers play; ffmpeg makes it at the first request."""
    video = held_video(state, video_id)
    ready = state.previews.ready(video)
    if ready is not None:
        return OpenFileResponse(ready, media_type="video/mp4", headers={"cache-control": "private, no-cache"})
    if not state.previews.possible:
        raise ApiError(404, "previews need ffmpeg, which is not on this machine")
    open_original(state.library.catalog, video).close()
    seconds = state.previews.want(video)
    making = Making(state="waiting" if seconds is None else "making", seconds=seconds or 0.0, duration=video.duration)
    return JSONResponse(making.model_dump(), 202, {"retry-after": "1", "cache-control": "no-store"})


@router.get("/videos/{video_id}/storyboard")
async def storyboard(
    video_id: VideoId,
    state: Shared,
    frames: Annotated[int, Query(ge=1, le=50, description="Maximum number of keyframes.")] = 12,
) -> Storyboard:
    """Summarize a video: keyframes and chapters."""
    return await to_thread.run_sync(partial(_storyboard, state, video_id, frames), limiter=state.searching)


@router.get(
    "/videos/{video_id}/frame",
    response_class=Response,
    responses={200: {"content": {"image/jpeg": {"schema": BINARY}}}},
)
async def frame(
    video_id: VideoId,
    state: Shared,
    at: Annotated[float, Query(ge=0, le=1e6, allow_inf_nan=False, description="Seconds.")],
) -> Response:
    """Send the frame on screen at an instant."""
    jpeg = await to_thread.run_sync(partial(_frame, state, video_id, at), limiter=state.framing)
    return Response(jpeg, media_type="image/jpeg", headers={"cache-control": CACHE_CONTROL})


def _storyboard(state: ServiceState, video_id: int, frames: int) -> Storyboard:
    video = held_video(state, video_id)
    key = ("storyboard", video_id, video.indexed_at, frames)
    cached = state.storyboards.get(key)
    if cached is None:
        cached = state.engine.run(lambda searcher: _drawn(searcher, video, frames))
        state.storyboards.put(key, cached)
    return cached


def _drawn(searcher: Searcher, video: types.Video, frames: int) -> Storyboard:
    assert video.id is not None  # it came from the catalog
    features = stored_video(searcher.catalog, video)
    summary: Summary = summarize(features, searcher.encoder, frames=frames)
    ids = [segment.id or 0 for segment in searcher.catalog.segments.of(video.id)]

    def segment_at(seconds: float) -> int:
        return ids[int(np.clip(np.searchsorted(features.bounds, seconds, side="right") - 1, 0, len(ids) - 1))]

    try:
        open_original(searcher.catalog, video).close()
        at = f"{API}/videos/{video.id}/frame?at="
    except MediaError:  # without the file there are the pictures of the segments
        at = ""
    return Storyboard(
        frames=[
            StoryFrame(
                seconds=each.seconds,
                segment=segment_at(each.seconds),
                share=each.share,
                text=each.text,
                image=f"{at}{each.seconds:.3f}" if at else thumbnail_url(segment_at(each.seconds)),
            )
            for each in summary.keyframes
        ],
        chapters=[
            StoryChapter(
                start=each.start,
                end=each.end,
                title=each.title,
                spoken=each.spoken,
                thumbnail=thumbnail_url(segment_at((each.start + each.end) / 2)),
            )
            for each in summary.chapters
        ],
    )


def _frame(state: ServiceState, video_id: int, at: float) -> bytes:
    video = held_video(state, video_id)
    at = max(
        0.0, min(at, video.duration - 1.5 / (video.fps or _UNKNOWN_FPS))
    )  # where the last frame is still on screen
    key = (video_id, video.indexed_at, round(at, 3))
    with open_original(state.library.catalog, video) as original:
        jpeg = state.frames.get(key)
        if jpeg is None:
            with state.decoders.taken() as decoders:
                (still,) = decoders.stills(original, [at])
            file = io.BytesIO()
            picture = Image.fromarray(np.ascontiguousarray(still.data[0].transpose(1, 2, 0)))
            picture.save(file, "JPEG", quality=_QUALITY)
            jpeg = file.getvalue()
            state.frames.put(key, jpeg)
    return jpeg
