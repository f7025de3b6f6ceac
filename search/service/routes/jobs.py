"""/jobs: background indexing, with progress as server-sent events."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Annotated

import anyio
from fastapi import APIRouter, Path
from starlette.responses import StreamingResponse

from search.service.backend.errors import ApiError
from search.service.backend.jobs import ENDED, Job, JobRequest
from search.service.backend.schemas import Page
from search.service.backend.state import IsLocal, ServiceState, Shared

router = APIRouter(tags=["jobs"])

_POLL_SECONDS = 0.2
_KEEPALIVE_SECONDS = 15.0  # after which a comment keeps the connection alive, or detects that it is dead

JobId = Annotated[str, Path(max_length=40, examples=["3f2a90c1d4e5"])]


@router.post("/jobs", status_code=202)
def index(request: JobRequest, state: Shared, local: IsLocal) -> Job:
    """Index files, folders and globs of this machine."""
    if not local:
        raise ApiError(403, "Only a local client can index videos.")
    return state.jobs.start(request)


@router.get("/jobs")
def list_jobs(state: Shared, local: IsLocal) -> Page[Job]:
    """List jobs, newest first."""
    jobs = [job.shown(local=local) for job in state.jobs.jobs()]
    return Page(items=jobs, total=len(jobs), next=None)


@router.get("/jobs/{job_id}")
def show_job(job_id: JobId, state: Shared, local: IsLocal) -> Job:
    """Show the progress of a job."""
    return state.jobs.job(job_id).shown(local=local)


@router.post("/jobs/{job_id}/cancel", status_code=202)
def cancel_job(job_id: JobId, state: Shared, local: IsLocal) -> Job:
    """Cancel a job; what it has indexed stays."""
    if not local:
        raise ApiError(403, "Only a local client can cancel jobs.")
    return state.jobs.cancel(job_id)


@router.post("/jobs/{job_id}/resume", status_code=202)
def resume_job(job_id: JobId, state: Shared, local: IsLocal) -> Job:
    """Queue an ended job again under its id; what it indexed is skipped."""
    if not local:
        raise ApiError(403, "Only a local client can resume jobs.")
    return state.jobs.resume(job_id)


@router.get(
    "/jobs/{job_id}/events",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "`event: progress` after every change, `event: done` at the end; data: a Job.",
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
        }
    },
)
def job_events(job_id: JobId, state: Shared, local: IsLocal) -> StreamingResponse:
    """Follow a job; the stream ends when the job does."""
    state.jobs.job(job_id)
    return StreamingResponse(
        _events(job_id, state, local=local), media_type="text/event-stream", headers={"cache-control": "no-store"}
    )


async def _events(job_id: str, state: ServiceState, *, local: bool) -> AsyncIterator[str]:
    sent: Job | None = None
    sent_at = time.monotonic()
    while not state.closing.is_set():
        job = state.jobs.job(job_id)
        if job != sent:
            event = "done" if job.state in ENDED else "progress"
            yield f"event: {event}\ndata: {job.shown(local=local).model_dump_json()}\n\n"
            if job.state in ENDED:
                return
            sent, sent_at = job, time.monotonic()
        elif time.monotonic() - sent_at > _KEEPALIVE_SECONDS:
            yield ":\n\n"
            sent_at = time.monotonic()
        await anyio.sleep(_POLL_SECONDS)
