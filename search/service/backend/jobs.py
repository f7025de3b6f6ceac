"""Indexing in the background: one run after the other, which can be watched, cancelled and taken up again."""

from __future__ import annotations

import logging
import os
import queue
import secrets
import threading
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from indexer.pipeline import Indexer, IndexOptions, Progress, Report
from search.engine.engine import CATALOG_FILE, Engine
from search.service.backend.errors import ApiError
from search.service.backend.schemas import shown_path
from store.catalog.catalog import Catalog

ENDED = ("done", "cancelled", "failed")

_MOST_KEPT = 100
_MOST_WAITING = 20
_MOST_PROBLEMS = 100  # of one run that are told
_END_SECONDS = 5.0  # that a run may take to end when the service does

_log = logging.getLogger(__name__)


class JobRequest(BaseModel):
    """What to index."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"targets": ["/home/me/Videos"]}]})

    targets: list[str] = Field(min_length=1, max_length=1000, description="Absolute paths of files, folders and globs.")
    retry_failed: bool = Field(default=False, description="Try again what failed before.")
    prune: bool = Field(default=False, description="Forget videos whose files are gone.")


class Job(BaseModel):
    """A run of indexing. Files are counted once: `done` is `indexed`, `failed` and `skipped` together."""

    model_config = ConfigDict(
        frozen=True,
        json_schema_extra={
            "examples": [
                {
                    "id": "53dfc30a849d",
                    "state": "running",
                    "targets": ["/home/me/Videos"],
                    "done": 12,
                    "total": 300,
                    "indexed": 10,
                    "failed": 1,
                    "skipped": 1,
                    "current": ["beach.mp4"],
                    "problems": [],
                    "error": None,
                    "started_at": "2026-01-31T12:00:00+00:00",
                    "ended_at": None,
                }
            ]
        },
    )

    id: str
    state: Literal["queued", "running", "done", "cancelled", "failed"]
    targets: list[str]
    done: int = Field(default=0, description="Files finished.")
    total: int = Field(default=0, description="Files found.")
    indexed: int = 0
    failed: int = 0
    skipped: int = Field(default=0, description="Unchanged, moved, or failed before.")
    current: list[str] = Field(default=[], description="Names of the files being read.")
    problems: list[str] = Field(default=[], description="What could not be read, with reasons.")
    error: str | None = Field(default=None, description="Why it failed as a whole.")
    started_at: str | None = None
    ended_at: str | None = None

    def shown(self, *, local: bool) -> Job:
        """The job as a client is told it."""
        if local:
            return self
        targets = [shown_path(target, local=False) for target in self.targets]
        error = None if self.error is None else "the log of the service says why"
        return self.model_copy(update={"targets": targets, "problems": [], "error": error})


class Cancelled(Exception):  # noqa: N818 - it is no error
    """A run was told to end."""


class Jobs:
    """The runs of one service.

    Runs use a catalog of their own, so that searches never wait for a transaction of theirs, and the model of the
    searches, for which they make way between two chunks of frames.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._jobs: dict[str, Job] = {}
        self._options: dict[str, IndexOptions] = {}
        self._cancels: dict[str, threading.Event] = {}
        self._lock = threading.RLock()
        self._queue: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._catalog: Catalog | None = None  # of the run that is going on
        self._closed = False

    def start(self, request: JobRequest) -> Job:
        """Put a run in the queue.

        Raises:
            ApiError: a target is no absolute path, or too many runs are waiting.
        """
        targets = [os.path.expanduser(target) for target in request.targets]
        for target in targets:
            if not os.path.isabs(target) or "\0" in target:
                raise ApiError(422, f"targets are absolute paths, got {target[:200]!a}")
        job = Job(id=secrets.token_hex(6), state="queued", targets=targets)
        options = IndexOptions(retry_failed=request.retry_failed, prune=request.prune)
        return self._enqueue(job, options)

    def resume(self, number: str) -> Job:
        """Run the same targets again; what was indexed already is skipped.

        Raises:
            ApiError: there is no such run, or it has not ended.
        """
        with self._lock:
            job = self.job(number)
            if job.state not in ENDED:
                raise ApiError(409, f"this run is {job.state}; only one that has ended can be resumed")
            fresh = Job(id=job.id, state="queued", targets=job.targets)
            return self._enqueue(fresh, self._options[number])

    def cancel(self, number: str) -> Job:
        """Tell a run to end; what it has indexed stays.

        Raises:
            ApiError: there is no such run.
        """
        with self._lock:
            job = self.job(number)
            self._cancels[number].set()
            if job.state == "queued":
                return self._update(number, state="cancelled", ended_at=_now())
            return job

    def job(self, number: str) -> Job:
        """A run as it stands; a 404 where there is none of this id."""
        with self._lock:
            if number not in self._jobs:
                raise ApiError(404, "no such job")
            return self._jobs[number]

    def jobs(self) -> list[Job]:
        """All runs that are remembered, the newest first."""
        with self._lock:
            return list(reversed(self._jobs.values()))

    def close(self) -> None:
        """Tell every run to end, and wait for that, but not for long; nothing that was committed is lost."""
        with self._lock:
            for cancel in self._cancels.values():
                cancel.set()
            self._closed = True
            thread = self._thread
        self._queue.put(None)
        if thread is not None:
            thread.join(_END_SECONDS)
        catalog = self._catalog
        if catalog is not None:  # a decoder that dies with this process must not count as the failure of its file
            catalog.close()

    def _enqueue(self, job: Job, options: IndexOptions) -> Job:
        with self._lock:
            if sum(each.state == "queued" for each in self._jobs.values()) >= _MOST_WAITING:
                raise ApiError(429, f"{_MOST_WAITING} runs are waiting already")
            self._jobs.pop(job.id, None)
            for number in [each.id for each in self._jobs.values() if each.state in ENDED][: -_MOST_KEPT + 1]:
                del self._jobs[number], self._options[number], self._cancels[number]
            self._jobs[job.id], self._options[job.id], self._cancels[job.id] = job, options, threading.Event()
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="indexing", daemon=True)
                self._thread.start()
        self._queue.put(job.id)
        return job

    def _work(self) -> None:
        while (number := self._queue.get()) is not None:
            with self._lock:
                if number not in self._jobs or self._jobs[number].state != "queued":
                    continue  # cancelled while it waited
                job = self._update(number, state="running", started_at=_now())
                options, cancel = self._options[number], self._cancels[number]
            self._update(number, **self._outcome(job, options, cancel), current=[], ended_at=_now())

    def _outcome(self, job: Job, options: IndexOptions, cancel: threading.Event) -> dict[str, Any]:
        """Do a run; what is to be said of it at its end."""
        try:
            report = self._run(job, options, cancel)
        except Cancelled:
            return {"state": "cancelled"}
        except Exception as error:  # whatever it was, the service goes on
            if self._closed:
                return {"state": "cancelled"}
            _log.exception("indexing %s failed", job.targets)
            return {"state": "failed", "error": str(error) or type(error).__name__}
        finally:
            self._known()
        return {"state": "done", **_told(report)}

    def _run(self, job: Job, options: IndexOptions, cancel: threading.Event) -> Report:
        def tell(progress: Progress) -> None:
            if cancel.is_set():
                raise Cancelled
            self._update(job.id, **_counts(progress))
            self._engine.yield_to_searches()

        encoder = self._engine.searcher().encoder
        if cancel.is_set():
            raise Cancelled
        with Catalog.open(self._engine.folder / CATALOG_FILE) as self._catalog:
            try:
                return Indexer(self._catalog, encoder, options).run(job.targets, tell=tell)
            finally:
                self._catalog = None

    def _known(self) -> None:
        """Have the searches know what was indexed."""
        if self._closed:
            return
        try:
            self._engine.refresh(save=True)
        except Exception:  # the next search tries again, and tells its client
            _log.exception("the vectors could not be brought up to date")

    def _update(self, number: str, **changes: Any) -> Job:
        with self._lock:
            self._jobs[number] = self._jobs[number].model_copy(update=changes)
            return self._jobs[number]


def _counts(progress: Progress) -> dict[str, Any]:
    return {
        "done": progress.done,
        "total": progress.total,
        "indexed": progress.indexed,
        "failed": progress.failed,
        "skipped": progress.done - progress.indexed - progress.failed,
        "current": [shown_path(progress.path, local=False)] if progress.done < progress.total else [],
    }


def _told(report: Report) -> dict[str, Any]:
    problems = [f"{shown_path(path, local=True)}: {reason}" for path, reason in report.problems]
    problems += [f"{shown_path(each.path, local=True)}: {each.reason}" for each in report.failed]
    return {"problems": problems[:_MOST_PROBLEMS]}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
