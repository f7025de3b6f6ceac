"""Who is let in, and what strangers are not told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from model.encoder.contract import Encoder
from search.service.backend.settings import Settings
from tests.support.service import ADDRESS, filled, make_films, serving, tiny_encoder

API = "/api/v1"
TOKEN = {"authorization": "Bearer open-sesame-open-sesame"}
SECRET = "very-private-folder"


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Encoder:
    return tiny_encoder(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def library(encoder: Encoder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("media")
    (root / SECRET).mkdir()
    films = make_films(root / SECRET / "films")
    return filled(root / SECRET / "library", films, encoder)


@pytest.fixture(scope="module")
def client(library: Path, encoder: Encoder) -> Iterator[TestClient]:
    """On the machine itself."""
    with serving(library, encoder) as client:
        yield client


@pytest.fixture(scope="module")
def remote(library: Path, encoder: Encoder) -> Iterator[TestClient]:
    """On another machine."""
    settings = {"host": "0.0.0.0", "token": "open-sesame-open-sesame", "local_token": "mine"}
    with serving(library, encoder, base_url="http://192.168.1.5:8420", **settings) as client:
        yield client


@pytest.mark.parametrize(
    "host", ["evil.example:8420", "127.0.0.1:80", "127.0.0.1", "192.168.1.5:8420", "", "[::1", "a@b"]
)
def test_a_name_made_to_point_here_is_refused(client: TestClient, host: str):
    assert client.get(f"{API}/status", headers={"host": host}).status_code == 421
    assert client.get("/", headers={"host": host}).status_code == 421


@pytest.mark.parametrize("host", ["127.0.0.1:8420", "localhost:8420", "LOCALHOST:8420", "[::1]:8420"])
def test_names_of_this_machine_are_known(client: TestClient, host: str):
    assert client.get(f"{API}/status", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:9999"},
        {"origin": "https://127.0.0.1:8420"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "cross-site", "origin": ADDRESS},
    ],
)
def test_pages_of_other_sites_get_nothing(client: TestClient, headers: dict[str, str]):
    assert client.get(f"{API}/search?q=square", headers=headers).status_code == 403
    assert client.delete(f"{API}/videos/1", headers=headers).status_code == 403
    assert client.post(f"{API}/jobs", json={"targets": ["/"]}, headers=headers).status_code == 403
    assert client.put(f"{API}/searches/x", json={"query": "x"}, headers=headers).status_code == 403
    assert "access-control-allow-origin" not in client.get(f"{API}/status", headers=headers).headers


@pytest.mark.parametrize(
    "headers", [{}, {"origin": ADDRESS}, {"sec-fetch-site": "same-origin"}, {"sec-fetch-site": "none"}]
)
def test_its_own_page_and_other_programs_are_let_in(client: TestClient, headers: dict[str, str]):
    assert client.put(f"{API}/searches/own", json={"query": "x"}, headers=headers).status_code == 200


def test_a_link_from_another_site_opens_the_page(client: TestClient):
    assert client.get("/", headers={"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}).status_code == 200


def test_other_machines_need_the_token(remote: TestClient):
    assert remote.get(f"{API}/status").status_code == 401
    assert remote.get(f"{API}/status").headers["www-authenticate"] == "Bearer"
    assert remote.get("/").status_code == 401
    assert remote.get(f"{API}/openapi.json").status_code == 401
    for wrong in ("Bearer", "Bearer sesam", "Bearer sésame".encode(), "Basic sesame", "Bearer "):
        assert remote.get(f"{API}/status", headers={"authorization": wrong}).status_code == 401
    assert remote.get(f"{API}/status", headers=TOKEN).status_code == 200
    assert remote.get(f"{API}/status", headers=TOKEN | {"host": "evil.example:8420"}).status_code == 421


def test_the_token_moves_from_the_address_into_a_cookie(library: Path, encoder: Encoder):
    settings = {"host": "0.0.0.0", "token": "open-sesame-open-sesame"}
    with serving(library, encoder, base_url="http://192.168.1.5:8420", **settings) as client:
        assert client.get("/?token=wrong", follow_redirects=False).headers.get("set-cookie") is None
        greeted = client.get("/?token=open-sesame-open-sesame&q=dog", follow_redirects=False)
        assert (greeted.status_code, greeted.headers["location"]) == (303, "/?q=dog")
        cookie = greeted.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=lax" in cookie
        assert client.get(f"{API}/status").json()["local"] is False


def test_an_address_that_others_reach_needs_a_token():
    for host in ("0.0.0.0", "::", "192.168.1.5", "example.org"):
        with pytest.raises(ValueError, match="needs a token"):
            Settings(host=host)
    for host in ("127.0.0.1", "::1", "localhost", "127.9.9.9"):
        assert Settings(host=host).loopback
    with pytest.raises(ValueError, match="empty"):
        Settings(token=" ")


def test_what_changes_the_library_is_for_this_machine(remote: TestClient):
    assert remote.delete(f"{API}/videos/1", headers=TOKEN).status_code == 403
    assert remote.post(f"{API}/jobs", json={"targets": ["/"]}, headers=TOKEN).status_code == 403
    assert remote.post(f"{API}/jobs/x/cancel", headers=TOKEN).status_code == 403
    assert remote.get(f"{API}/search?q=square&within=/", headers=TOKEN).status_code == 422
    assert remote.get(f"{API}/videos?within=/", headers=TOKEN).status_code == 422


def test_a_program_that_may_read_the_library_is_told_paths(remote: TestClient, library: Path):
    status = remote.get(f"{API}/status", headers={"authorization": "Bearer mine"}).json()
    assert (status["local"], status["library"]) == (True, str(library))


def test_no_answer_tells_strangers_a_path(remote: TestClient, client: TestClient):
    job = remote.post(
        f"{API}/jobs", json={"targets": [f"/{SECRET}/films"]}, headers={"authorization": "Bearer mine"}
    ).json()
    document = remote.get(f"{API}/openapi.json", headers=TOKEN).json()
    values = {"video_id": "1", "segment_id": "1", "job_id": job["id"], "name": "own", "token": "x"}
    asked = {
        "/search": ["?q=square&explain=true", "?q=a+THEN", "?q=square&more=99999"],
        "/similar": ["?segment=1", "?segment=9999", "?upload=x"],
        "/export": [f"?q=square&format={kind}" for kind in ("json", "csv", "m3u", "edl", "otio")],
        "/videos/{video_id}/frame": ["?at=0.5"],
    }
    for where, operations in document["paths"].items():
        if "get" not in operations:
            continue
        path = where.removeprefix(API)
        for query in asked.get(path, [""]):
            said = remote.get(where.format(**values) + query, headers=TOKEN)
            assert said.status_code < 500, where
            assert SECRET not in said.text, where
            assert SECRET not in str(said.headers), where
    sent = remote.post(f"{API}/uploads", files={"file": ("x.mp4", b"no video")}, headers=TOKEN)
    assert sent.status_code == 415
    assert "/" not in sent.json()["detail"]
    assert SECRET in client.get(f"{API}/videos").text  # who is on the machine is told


def test_bodies_have_an_end(client: TestClient):
    long = client.put(f"{API}/searches/x", content=b" " * 2**21, headers={"content-type": "application/json"})
    assert long.status_code == 413
    unsaid = client.put(
        f"{API}/searches/x", content=iter([b" " * 2**20] * 3), headers={"content-type": "application/json"}
    )
    assert unsaid.status_code == 413


def test_mistakes_inside_are_not_shown(library: Path, encoder: Encoder, monkeypatch: pytest.MonkeyPatch):
    def burst(*_: object) -> None:
        raise RuntimeError(f"/home/{SECRET}")

    with serving(library, encoder) as client:
        monkeypatch.setattr("search.service.routes.vocabulary.shown_path", burst)
        client = TestClient(client.app, base_url=ADDRESS, raise_server_exceptions=False)
        said = client.get(f"{API}/vocabulary")
        assert (said.status_code, said.headers["content-type"]) == (500, "application/problem+json")
        assert SECRET not in said.text
