"""Indexing in the background of a service, while it is searched."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from starlette.testclient import TestClient

import search.service.backend.jobs
from indexer.pipeline import Progress
from model.encoder.contract import Encoder
from search.library import Library
from search.service.app import create
from search.service.backend.settings import Settings
from tests.support.media import render
from tests.support.service import ADDRESS, DEADLINE, filled, serving, state_of, tiny_encoder

API = "/api/v1"


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Encoder:
    return tiny_encoder(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("films")
    for number in range(4):
        grey = np.full((96, 160, 3), 60 * number + 9, np.uint8)
        render(folder / f"{number}.mp4", frames=25, paint=lambda index, grey=grey: grey)
    (folder / "broken.mp4").write_bytes(b"not a video at all")
    return folder


@pytest.fixture
def client(encoder: Encoder, tmp_path: Path) -> Iterator[TestClient]:
    with serving(tmp_path / "library", encoder) as client:
        yield client


def gone() -> int:
    """The number of a process that has ended."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    return ended.pid


def start(client: TestClient, *targets: object) -> str:
    answer = client.post(f"{API}/jobs", json={"targets": [str(target) for target in targets]})
    assert answer.status_code == 202, answer.text
    return answer.json()["id"]


def finished(client: TestClient, job: str) -> dict:
    events(client, job)
    return client.get(f"{API}/jobs/{job}").json()


def events(client: TestClient, job: str) -> list[tuple[str, dict]]:
    with client.stream("GET", f"{API}/jobs/{job}/events") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        text = "".join(stream.iter_text())
    blocks = [block.split("\n") for block in text.strip().split("\n\n") if not block.startswith(":")]
    return [(kind.removeprefix("event: "), json.loads(data.removeprefix("data: "))) for kind, data in blocks]


