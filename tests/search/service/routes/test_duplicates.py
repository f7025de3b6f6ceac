"""/duplicates of the service, asked without a network."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi import FastAPI

from model.encoder.contract import Encoder
from search import Library
from search.service.app import create
from search.service.backend.settings import Settings
from search.service.backend.state import _local
from store.types import NewSegment, Video


@pytest.fixture
def app(encoder: Encoder, tmp_path: Path) -> Iterator[FastAPI]:
    """Serves a library with one video twice, and a third one."""
    library = Library(tmp_path, encoder=encoder)
    library.catalog = library.engine.writable_catalog()
    for name, content, size in (("one", "a", 10), ("two", "a", 10), ("three", "b", 30)):
        rng = np.random.default_rng(ord(content))
        embedding = rng.normal(size=encoder.dim).astype(np.float32)
        frames = rng.normal(size=(20, encoder.feature_dim)).astype(np.float16)
        segment = NewSegment(
            start=0.0,
            end=10.0,
            text="",
            pts_seconds=np.arange(20) / 2,
            features=frames,
            embedding=embedding / np.linalg.norm(embedding),
            thumbnail=b"jpeg",
            thumbnail_seconds=5.0,
        )
        video = Video(f"/films/{name}.mp4", size, 1, content, "mp4", "h264", 10.0, 25.0, 640, 360, 0)
        library.catalog.put_video(video, [segment], [])
    application = create(library, Settings())
    yield application
    application.state.service.close()


def get(app: FastAPI, path: str, query: str = "") -> tuple[int, Any]:
    return ask(app, "GET", path, query=query)


def ask(app: FastAPI, method: str, path: str, body: Any = None, *, query: str = "") -> tuple[int, Any]:
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"" if body is None else json.dumps(body).encode(), "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(b"host", b"127.0.0.1:8420"), (b"content-type", b"application/json")],
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 8420),
    }
    asyncio.run(app(scope, receive, send))
    answer = b"".join(message.get("body", b"") for message in sent)
    return sent[0]["status"], json.loads(answer) if answer else None


def test_what_is_there_twice_is_listed_with_what_to_keep(app: FastAPI):
    status, answer = get(app, "/api/v1/duplicates")
    assert (status, answer["total"], answer["next"]) == (200, 1, None)
    (group,) = answer["items"]
    assert (group["kind"], group["seconds_saved"], group["bytes_saved"]) == ("copy", 10.0, 10)
    assert [(each["video"]["name"], each["keep"], each["end"]) for each in group["videos"]] == [
        ("one.mp4", True, 10.0),
        ("two.mp4", False, 10.0),
    ]
    app.state.service.library.catalog.videos.remove([group["videos"][1]["video"]["id"]])
    assert get(app, "/api/v1/duplicates")[1]["items"] == []


def test_what_is_asked_is_checked(app: FastAPI):
    assert get(app, "/api/v1/duplicates", "min_seconds=0")[0] == 422
    assert get(app, "/api/v1/duplicates", "offset=5")[1] == {"items": [], "total": 1, "next": None}


def test_a_dismissed_pair_is_listed_no_more_until_that_is_forgotten(app: FastAPI):
    (group,) = get(app, "/api/v1/duplicates")[1]["items"]
    one, two = (each["video"]["id"] for each in group["videos"])
    status, said = ask(app, "POST", "/api/v1/duplicates/dismissed", {"videos": [two, one]})
    assert (status, [[video["id"] for video in side] for side in said["videos"]]) == (201, [[one, two]] * 2)
    assert get(app, "/api/v1/duplicates")[1]["total"] == 0
    assert get(app, "/api/v1/duplicates/dismissed")[1] == {"items": [said], "total": 1, "next": None}
    gone = f"/api/v1/duplicates/dismissed/{said['id']}"
    assert [ask(app, "DELETE", gone)[0] for _ in range(2)] == [204, 404]
    assert get(app, "/api/v1/duplicates")[1]["total"] == 1


@pytest.mark.parametrize(
    ("videos", "status"), [([1, 1], 422), ([1, 99], 404), ([1], 422), ([1, 2, 3], 422), ("x", 422)]
)
def test_what_is_dismissed_are_two_videos(app: FastAPI, videos: Any, status: int):
    assert ask(app, "POST", "/api/v1/duplicates/dismissed", {"videos": videos})[0] == status
    assert get(app, "/api/v1/duplicates/dismissed")[1]["items"] == []


def test_other_computers_decide_nothing(app: FastAPI):
    app.dependency_overrides[_local] = lambda: False
    assert ask(app, "POST", "/api/v1/duplicates/dismissed", {"videos": [1, 2]})[0] == 403
    assert ask(app, "DELETE", "/api/v1/duplicates/dismissed/1")[0] == 403
