"""/duplicates: copies and excerpts among the videos of the library."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Query, Request
from fastapi import Path as InPath
from pydantic import BaseModel, ConfigDict, Field

from search.clips.duplicates import LEAST_SECONDS, Duplicates, Kind, find
from search.library.trash import Stay, move_to_trash, stays
from search.service.backend.errors import ApiError
from search.service.backend.paging import Limit, Offset, next_part
from search.service.backend.schemas import LARGEST_ID, Id, Page, Video
from search.service.backend.state import IsLocal, ServiceState, Shared
from search.service.routes.videos import held_video, shown_videos
from store import types
from store.catalog import dismissals

router = APIRouter(tags=["library"])


class SameVideo(BaseModel):
    """A video of a group, and the part of it that the others share."""

    video: Video
    start: float
    end: float
    same_file: bool = Field(description="Whether it is the file before it, under another name.")
    keep: bool = Field(description="Whether to keep it.")
    seconds: float = Field(description="Duration of the whole video.")
    identical: bool = Field(description="Whether it is, byte for byte, the first video of the group.")
    stays: Stay | None = Field(
        description="Why it may not be moved to the trash; null if it may. keep: it is the one to keep, or differs. "
        "same file: another name of a file. sound, words: it has its own. reel: a reel has moments of it."
    )


class Redundant(BaseModel):
    """Copies to move to the trash, by their ids."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"videos": [7]}]})

    videos: list[Id] = Field(min_length=1, max_length=100)


class NotTheSame(BaseModel):
    """Two videos that are not the same, by their ids."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"videos": [3, 7]}]})

    videos: tuple[Id, Id]


class Dismissal(BaseModel):
    """A dismissed pair: the videos that have the one content and those that have the other."""

    id: Id
    videos: tuple[list[Video], list[Video]] = Field(description="None where the library holds it no more.")
    dismissed_at: str


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


@router.post("/duplicates/trash")
async def trash(copies: Redundant, state: Shared, local: IsLocal) -> Redundant:
    """Move copies to the system's trash and forget them; all are checked before the first is moved."""
    _own(local)
    held = [held_video(state, number) for number in copies.videos]

    def move() -> list[types.Video]:
        groups = _found(state, LEAST_SECONDS)
        try:
            return move_to_trash(state.library.catalog, groups, [video.path for video in held])
        except (ValueError, OSError) as error:
            raise ApiError(409, str(error)) from error

    moved = await to_thread.run_sync(move, limiter=state.comparing)
    for video in moved:
        if not state.library.catalog.videos.with_hash(video.content_hash):
            state.previews.forget(video)
    return Redundant(videos=[video.id for video in moved if video.id is not None])


@router.get("/duplicates/dismissed")
def list_dismissed(
    request: Request, state: Shared, local: IsLocal, limit: Limit = 20, offset: Offset = 0
) -> Page[Dismissal]:
    """List the pairs that are not the same, the latest first."""
    pairs = state.library.catalog.dismissals.all()
    items = [_dismissed(state, pair, local=local) for pair in pairs[offset : offset + limit]]
    return Page(items=items, total=len(pairs), next=next_part(request, offset, len(items), len(pairs)))


@router.post("/duplicates/dismissed", status_code=201)
def dismiss(pair: NotTheSame, state: Shared, local: IsLocal) -> Dismissal:
    """Say that two videos are not the same: they are no longer listed together, whatever their files are called.

    Of two files with the same content it says that both are wanted.
    """
    _own(local)
    one, other = (held_video(state, number) for number in pair.videos)
    if one.id == other.id:
        raise ApiError(422, f"two videos can differ, got {one.id} twice")
    return _dismissed(state, state.library.catalog.dismissals.add(one.content_hash, other.content_hash), local=local)


@router.delete("/duplicates/dismissed/{number}", status_code=204)
def forget_dismissal(number: Annotated[int, InPath(ge=1, le=LARGEST_ID)], state: Shared, local: IsLocal) -> None:
    """Forget a dismissal, so that its videos are compared again."""
    _own(local)
    if not state.library.catalog.dismissals.remove(number):
        raise ApiError(404, f"No dismissal {number} in this library.")


def _own(local: bool) -> None:
    if not local:
        raise ApiError(403, "Only a local client can decide on duplicates.")


def _dismissed(state: ServiceState, pair: dismissals.Dismissal, *, local: bool) -> Dismissal:
    one, other = (
        shown_videos(state, state.library.catalog.videos.with_hash(content), local=local) for content in pair.hashes
    )
    return Dismissal(id=pair.id, videos=(one, other), dismissed_at=pair.dismissed_at)


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
                identical=copy.video.content_hash == group.videos[0].video.content_hash,
                stays=stays(state.library.catalog, group, copy),
            )
            for video, copy in zip(videos, group.videos, strict=True)
        ],
        seconds_saved=group.seconds_saved,
        bytes_saved=group.bytes_saved,
    )
