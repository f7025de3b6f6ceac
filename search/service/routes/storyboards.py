"""/videos/ID/storyboard and /videos/ID/frame: what a video shows, at a glance."""

from __future__ import annotations

import io
from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
from anyio import to_thread
from fastapi import APIRouter, Query
from PIL import Image
from pydantic import BaseModel, Field
from starlette.responses import Response

from indexer.features.video import stored_film
from search.engine.searcher import SearchEngine
from search.service.backend.errors import Refusal
from search.service.backend.schemas import API, Id, thumbnail_url
from search.service.backend.state import Parts, Shared
from search.service.routes.media import BINARY, KEPT, state_as_indexed
from search.service.routes.videos import VideoId, held_video
from search.tasks.summarization import Summary, summarize
from store import types

router = APIRouter(tags=["media"])

_QUALITY = 80  # JPEG
_SLOW = 5.0  # frames a second, where the rate is unknown


class StoryFrame(BaseModel):
    """A picture that stands for a part of a video."""

    seconds: float
    segment: Id
    share: float = Field(description="Of the video that looks more like it than like the others, 0 to 1.")
    text: str = Field(description="The subtitle lines at that time.")
    image: str


class StoryChapter(BaseModel):
    """A part of a video and what it is about."""

    start: float
    end: float
    title: str
    spoken: bool = Field(description="Whether the title is a subtitle line.")
    thumbnail: str


class Storyboard(BaseModel):
    """A video in short, in order of time."""

    frames: list[StoryFrame]
    chapters: list[StoryChapter]


@router.get("/videos/{video_id}/storyboard")
async def storyboard(
    video_id: VideoId, parts: Shared, frames: Annotated[int, Query(ge=1, le=50, description="Pictures at most.")] = 12
) -> Storyboard:
    """Show what a video shows: pictures that stand for its parts, and its chapters."""
    return await to_thread.run_sync(partial(_storyboard, parts, video_id, frames), limiter=parts.searching)


@router.get(
    "/videos/{video_id}/frame",
    response_class=Response,
    responses={200: {"content": {"image/jpeg": {"schema": BINARY}}}},
)
async def frame(
    video_id: VideoId,
    parts: Shared,
    at: Annotated[float, Query(ge=0, le=1e6, allow_inf_nan=False, description="Seconds.")],
) -> Response:
    """Show the picture that is on screen at an instant."""
    jpeg = await to_thread.run_sync(partial(_frame, parts, video_id, at), limiter=parts.framing)
    return Response(jpeg, media_type="image/jpeg", headers={"cache-control": KEPT})


def _storyboard(parts: Parts, video_id: int, frames: int) -> Storyboard:
    video = held_video(parts, video_id)
    key = ("storyboard", video_id, video.indexed_at, frames)
    held = parts.storyboards.get(key)
    if held is None:
        held = parts.live.ask(lambda engine: _drawn(engine, video, frames))
        parts.storyboards.put(key, held)
    return held


def _drawn(engine: SearchEngine, video: types.Video, frames: int) -> Storyboard:
    assert video.id is not None  # it came from the catalog
    film = stored_film(engine.catalog, video)
    summary: Summary = summarize(film, engine.encoder, frames=frames)
    ids = [segment.id or 0 for segment in engine.catalog.segments(video.id)]

    def segment_at(seconds: float) -> int:
        return ids[int(np.clip(np.searchsorted(film.bounds, seconds, side="right") - 1, 0, len(ids) - 1))]

    try:
        state_as_indexed(video)
        at = f"{API}/videos/{video.id}/frame?at="
    except Refusal:  # without the file there are the pictures of the segments
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


def _frame(parts: Parts, video_id: int, at: float) -> bytes:
    video = held_video(parts, video_id)
    state_as_indexed(video)
    at = max(0.0, min(at, video.duration - 1.5 / (video.fps or _SLOW)))  # where the last frame is still on screen
    key = (video_id, video.indexed_at, round(at, 3))
    held = parts.frames.get(key)
    if held is None:
        with parts.decoders.taken() as decoders:
            (still,) = decoders.stills(Path(video.path), [at])
        file = io.BytesIO()
        Image.fromarray(np.ascontiguousarray(still.data[0].transpose(1, 2, 0))).save(file, "JPEG", quality=_QUALITY)
        held = file.getvalue()
        parts.frames.put(key, held)
    return held
