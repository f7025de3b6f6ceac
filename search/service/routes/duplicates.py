"""/duplicates: copies and excerpts among the videos of the library."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field

from search.clips.duplicates import LEAST_SECONDS, Duplicates, Kind, find
from search.service.backend.paging import Limit, Offset, next_part
from search.service.backend.schemas import Page, Video
from search.service.backend.state import IsLocal, ServiceState, Shared
from search.service.routes.videos import shown_videos

router = APIRouter(tags=["library"])


class SameVideo(BaseModel):
    """A video of a group, and the part of it that the others share."""

    video: Video
    start: float
    end: float
    same_file: bool = Field(description="Whether it is the file before it, under another name.")
    keep: bool = Field(description="Whether to keep it.")
    seconds: float = Field(description="Duration of the whole video.")


class SameVideos(BaseModel):
    """Videos with the same content, the one to keep first."""

    kind: Kind = Field(
        description="same file: one file with several names. excerpt: the second video is a part of the first. shared "
        "part: both have something of their own, as after the same intro. Only of copies may some be deleted."
    )
    videos: list[SameVideo]
    seconds_saved: float = Field(description="Duration of the videos that need not be kept.")
    bytes_saved: int


@router.get("/duplicates")
async def duplicates(
    request: Request,
    state: Shared,
    local: IsLocal,
    min_seconds: Annotated[
        float, Query(ge=0.5, le=1e6, allow_inf_nan=False, description="Minimum duration that two videos share.")
    ] = LEAST_SECONDS,
    limit: Limit = 20,
    offset: Offset = 0,
) -> Page[SameVideos]:
    """List groups of duplicate videos, largest first; nothing is deleted."""
    found = await to_thread.run_sync(partial(_found, state, min_seconds), limiter=state.comparing)
    items = [_shown(state, group, local=local) for group in found[offset : offset + limit]]
    return Page(items=items, total=len(found), next=next_part(request, offset, len(items), len(found)))


def _found(state: ServiceState, min_seconds: float) -> list[Duplicates]:
    """Find duplicates, cached until the library changes."""
    key = (state.engine.data_version(), min_seconds)
    found = state.duplicates.get(key)
    if found is None:
        found = state.engine.run(
            lambda searcher: find(searcher.catalog, searcher.index, searcher.normalizer, min_seconds=min_seconds)
        )
        state.duplicates.put(key, found)
    return found


def _shown(state: ServiceState, group: Duplicates, *, local: bool) -> SameVideos:
    videos = shown_videos(state, [copy.video for copy in group.videos], local=local)
    return SameVideos(
        kind=group.kind,
        videos=[
            SameVideo(
                video=video,
                start=copy.start,
                end=copy.end,
                keep=copy.keep,
                same_file=copy.same_file,
                seconds=copy.seconds,
            )
            for video, copy in zip(videos, group.videos, strict=True)
        ],
        seconds_saved=group.seconds_saved,
        bytes_saved=group.bytes_saved,
    )
