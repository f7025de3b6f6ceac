"""What orchestrators and Prometheus ask of a service."""

from __future__ import annotations

from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from model.encoder.contract import Encoder
from search.library import Library
from search.service.app import create
from search.service.backend.settings import Settings
from tests.support.service import ADDRESS, API, get, serving, state_of

READER = {"authorization": "Bearer a-token-for-reading"}


def samples(client: TestClient, **headers: dict[str, str]) -> dict[tuple[str, ...], float]:
    answer = client.get("/metrics", **headers)
    assert answer.status_code == 200
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_it_is_healthy_at_once_and_ready_when_the_model_is(
    library: Path, encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(library, encoder, token="a-token-for-everything") as client:
        state = state_of(client)
        get_status = f"{API}/status"
        assert client.get(get_status).status_code == 401
        client.get("/healthz").raise_for_status()
        state.engine.searcher()
        ready = client.get("/readyz")
        assert (ready.status_code, ready.text) == (200, "ready\n")
        with monkeypatch.context() as broken:
            broken.setattr(state.engine, "data_version", lambda: 1 / 0)
            assert client.get("/readyz").text == "the library does not answer\n"
        state.closing.set()
        ending = client.get("/readyz")
        assert (ending.status_code, ending.text) == (503, "the service is ending\n")
        assert client.get("/healthz").text == "ok\n"
        assert client.get("/healthz", headers={"host": "evil.example"}).status_code == 421
        assert client.post("/healthz").status_code == 401


def test_without_its_model_it_is_not_ready(tmp_path: Path) -> None:
    with TestClient(create(Library(tmp_path, model=tmp_path / "none"), Settings()), base_url=ADDRESS) as client:
        answer = client.get("/readyz")
        assert (answer.status_code, answer.text) == (503, "the model is not loaded\n")


def test_requests_are_counted_by_their_routes(library: Path, encoder: Encoder) -> None:
    tokens = {"token": "a-token-for-everything", "read_token": "a-token-for-reading"}
    with serving(library, encoder, **tokens) as client:
        assert client.get("/metrics").status_code == 401
        state_of(client).engine.searcher()
        for number in (1, 2, 999):
            client.get(f"{API}/videos/{number}", headers=READER)
        client.get(f"{API}/nothing/{'x' * 50}", headers=READER)
        client.request("BREW", "/coffee", headers=READER)
        client.get("/wp-login.php")
        found = samples(client, headers=READER)
        counted = "videobert_http_requests_total"
        route = "/videos/{video_id}"
        assert (found[counted, "GET", route, "200"], found[counted, "GET", route, "404"]) == (2, 1)
        assert found["videobert_http_request_seconds_count", route] == 3
        assert not [name for name in found if any("xxx" in part or "wp-" in part or "BREW" in part for part in name)]
        assert found["videobert_http_requests_running",] == 1
        assert (found["videobert_ready",], found["videobert_segments",] > 0) == (1, True)
        assert found["process_resident_memory_bytes",] > 0


def test_jobs_are_counted_by_their_state(own: TestClient, films: Path) -> None:
    job = own.post(f"{API}/jobs", json={"targets": [str(films / "first.mp4")]}).json()["id"]
    with own.stream("GET", f"{API}/jobs/{job}/events") as stream:
        stream.read()
    assert get(own, f"jobs/{job}")["state"] == "done"
    assert samples(own)["videobert_jobs", "done"] == 1
