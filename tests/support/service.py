"""A service in this process, with a tiny random model and videos made on the fly."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from starlette.testclient import TestClient

from model.encoder.contract import Encoder
from model.encoder.load import load
from model.network import checkpoint
from search.library import Library
from search.service.app import create
from search.service.backend.settings import Settings
from search.service.backend.state import ServiceState
from tests.support.media import render
from tests.support.tiny_model import tiny_model, tiny_tokenizer

API = "/api/v1"
ADDRESS = "http://127.0.0.1:8420"
DEADLINE = 120.0  # seconds, for whatever runs in the background on a busy machine


def tiny_encoder(folder: Path, *, seed: int = 0) -> Encoder:
    checkpoint.save(tiny_model(seed=seed), tiny_tokenizer(), folder)
    return load(folder)


def make_films(folder: Path) -> Path:
    """Three videos, one with subtitles, and a file that is none."""
    folder.mkdir()
    render(folder / "first.mp4", frames=75)
    render(folder / "second.mp4", frames=50, paint=lambda index: np.full((96, 160, 3), (250, 250, 0), np.uint8))
    render(folder / "third.webm", frames=25, codec="libvpx", paint=lambda index: np.full((96, 160, 3), 9, np.uint8))
    (folder / "first.srt").write_text("1\n00:00:00,000 --> 00:00:02,000\na red square <b>moves</b> left\n")
    (folder / "broken.mp4").write_bytes(b"not a video at all")
    return folder


def filled(folder: Path, films: Path, encoder: Encoder) -> Path:
    """A library of films."""
    with Library(folder, encoder=encoder) as library:
        library.index([films])
    return folder


@contextmanager
def serving(folder: Path, encoder: Encoder, *, base_url: str = ADDRESS, **settings: Any) -> Iterator[TestClient]:
    app = create(Library(folder, encoder=encoder), Settings(**settings))
    with TestClient(app, base_url=base_url) as client:
        yield client


def state_of(client: TestClient) -> ServiceState:
    state = client.app.state.service  # type: ignore[attr-defined]
    assert isinstance(state, ServiceState)
    return state


def get(client: TestClient, where: str, **parameters: object) -> dict[str, Any]:
    answer = client.get(f"{API}/{where}", params=parameters)
    assert answer.status_code == 200, answer.text
    return answer.json()


def problem(answer: Any, status: int) -> dict[str, Any]:
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text
    body = answer.json()
    assert (body["status"], body["type"]) == (status, "about:blank")
    assert body["title"]
    assert body["detail"]
    return body


def previews_made(client: TestClient) -> bool:
    """Wait until no preview is queued or being made; whether that was so before the deadline."""
    previews = state_of(client).previews
    with previews._changed:
        return previews._changed.wait_for(lambda: previews._making is None and not previews._wanted, DEADLINE)
