"""/jobs: indexing over HTTP, with its progress as server-sent events."""

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

_LOOK_SECONDS = 0.2  # between two looks at a run: as often as people can follow
_SILENT_SECONDS = 15.0  # after which a comment keeps the connection alive, or finds that it is dead

JobId = Annotated[str, Path(max_length=40, examples=["3f2a90c1d4e5"])]


@router.post("/jobs", status_code=202)
def index(request: JobRequest, state: Shared, local: IsLocal) -> Job:
    """Index files, folders and globs of this machine."""
    if not local:
        raise ApiError(403, "videos are added on the machine that has them")
    return state.jobs.start(request)


@router.get("/jobs")
def list_jobs(state: Shared, local: IsLocal) -> Page[Job]:
    """List the runs of this service, the newest first."""
    jobs = [job.shown(local=local) for job in state.jobs.jobs()]
    return Page(items=jobs, total=len(jobs), next=None)


@router.get("/jobs/{job_id}")
def show_job(job_id: JobId, state: Shared, local: IsLocal) -> Job:
    """Show how far a run is."""
    return state.jobs.job(job_id).shown(local=local)


@router.post("/jobs/{job_id}/cancel", status_code=202)
def cancel_job(job_id: JobId, state: Shared, local: IsLocal) -> Job:
    """Tell a run to end; what it has indexed stays."""
    if not local:
        raise ApiError(403, "runs are cancelled on the machine that has the videos")
    return state.jobs.cancel(job_id)


@router.post("/jobs/{job_id}/resume", status_code=202)
def resume_job(job_id: JobId, state: Shared, local: IsLocal) -> Job:
    """Run a job again under its id; what it has indexed already is skipped."""
    if not local:
        raise ApiError(403, "runs are resumed on the machine that has the videos")
    return state.jobs.resume(job_id)


@router.get(
    "/jobs/{job_id}/events",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "`event: progress` whenever something has changed, `event: done` at the end; data: a Job.",
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
        }
    },
)
def job_events(job_id: JobId, state: Shared, local: IsLocal) -> StreamingResponse:
    """Follow a run; the stream ends with it."""
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
        elif time.monotonic() - sent_at > _SILENT_SECONDS:
            yield ":\n\n"
            sent_at = time.monotonic()
        await anyio.sleep(_LOOK_SECONDS)
