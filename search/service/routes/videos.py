"""/videos, /segments, /folders and /failures: the contents of the library."""

from __future__ import annotations

import os
import string
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi import Path as Parameter
from pydantic import BaseModel, Field

from indexer.discovery import looks_like_video
from search.service.backend.errors import ApiError
from search.service.backend.jobs import target_path
from search.service.backend.paging import Limit, Offset, next_part
from search.service.backend.schemas import (
    LARGEST_ID,
    Cue,
    Failure,
    Folder,
    Month,
    Page,
    PlacedSegment,
    Segment,
    Video,
    WholeVideo,
    shown_path,
)
from search.service.backend.state import IsLocal, ServiceState, Shared
from store import types
from store.catalog.videos import Order
from store.filters import parse_filter

router = APIRouter(tags=["library"])

_MOST_ENTRIES = 5000  # of a folder that are listed

VideoId = Annotated[int, Parameter(ge=1, le=LARGEST_ID, examples=[1])]
SegmentId = Annotated[int, Parameter(ge=1, le=LARGEST_ID, examples=[1])]


@router.get("/videos")
def list_videos(
    request: Request,
    state: Shared,
    local: IsLocal,
    limit: Limit = 20,
    offset: Offset = 0,
    order: Annotated[
        Order, Query(description="By path, or by when they were added or filmed (date), the latest first.")
    ] = "path",
    during: Annotated[
        str | None, Query(max_length=10, description="Filmed in this year, month or on this day: 2023-07.")
    ] = None,
    within: Annotated[str | None, Query(max_length=4096, description="Absolute path of a video or folder.")] = None,
) -> Page[Video]:
    """List the videos of the library."""
    check_within(within, local=local)
    try:
        filters = [] if during is None else [parse_filter("during", during)]
    except ValueError as error:
        raise ApiError(422, f"during: {error}") from error
    videos, total = state.library.catalog.videos.page(
        within=within, filters=filters, order=order, limit=limit, offset=offset
    )
    items = shown_videos(state, videos, local=local)
    return Page(items=items, total=total, next=next_part(request, offset, len(items), total))


@router.get("/videos/{video_id}")
def show_video(video_id: VideoId, state: Shared, local: IsLocal) -> WholeVideo:
    """Show a video with its segments and subtitles."""
    video, catalog = held_video(state, video_id), state.library.catalog
    (listed,) = shown_videos(state, [video], local=local)
    segments = catalog.segments.of(video_id)
    labels = catalog.labels.of(segment.id for segment in segments if segment.id is not None)
    return WholeVideo(
        **listed.model_dump(),
        segment_list=[Segment.of(segment, labels.get(segment.id or 0, ())) for segment in segments],
        cues=[Cue(**vars(cue)) for cue in catalog.cues.of(video_id)],
    )


@router.delete("/videos/{video_id}", status_code=204)
def forget_video(video_id: VideoId, state: Shared, local: IsLocal) -> None:
    """Remove a video from the library; its file stays."""
    if not local:
        raise ApiError(403, "Only a local client can remove videos.")
    video = held_video(state, video_id)
    state.library.catalog.videos.remove([video_id])
    if not state.library.catalog.videos.with_hash(video.content_hash):
        state.previews.forget(video)


@router.get("/segments/{segment_id}")
def show_segment(segment_id: SegmentId, state: Shared, local: IsLocal) -> PlacedSegment:
    """Show a segment and its video."""
    segment = state.library.catalog.segments.get(segment_id)
    if segment is None:
        raise ApiError(404, f"No segment {segment_id} in this library.")
    (video,) = shown_videos(state, [held_video(state, segment.video_id)], local=local)
    labels = state.library.catalog.labels.of([segment_id]).get(segment_id, ())
    return PlacedSegment(**Segment.of(segment, labels).model_dump(), of_video=video)


@router.get("/folders")
def list_folders(state: Shared, local: IsLocal) -> Page[Folder]:
    """List the folders that contain videos."""
    folders = state.library.catalog.videos.folders()
    items = [
        Folder(folder=shown_path(each.path, local=local), videos=each.videos, seconds=each.seconds) for each in folders
    ]
    return Page(items=items, total=len(items), next=None)


@router.get("/months")
def list_months(state: Shared) -> Page[Month]:
    """List the months in which videos were filmed, the latest first."""
    items = [Month(**vars(each)) for each in state.library.catalog.videos.months()]
    return Page(items=items, total=len(items), next=None)


