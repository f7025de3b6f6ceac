"""Clips and pictures to search by, from anyone."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from model.encoder.contract import Encoder
from search.library import Library
from tests.support.media import render, sound
from tests.support.service import filled, make_films, serving, tiny_encoder

API = "/api/v1"
ODD = (
    "001_testsrc2_vp9.webm",
    "005_gradient.avif",
    "007_frame_exceeds_screen.gif",
    "020_gradient_10bit.heic",
    "048_white-1x1.avif",
    "049_200kB-garbage-prefix.mp3",
    "086_bipbop_cbcs_video_init.mp4",
    "090_corrupted.mp4",
    "099_ttml.nhml",
    "110_gif.gif",
)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Encoder:
    return tiny_encoder(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_films(tmp_path_factory.mktemp("media") / "films")


@pytest.fixture(scope="module")
def library(films: Path, encoder: Encoder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return filled(tmp_path_factory.mktemp("library"), films, encoder)


@pytest.fixture(scope="module")
def client(library: Path, encoder: Encoder) -> Iterator[TestClient]:
    with serving(library, encoder, upload_bytes=4 * 2**20, upload_seconds=20.0) as client:
        yield client


@pytest.fixture(autouse=True)
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where uploads lie while they are looked at; nothing may be left there."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    assert list(folder.iterdir()) == []


def send(client: TestClient, content: bytes, name: str = "clip.mp4", **form: str):
    return client.post(f"{API}/uploads", files={"file": (name, content)}, data=form)


def picture(**options: object) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (64, 48), (250, 250, 0)).save(file, "JPEG", **options)
    return file.getvalue()


def test_a_clip_is_searched_by(client: TestClient, films: Path, library: Path, encoder: Encoder):
    with Library(library, encoder=encoder) as held:
        wanted = held.similar(films / "second.mp4", top=3)
    made = send(client, (films / "second.mp4").read_bytes(), "../holiday.mp4")
    assert made.status_code == 201
    upload = made.json()
    assert (upload["kind"], upload["name"]) == ("clip", "holiday.mp4")
    assert upload["seconds"] == pytest.approx(2, abs=0.6)
    found = client.get(f"{API}/similar", params={"upload": upload["upload"], "top": 3}).json()["items"]
    assert [(each["path"], each["score"]) for each in found] == [(each.path, each.score) for each in wanted]
    assert [each["match"] for each in found] == [each.match and asdict(each.match) for each in wanted]
    assert client.get(f"{API}/search", params={"upload": upload["upload"], "q": "square"}).json()["items"]
    assert client.delete(f"{API}/uploads/{upload['upload']}").status_code == 204
    assert client.get(f"{API}/similar", params={"upload": upload["upload"]}).status_code == 404


def test_a_part_of_a_clip(client: TestClient, films: Path):
    content = (films / "first.mp4").read_bytes()
    assert send(client, content, start="1", end="2").json()["seconds"] == pytest.approx(1, abs=0.6)
    assert send(client, content, start="2", end="1").status_code == 422
    assert send(client, content, start="nan").status_code == 422
    assert send(client, content, start="100", end="101").status_code == 422


def test_a_picture_is_searched_by(client: TestClient):
    upload = send(client, picture(), "photo.jpg").json()
    assert (upload["kind"], upload["seconds"]) == ("picture", 0.0)
    assert client.get(f"{API}/search", params={"upload": upload["upload"]}).json()["items"]


def test_too_large_and_too_long_are_refused(client: TestClient, tmp_path: Path):
    assert send(client, b"x" * (4 * 2**20 + 1)).status_code == 413
    assert send(client, b"x" * (5 * 2**20)).status_code == 413
    film = render(tmp_path / "long.mp4", frames=25, fps=1)
    refused = send(client, film.read_bytes())
    assert refused.status_code == 413
    assert "the clip lasts 25 s; the limit is 20 s" in refused.json()["detail"]
    assert send(client, film.read_bytes(), start="5", end="10").status_code == 201


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"", "empty.mp4"),
        (b"hello", "text.mp4"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "letter.eps"),
        (b"#EXTM3U\n#EXTINF:1,\n/etc/passwd\n", "list.m3u8"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "page.svg"),
        (b"GIF89a" + bytes(20), "broken.gif"),
        (b"\xff\xd8\xff\xe0" + bytes(50), "broken.jpg"),
        (b"\x89PNG\r\n\x1a\n" + bytes(50), "broken.png"),
        (b"x", "a" * 3000),
        (b"x", "..\\..\\\0evil\n.mp4"),
    ],
)
def test_what_is_no_media_is_refused_with_a_reason(client: TestClient, content: bytes, name: str):
    refused = send(client, content, name)
    assert refused.status_code in (415, 422), refused.text
    assert refused.headers["content-type"] == "application/problem+json"
    assert "/" not in refused.json()["detail"].replace("x/y", "")


def test_damaged_media_does_no_harm(client: TestClient, films: Path, tmp_path: Path):
    whole = (films / "first.mp4").read_bytes()
    rng = np.random.default_rng(0)
    for share in (0.3, 0.6, 0.95):
        assert send(client, whole[: int(len(whole) * share)]).status_code in (201, 415, 422)
    for _ in range(3):
        noisy = np.frombuffer(whole, np.uint8).copy()
        noisy[rng.integers(0, len(noisy), 40)] = rng.integers(0, 256, 40)
        assert send(client, noisy.tobytes()).status_code in (201, 413, 415, 422)
    assert send(client, sound(tmp_path / "song.mp3").read_bytes(), "song.mp3").status_code == 415
    assert send(client, whole).status_code == 201


def test_a_picture_that_bursts_is_refused(client: TestClient):
    file = io.BytesIO()
    Image.new("1", (30_000, 30_000)).save(file, "PNG")
    refused = send(client, file.getvalue(), "bomb.png")
    assert refused.status_code in (415, 422)


@pytest.mark.parametrize("name", ODD)
def test_odd_files(client: TestClient, data: Path, name: str):
    file = data / "odd" / name
    if not file.is_file():
        pytest.skip(f"{name} is not there")
    if file.stat().st_size > 4 * 2**20:
        pytest.skip("larger than an upload may be here")
    assert send(client, file.read_bytes(), name).status_code in (201, 413, 415, 422)


def test_forms_that_are_none(client: TestClient):
    assert client.post(f"{API}/uploads").status_code == 422
    assert client.post(f"{API}/uploads", data={"file": "text"}).status_code == 422
    broken = {"content-type": "multipart/form-data; boundary=x"}
    assert client.post(f"{API}/uploads", content=b"--y\r\nnothing", headers=broken).status_code in (400, 422)


def test_only_the_last_uploads_are_remembered(client: TestClient):
    first = send(client, picture(), "0.jpg").json()["upload"]
    for number in range(64):
        send(client, picture(), f"{number}.jpg")
    assert client.get(f"{API}/search", params={"upload": first}).status_code == 404