@pytest.fixture
def gate(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Indexing stands still after its first file until this is set; `gate.reached` says that it does."""
    opened, reached = threading.Event(), threading.Event()
    opened.reached = reached  # type: ignore[attr-defined]
    engine = state_of(client).engine
    monkeypatch.setattr(engine, "yield_to_searches", lambda: (reached.set(), opened.wait(DEADLINE)))
    yield opened
    opened.set()


def test_an_empty_library_is_filled_and_searched(client: TestClient, films: Path):
    assert client.get(f"{API}/search?q=square").json()["verdict"] == "nothing"
    told = events(client, start(client, films))
    assert [kind for kind, _ in told].index("done") == len(told) - 1
    last = told[-1][1]
    assert (last["state"], last["done"], last["total"]) == ("done", 5, 5)
    assert (last["indexed"], last["failed"], last["skipped"], last["current"]) == (4, 1, 0, [])
    assert "broken.mp4" in last["problems"][0]
    assert last["started_at"] <= last["ended_at"]
    assert len(client.get(f"{API}/search?q=square").json()["items"]) == 4
    again = finished(client, start(client, films))
    assert (again["indexed"], again["skipped"]) == (0, 5)
    assert [job["state"] for job in client.get(f"{API}/jobs").json()["items"]] == ["done", "done"]


def test_searches_are_answered_while_it_indexes(client: TestClient, films: Path, gate: threading.Event):
    job = start(client, films)
    assert gate.reached.wait(DEADLINE)  # type: ignore[attr-defined]
    running = client.get(f"{API}/jobs/{job}").json()
    assert running["state"] == "running"
    assert client.get(f"{API}/search?q=square").status_code == 200
    assert client.get(f"{API}/videos").status_code == 200
    gate.set()
    assert finished(client, job)["state"] == "done"


def test_what_is_committed_is_found_before_the_end(client: TestClient, films: Path, monkeypatch: pytest.MonkeyPatch):
    seen = []
    engine = state_of(client).engine

    def look(progress: Progress) -> dict:
        if progress.indexed == 2 and not seen:
            seen.append(len(engine.run(lambda searcher: searcher.index.ids())))
        return {"done": progress.done}

    monkeypatch.setattr("search.service.backend.jobs._counts", look)
    assert finished(client, start(client, films))["state"] == "done"
    assert seen == [2]


def test_cancelled_it_keeps_what_it_has_and_goes_on(client: TestClient, films: Path, gate: threading.Event):
    job, waiting = start(client, films), start(client, films)
    assert gate.reached.wait(DEADLINE)  # type: ignore[attr-defined]
    assert client.post(f"{API}/jobs/{waiting}/resume").status_code == 409
    assert client.post(f"{API}/jobs/{waiting}/cancel").json()["state"] == "cancelled"
    assert client.post(f"{API}/jobs/{job}/cancel").status_code == 202
    gate.set()
    assert finished(client, job)["state"] == "cancelled"
    assert events(client, job)[-1][0] == "done"
    held = client.get(f"{API}/status").json()["videos"]
    assert held < 4
    assert client.post(f"{API}/jobs/{job}/resume").json()["id"] == job
    assert finished(client, job)["indexed"] >= 4 - held - 1
    assert client.get(f"{API}/status").json()["videos"] == 4
    assert len(client.get(f"{API}/search?q=square").json()["items"]) == 4


def test_a_library_that_was_moved_away_fails_the_job_and_is_not_made_anew(
    client: TestClient, films: Path, tmp_path: Path
):
    client.get(f"{API}/search", params={"q": "a dog"})  # it is open
    (tmp_path / "library").rename(tmp_path / "elsewhere")
    job = finished(client, start(client, films / "0.mp4"))
    assert (job["state"], job["indexed"], bool(job["error"])) == ("failed", 0, True)
    assert not (tmp_path / "library").exists()
    (tmp_path / "elsewhere").rename(tmp_path / "library")
    assert finished(client, start(client, films / "0.mp4"))["state"] == "done"


def test_what_is_ignored_is_passed_over(client: TestClient, films: Path, tmp_path: Path):
    folder = tmp_path / "mine"
    for number, name in enumerate(("a.mp4", "@eaDir/a.mp4", "node_modules/a.mp4", ".hidden/a.mp4", "raw/a.mp4")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(films / f"{number % 4}.mp4", folder / name)
    (folder / ".videobertignore").write_text("raw/")
    job = finished(client, start(client, folder))
    assert (job["state"], job["total"], job["indexed"]) == ("done", 1, 1)


@pytest.mark.parametrize(
    "body", [{}, {"targets": []}, {"targets": ["relative"]}, {"targets": ["/a\0b"]}, {"targets": 3}]
)
def test_targets_are_absolute_paths(client: TestClient, body: dict):
    assert client.post(f"{API}/jobs", json=body).status_code == 422


def test_a_target_that_is_not_there_is_told(client: TestClient, tmp_path: Path):
    job = finished(client, start(client, tmp_path / "nowhere"))
    assert job["state"] == "failed"
    assert "nowhere" in job["error"]


@pytest.mark.parametrize("form", ['"{}"', "'{}'", " {} ", "file://{}", "file://localhost{}"])
def test_a_pasted_path_is_understood(client: TestClient, films: Path, tmp_path: Path, form: str):
    folder = tmp_path / "my films"
    folder.mkdir()
    shutil.copy(films / "0.mp4", folder)
    name = str(folder).replace(" ", "%20") if "file" in form else str(folder)
    job = finished(client, start(client, form.format(name)))
    assert (job["targets"], job["state"], job["indexed"]) == ([str(folder)], "done", 1)


def test_a_file_of_another_machine_is_refused(client: TestClient):
    assert client.post(f"{API}/jobs", json={"targets": ["file://server/share/film.mp4"]}).status_code == 422


def test_jobs_are_there_after_a_restart(encoder: Encoder, films: Path, tmp_path: Path):
    with serving(tmp_path / "library", encoder) as client:
        ended = start(client, films / "0.mp4")
        finished(client, ended)
        jobs = state_of(client).jobs
        killed = jobs.job(ended).model_copy(update={"id": "1", "state": "running", "total": 5, "targets": [str(films)]})
        jobs._server["pid"] = gone()
        jobs._save(killed)
        jobs._engine.catalog.jobs.put("2", "of a later version")
    with serving(tmp_path / "library", encoder) as client:
        assert [(job["id"], job["state"]) for job in client.get(f"{API}/jobs").json()["items"]] == [
            ("1", "interrupted"),
            (ended, "done"),
        ]
        assert client.post(f"{API}/jobs/1/resume").status_code == 202
        assert finished(client, "1")["indexed"] == 3


def test_another_service_of_the_library_shows_a_job_and_takes_over_one_that_is_dead(
    client: TestClient, encoder: Encoder, films: Path, gate: threading.Event, monkeypatch: pytest.MonkeyPatch
):
    folder = state_of(client).library.folder
    monkeypatch.setattr(search.service.backend.jobs, "_SAVE_SECONDS", 0.0)  # others see every step
    job = start(client, films)
    assert gate.reached.wait(DEADLINE)  # type: ignore[attr-defined]
    waiting = start(client, films / "1.mp4")
    with serving(Path(folder), encoder) as other:
        shown = {each["id"]: each["state"] for each in other.get(f"{API}/jobs").json()["items"]}
        assert shown == {waiting: "queued", job: "running"}
        assert other.get(f"{API}/jobs/{job}").json()["total"] == 5
        for what in ("cancel", "resume"):
            assert other.post(f"{API}/jobs/{job}/{what}").status_code == 409
        with monkeypatch.context() as later:
            later.setattr(search.service.backend.jobs, "_SILENT_SECONDS", -1.0)
            assert other.get(f"{API}/jobs/{job}").json()["state"] == "interrupted"
            assert other.post(f"{API}/jobs/{job}/cancel").json()["state"] == "interrupted"
        own = start(other, films / "2.mp4")
        assert finished(other, own)["state"] == "done"
        assert {each["id"] for each in client.get(f"{API}/jobs").json()["items"]} == {job, waiting, own}
        gate.set()
        assert finished(client, job)["state"] == "done"
        assert finished(other, waiting)["state"] == "done"
        assert other.post(f"{API}/jobs/{job}/resume").status_code == 202
        assert finished(other, job)["skipped"] >= 4


def test_too_many_waiting_runs_are_refused(client: TestClient, films: Path, gate: threading.Event):
    start(client, films)
    assert gate.reached.wait(DEADLINE)  # type: ignore[attr-defined]
    codes = {client.post(f"{API}/jobs", json={"targets": [str(films)]}).status_code for _ in range(21)}
    assert codes == {202, 429}


def test_a_run_that_fails_says_why_and_the_service_goes_on(
    client: TestClient, films: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("search.service.backend.jobs.Indexer", lambda *_: None)
    job = finished(client, start(client, films))
    assert job["state"] == "failed"
    assert "run" in job["error"]
    monkeypatch.undo()
    assert client.post(f"{API}/jobs/{job['id']}/resume").status_code == 202
    assert finished(client, job["id"])["state"] == "done"


def test_what_another_process_indexes_or_removes_is_known(encoder: Encoder, films: Path, tmp_path: Path):
    folder = filled(tmp_path / "library", films / "0.mp4", encoder)
    with serving(folder, encoder) as client, Library(folder, encoder=encoder) as other:
        assert len(client.get(f"{API}/search?q=square").json()["items"]) == 1
        other.index([films / "1.mp4"])
        assert len(client.get(f"{API}/search?q=square").json()["items"]) == 2
        other.remove([films / "0.mp4"])
        (left,) = client.get(f"{API}/search?q=square").json()["items"]
        assert left["name"] == "1.mp4"


def test_a_library_that_moves_to_another_model_is_served_with_it(encoder: Encoder, films: Path, tmp_path: Path):
    folder = filled(tmp_path / "library", films, encoder)
    other = tiny_encoder(tmp_path / "other", seed=1)
    with serving(folder, encoder) as client:
        before = client.get(f"{API}/search?q=square").json()["items"]
        with Library(folder) as moving:
            assert moving.reindex(tmp_path / "other").done
        after = client.get(f"{API}/search?q=square").json()["items"]
        assert {moment["name"] for moment in before} == {moment["name"] for moment in after}
        assert state_of(client).engine.encoder.fingerprint == other.fingerprint


def test_a_model_that_is_gone_is_told(encoder: Encoder, films: Path, tmp_path: Path):
    folder = filled(tmp_path / "library", films / "0.mp4", encoder)
    app = create(Library(folder, model=tmp_path / "nowhere"), Settings())
    with TestClient(app, base_url=ADDRESS) as client:
        missing = client.get(f"{API}/search?q=square")
        assert (missing.status_code, missing.headers["content-type"]) == (503, "application/problem+json")
        assert "nowhere" in missing.json()["detail"]
        assert client.get(f"{API}/status").json()["ready"] is False
        assert client.get(f"{API}/videos").json()["total"] == 1


def test_the_service_ends_while_it_indexes(encoder: Encoder, films: Path, tmp_path: Path):
    with serving(tmp_path / "library", encoder) as client:
        jobs = state_of(client).jobs
        job = start(client, films)
    for thread in threading.enumerate():
        if thread.name == "indexing":
            thread.join(DEADLINE)
    assert jobs.job(job).state in ("interrupted", "done")
    assert not list((tmp_path / "library").glob("service.json"))
