"""Background indexing: a queue of jobs that clients can follow, cancel and resume."""

from __future__ import annotations

import json
import logging
import os
import queue
import secrets
import socket
import sqlite3
import threading
import time
from collections.abc import Collection
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import urlsplit
from urllib.request import url2pathname

from pydantic import BaseModel, ConfigDict, Field

from indexer.pipeline import Indexer, IndexOptions, Progress, Report
from indexer.text.recognizers import Words
from search.engine.engine import Engine
from search.service.backend.errors import ApiError
from search.service.backend.schemas import shown_path
from store.catalog.catalog import Catalog
from store.errors import StoreError

ENDED = ("done", "cancelled", "failed", "interrupted")

_MAX_ENDED = 100  # jobs that are remembered
_MAX_QUEUED = 20
_MAX_PROBLEMS = 100  # reported per job
_END_SECONDS = 5.0  # grace period at shutdown
_SAVE_SECONDS = 2.0  # between two records of a running job, as it goes on
_BEAT_SECONDS, _SILENT_SECONDS = 10.0, 45.0  # between two records at most; after which a job is over

_log = logging.getLogger(__name__)


class JobRequest(BaseModel):
    """What to index."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"targets": ["/home/me/Videos"]}]})

    targets: list[str] = Field(min_length=1, max_length=1000, description="Absolute paths of files, folders and globs.")
    retry_failed: bool = Field(default=False, description="Try again what failed before.")
    prune: bool = Field(default=False, description="Forget videos whose files are gone.")
    words: Words | None = Field(
        default=None, description="Words to recognize when pictures are indexed; what is installed if null."
    )


class Job(BaseModel):
    """An indexing run. `done` is the sum of `indexed`, `failed` and `skipped`."""

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
    state: Literal["queued", "running", "done", "cancelled", "failed", "interrupted"] = Field(
        description="interrupted: the service ended before the job did; `resume` goes on."
    )
    targets: list[str]
    done: int = Field(default=0, description="Files finished.")
    total: int = Field(default=0, description="Files found.")
    stage: str = Field(default="pictures", description="What is read now: pictures; then words, speech or screen.")
    words_done: int = Field(default=0, description="Videos of which the words of this stage are read.")
    words_total: int = Field(default=0, description="Videos of which they are to be read.")
    indexed: int = 0
    failed: int = 0
    skipped: int = Field(default=0, description="Unchanged, moved, or failed before.")
    current: list[str] = Field(default=[], description="Names of the files being read.")
    problems: list[str] = Field(default=[], description="Unreadable files, with reasons.")
    error: str | None = Field(default=None, description="Why the whole job failed.")
    retry_failed: bool = Field(default=False, description="As in the request.")
    prune: bool = Field(default=False, description="As in the request.")
    words: Words | None = Field(default=None, description="As in the request.")
    started_at: str | None = None
    ended_at: str | None = None

    def shown(self, *, local: bool) -> Job:
        """Return the job without what only local clients may see."""
        if local:
            targets = [shown_path(target, local=True) for target in self.targets]
            return self.model_copy(update={"targets": targets})
        targets = [shown_path(target, local=False) for target in self.targets]
        error = None if self.error is None else "See the log of the service."
        return self.model_copy(update={"targets": targets, "problems": [], "error": error})


class Cancelled(Exception):  # noqa: N818 - not an error
    """Stops a job that was cancelled."""


class Jobs:
    """Indexing jobs of one service, run one at a time by a thread; those of other services of the library are shown.

    A job of which its service says nothing for `_SILENT_SECONDS` is over. A job opens its own catalog, so that searches
    never wait for its transactions. It shares the encoder with searches and yields to them between chunks of frames.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._server = {"host": socket.gethostname(), "pid": os.getpid()}  # in the records of its jobs
        self._jobs: dict[str, Job] = {}  # of this service
        self._cancels: dict[str, threading.Event] = {}
        self._lock = threading.RLock()
        self._queue: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._catalog: Catalog | None = None  # of the running job
        self._closed = False
        self._ending = threading.Event()
        self._saved_at = 0.0

    def start(self, request: JobRequest) -> Job:
        """Queue a job.

        Raises:
            ApiError: a target is not an absolute path (422), or too many jobs are queued (429).
        """
        for target in request.targets:
            try:
                os.fsencode(target)
            except UnicodeError:
                raise ApiError(422, f"Targets are names of files, got {target[:200]!a}.") from None
        targets = [target_path(target) for target in request.targets]
        for target in targets:
            if not os.path.isabs(target) or "\0" in target:
                raise ApiError(422, f"Targets are absolute paths, got {target[:200]!a}.")
        job = Job(id=secrets.token_hex(6), state="queued", **request.model_dump() | {"targets": targets})
        return self._enqueue(job)

    def resume(self, number: str) -> Job:
        """Queue an ended job again; what it indexed is skipped.

        Raises:
            ApiError: there is no such job (404), or it has not ended (409).
        """
        with self._lock:
            job = self.job(number)
            if job.state not in ENDED:
                raise ApiError(409, f"This job is {job.state}; only an ended job can be resumed.")
            asked = job.model_dump(include=set(JobRequest.model_fields))
            return self._enqueue(Job(id=job.id, state="queued", **asked))

    def cancel(self, number: str) -> Job:
        """Cancel a job; what it has indexed stays.

        Raises:
            ApiError: there is no such job (404), or another service runs it (409).
        """
        with self._lock:
            job = self.job(number)
            if number not in self._jobs:
                if job.state in ENDED:
                    return job
                raise ApiError(409, "This job is another service's of the library; cancel it there.")
            self._cancels[number].set()
            if job.state == "queued":
                return self._update(number, state="cancelled", ended_at=_now())
            return job

    def job(self, number: str) -> Job:
        """Return a job. Raises ApiError (404) if there is none with this id."""
        with self._lock:
            if number in self._jobs:
                return self._jobs[number]
            if (job := self._all().get(number)) is None:
                raise ApiError(404, "No such job.")
            return job

    def jobs(self) -> list[Job]:
        """List jobs, newest first."""
        return list(reversed(self._all().values()))

    def _all(self) -> dict[str, Job]:
        """The jobs of all services of the library, oldest first."""
        found: dict[str, Job] = {}
        for record in self._engine.catalog.jobs.all():
            with suppress(ValueError):  # of another version
                job = Job.model_validate_json(record)
                found[job.id] = job if job.state in ENDED or _runs(record) else _interrupted(job)
        with self._lock:
            return found | self._jobs

    def close(self) -> None:
        """Cancel all jobs and wait for them, at most 5 s; what was committed stays."""
        with self._lock:
            for cancel in self._cancels.values():
                cancel.set()
            self._closed = True
            thread = self._thread
        self._queue.put(None)
        self._ending.set()
        if thread is not None:
            thread.join(_END_SECONDS)
        catalog = self._catalog
        if catalog is not None:  # a decoder that dies with this process must not record a failure of its file
            catalog.close()

    def _enqueue(self, job: Job) -> Job:
        with self._lock:
            if sum(each.state == "queued" for each in self._jobs.values()) >= _MAX_QUEUED:
                raise ApiError(429, f"{_MAX_QUEUED} jobs are queued already.")
            self._jobs.pop(job.id, None)
            kept = self._all()
            for number in [each.id for each in kept.values() if each.state in ENDED][: -_MAX_ENDED + 1]:
                del kept[number]
            for number in self._jobs.keys() - kept.keys():
                del self._jobs[number], self._cancels[number]
            self._jobs[job.id], self._cancels[job.id] = job, threading.Event()
            self._save(job, among=kept)
            if self._thread is None:
                threading.Thread(target=self._keep_alive, name="jobs", daemon=True).start()
                self._thread = threading.Thread(target=self._work, name="indexing", daemon=True)
                self._thread.start()
        self._queue.put(job.id)
        return job

    def _keep_alive(self) -> None:
        """Tell other services every now and then that the jobs of this one still run."""
        while not self._ending.wait(_BEAT_SECONDS):
            with self._lock:
                for job in self._jobs.values():
                    if job.state not in ENDED:
                        self._save(job)

    def _work(self) -> None:
        while (number := self._queue.get()) is not None:
            with self._lock:
                if number not in self._jobs or self._jobs[number].state != "queued":
                    continue  # cancelled while queued
                job = self._update(number, state="running", started_at=_now())
                cancel = self._cancels[number]
            self._update(number, **self._outcome(job, cancel), current=[], ended_at=_now())

    def _outcome(self, job: Job, cancel: threading.Event) -> dict[str, Any]:
        """Run a job; return the changes to its record."""
        try:
            report = self._run(job, cancel)
        except Cancelled:
            return {"state": "interrupted" if self._closed else "cancelled"}
        except Exception as error:  # the service continues whatever it was
            if self._closed:
                return {"state": "interrupted"}
            _log.exception("indexing %s failed", job.targets)
            return {
                "state": "failed",
                "error": shown_path(" ".join(str(error).split()), local=True) or type(error).__name__,
            }
        finally:
            self._refresh()
        problems = _problems(report)
        ended = self.job(job.id)
        if problems["problems"] and not (ended.total or ended.done):  # not one file was found
            return {"state": "failed", "error": problems["problems"][0], **problems}
        return {"state": "done", **problems}

    def _run(self, job: Job, cancel: threading.Event) -> Report:
        def check() -> None:
            if cancel.is_set():
                raise Cancelled

        def tell(progress: Progress) -> None:
            check()
            self._update(job.id, **_counts(progress))
            self._engine.yield_to_searches()

        options = IndexOptions(retry_failed=job.retry_failed, prune=job.prune, words=job.words)
        encoder = self._engine.searcher().encoder
        if cancel.is_set():
            raise Cancelled
        self._engine.check_there()  # or a new library would be made where it was
        with self._engine.open_catalog() as self._catalog:
            try:
                return Indexer(self._catalog, encoder, options).run(job.targets, tell=tell, check=check)
            finally:
                self._catalog = None

    def _refresh(self) -> None:
        """Make what was indexed visible to searches."""
        if self._closed:
            return
        try:
            self._engine.refresh(save=True)
        except Exception:  # the next search tries again, and reports it
            _log.exception("the vector index could not be synced")

    def _update(self, number: str, **changes: Any) -> Job:
        with self._lock:
            before = self._jobs[number]
            job = self._jobs[number] = before.model_copy(update=changes)
            if job.state != before.state or time.monotonic() - self._saved_at > _SAVE_SECONDS:
                self._save(job)
            return job

    def _save(self, job: Job, *, among: Collection[str] | None = None) -> None:
        """Keep a job in the library, so that other services show it, and this one after a restart.

        Args:
            among: of a new job: the older ones that are kept too.
        """
        self._saved_at = time.monotonic()
        record = job.model_dump(mode="json") | {"server": self._server, "told_at": time.time()}
        try:
            self._engine.catalog.jobs.put(job.id, json.dumps(record), last=among is not None)
            if among is not None:
                self._engine.catalog.jobs.keep({*among, job.id})
        except (StoreError, sqlite3.Error) as error:  # a library that takes nothing is none that is indexed either
            _log.warning("the job %s is not kept: %s", job.id, error)


