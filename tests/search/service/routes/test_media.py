"""/thumbnail, /media, /preview, /storyboard and /frame."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from model.encoder.contract import Encoder
from tests.support.media import render
from tests.support.service import API, filled, get, previews_made, problem, serving


def test_thumbnails_are_not_sent_twice(client: TestClient):
    where = get(client, "search", q="square")["items"][0]["thumbnail"]
    first = client.get(where)
    assert first.headers["content-type"] == "image/jpeg"
    again = client.get(where, headers={"if-none-match": f'"other", W/{first.headers["etag"]}'})
    assert (again.status_code, again.content) == (304, b"")
    head = client.head(where)
    assert (head.status_code, head.content, head.headers["etag"]) == (200, b"", first.headers["etag"])


def test_media_in_ranges(client: TestClient, films: Path):
    video = get(client, "videos")["items"][0]
    content = (films / "first.mp4").read_bytes()
    whole = client.get(video["media"])
    assert (whole.content, whole.headers["content-type"]) == (content, "video/mp4")
    part = client.get(video["media"], headers={"range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, content[10:20])
    assert part.headers["content-range"] == f"bytes 10-19/{len(content)}"
    assert client.get(video["media"], headers={"range": "bytes=-5"}).content == content[-5:]
    assert client.get(video["media"], headers={"range": "Bytes = 0-4"}).content in (content, content[:5])
    for unit in ("pages=1-2", "items=", "seconds=0-1"):
        whole = client.get(video["media"], headers={"range": unit})
        assert (whole.status_code, whole.content) == (200, content)
    for asked, status in (("bytes=99999999-", 416), ("bytes=abc", 400), ("bytes=9-3", 400)):
        refused = client.get(video["media"], headers={"range": asked})
        assert (refused.status_code, refused.json()["status"]) == (status, status)
        assert refused.headers["content-type"] == "application/problem+json"
    assert (
        client.get(video["media"], headers={"range": "bytes=99999999-"}).headers["content-range"].startswith("bytes */")
    )
    head = client.head(video["media"])
    assert (head.content, head.headers["content-length"]) == (b"", str(len(content)))


def test_only_the_file_that_was_indexed_is_sent(encoder: Encoder, tmp_path: Path):
    film = render(tmp_path / "film.mp4", frames=25)
    folder = filled(tmp_path / "library", film, encoder)
    (tmp_path / "diary.txt").write_text("secret")
    with serving(folder, encoder) as client:
        where = get(client, "videos")["items"][0]["media"]
        film.unlink()
        problem(client.get(where), 404)
        film.symlink_to(tmp_path / "diary.txt")
        assert "secret" not in problem(client.get(where), 409)["detail"]
        film.unlink()
        film.mkdir()
        problem(client.get(where), 409)


def test_storyboard_and_frames(client: TestClient):
    video = get(client, "videos")["items"][0]
    story = get(client, f"videos/{video['id']}/storyboard", frames=3)
    assert 1 <= len(story["frames"]) <= 3
    assert story["chapters"][0]["title"]
    for picture in (story["frames"][0]["image"], story["chapters"][0]["thumbnail"]):
        answer = client.get(picture)
        assert answer.headers["content-type"] == "image/jpeg"
        assert answer.content.startswith(b"\xff\xd8")
    assert client.get(f"{API}/videos/{video['id']}/frame?at=100000").status_code == 200  # the last one


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not on this machine")
def test_what_browsers_do_not_play_is_made_into_a_preview(encoder: Encoder, tmp_path: Path):
    film = render(tmp_path / "film.avi", frames=25, codec="mpeg4")
    with serving(filled(tmp_path / "library", film, encoder), encoder) as client:
        (video,) = get(client, "videos")["items"]
        assert video["playable"] is False
        waiting = client.get(video["preview"])
        assert (waiting.status_code, waiting.headers["retry-after"]) == (202, "1")
        assert previews_made(client)
        ready = client.get(video["preview"], headers={"range": "bytes=0-99"})
        assert (ready.status_code, ready.headers["content-type"]) == (206, "video/mp4")
        assert ready.content[4:8] == b"ftyp"
        assert client.get(video["preview"]).headers["etag"] == ready.headers["etag"]