@router.delete("/folders", status_code=204)
def forget_folder(
    state: Shared, local: IsLocal, folder: Annotated[str, Query(max_length=4096, description="Its absolute path.")]
) -> None:
    """Remove a folder and all below it from the library; its files stay."""
    if not local:
        raise ApiError(403, "Only a local client can remove folders.")
    check_within(folder, local=local)
    if not state.library.remove([folder]):
        raise ApiError(404, "No video of this library lies in this folder.")


class Entry(BaseModel):
    """A folder of this machine."""

    name: str
    path: str


class Browsed(BaseModel):
    """A folder of this machine, and where to go from it."""

    path: str
    parent: str | None
    folders: list[Entry] = Field(description="In it, without hidden ones.")
    videos: int = Field(description="Files in it that are named like video.")
    places: list[Entry] = Field(description="Where to begin: home, drives, and folders that were indexed.")


@router.get("/browse")
def browse(
    local: IsLocal,
    state: Shared,
    path: Annotated[str | None, Query(max_length=4096, description="The home folder if not given.")] = None,
) -> Browsed:
    """List the folders in a folder of this machine, to choose one to index."""
    if not local:
        raise ApiError(403, "Only a local client can see the folders of this machine.")
    folder = Path(target_path(path) if path else Path.home())
    if not folder.is_absolute() or "\0" in str(folder):
        raise ApiError(422, f"A path is absolute, got {str(folder)[:200]!a}.")
    try:
        inside = sorted(os.scandir(folder), key=lambda each: each.name.lower())[:_MOST_ENTRIES]
    except OSError as error:
        raise ApiError(404, f"{folder}: {error.strerror or error}") from None
    recent = [root.path for root in state.library.catalog.roots.all()]
    return Browsed(
        path=shown_path(str(folder), local=True),
        parent=None if folder.parent == folder else shown_path(str(folder.parent), local=True),
        folders=[_entry(each.path) for each in inside if not each.name.startswith(".") and each.is_dir()],
        videos=sum(looks_like_video(Path(each.path)) for each in inside),
        places=[_entry(each) for each in dict.fromkeys([str(Path.home()), *_drives(), *recent])],
    )


def _drives() -> list[str]:
    """The roots of this machine and what is mounted where people see it."""
    if os.name == "nt":
        return [f"{letter}:\\" for letter in string.ascii_uppercase if os.path.exists(f"{letter}:\\")]
    mounts = [Path("/Volumes"), Path("/mnt"), Path("/media"), Path("/run/media")]
    found = [each for mount in mounts if mount.is_dir() for each in mount.iterdir() if os.path.ismount(each)]
    return ["/", *sorted(map(str, found))]


def _entry(path: str) -> Entry:
    return Entry(name=shown_path(path, local=False) or path, path=shown_path(path, local=True))


@router.get("/failures")
def list_failures(
    request: Request, state: Shared, local: IsLocal, limit: Limit = 20, offset: Offset = 0
) -> Page[Failure]:
    """List files that could not be indexed, with reasons."""
    failures, total = state.library.catalog.failures.page(limit=limit, offset=offset)
    items = [
        Failure(
            path=shown_path(each.path, local=local),
            name=shown_path(each.path, local=False),
            stage=each.stage,
            reason=each.reason.replace(os.path.dirname(each.path) + os.sep, ""),
            failed_at=each.failed_at,
        )
        for each in failures
    ]
    return Page(items=items, total=total, next=next_part(request, offset, len(items), total))


def check_within(within: str | None, *, local: bool) -> None:
    """Raise ApiError (422) unless `within` is None, or an absolute path from a local client."""
    if within is not None and not local:
        raise ApiError(422, "Only local clients may use within; filter by in: in the query.")
    if within is not None and not os.path.isabs(within):
        raise ApiError(422, "within is an absolute path.")


def held_video(state: ServiceState, video_id: int) -> types.Video:
    """Return a video of the catalog. Raises ApiError (404) if there is none."""
    video = state.library.catalog.videos.get(video_id)
    if video is None:
        raise ApiError(404, f"No video {video_id} in this library.")
    return video


def shown_videos(state: ServiceState, videos: Sequence[types.Video], *, local: bool) -> list[Video]:
    """Convert videos for a client."""
    extents = state.library.catalog.videos.extents([video.id for video in videos if video.id is not None])
    previews = state.previews
    return [
        Video.of(video, extents.get(video.id or 0), local=local, previews=previews.possible).model_copy(
            update={"converted": previews.made(video)}
        )
        for video in videos
    ]