def _runs(record: str) -> bool:
    """Whether the service that wrote the record of an unfinished job is still at it, as far as that can be known."""
    told = json.loads(record)
    server, told_at = told.get("server"), told.get("told_at")
    if not isinstance(server, dict) or not isinstance(told_at, float) or time.time() - told_at > _SILENT_SECONDS:
        return False
    return server.get("host") != socket.gethostname() or _is_alive(server.get("pid"))


def _is_alive(pid: Any) -> bool:
    """Whether a process of this machine, of whatever user, is there."""
    if not isinstance(pid, int) or pid <= 0:
        return False
    if os.name == "posix":  # elsewhere this signal ends a process
        try:
            os.kill(pid, 0)
        except PermissionError:
            return True
        except (OSError, OverflowError):
            return False
    return True


def _interrupted(job: Job) -> Job:
    return job.model_copy(update={"state": "interrupted", "current": []})


def target_path(text: str) -> str:
    """Return the path that a person pasted: without quotation marks around it, not as an address, with `~` expanded."""
    text = text.strip()
    for quote in ('"', "'"):
        if len(text) > 1 and text[0] == text[-1] == quote:
            text = text[1:-1]
    if text.lower().startswith("file://"):
        parts = urlsplit(text)
        if parts.netloc not in ("", "localhost"):
            raise ApiError(422, f"The file is on another machine: {text[:200]!a}.")
        text = url2pathname(parts.path)
    return os.path.expanduser(text)


def _counts(progress: Progress) -> dict[str, Any]:
    current = [shown_path(progress.path, local=False)] if progress.done < progress.total else []
    if progress.source:
        counts = {"words_done": progress.done, "words_total": progress.total}
        return {"stage": progress.source, "current": current, **counts}
    return {
        "done": progress.done,
        "total": progress.total,
        "indexed": progress.indexed,
        "failed": progress.failed,
        "skipped": progress.done - progress.indexed - progress.failed,
        "current": current,
    }


def _problems(report: Report) -> dict[str, Any]:
    problems = [f"{shown_path(path, local=True)}: {reason}" for path, reason in report.problems]
    problems += [f"{shown_path(path, local=True)}: no words: {reason}" for path, reason in report.unrecognized]
    problems += [f"{shown_path(each.path, local=True)}: {each.reason}" for each in report.failed]
    return {"problems": problems[:_MAX_PROBLEMS]}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
