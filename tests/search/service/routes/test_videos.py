"""/videos, /segments, /folders, /failures and /vocabulary."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from model.encoder.contract import Encoder
from store.filters import TYPED_FILTERS
from tests.support.media import render
from tests.support.service import API, filled, get, problem, serving


def test_videos_in_pages_and_one_by_one(client: TestClient, films: Path):
    page = get(client, "videos", limit=2)
    assert [video["name"] for video in page["items"]] == ["first.mp4", "second.mp4"]
    assert page["total"] == 3
    (third,) = client.get(page["next"]).json()["items"]
    assert (third["name"], third["playable"], third["folder"]) == ("third.webm", True, str(films))
    newest = get(client, "videos", order="added")["items"]
    assert [video["id"] for video in newest] == sorted((video["id"] for video in newest), reverse=True)
    first = get(client, f"videos/{page['items'][0]['id']}")
    line = {"start": 0.0, "end": 2.0, "text": "a red square moves left", "language": "", "source": "subtitles"}
    assert first["cues"] == [line]
    segment = first["segment_list"][0]
    assert get(client, f"segments/{segment['id']}")["of_video"]["name"] == "first.mp4"
    assert len(first["segment_list"]) == first["segments"]


def test_a_video_is_forgotten_and_its_file_stays(own: TestClient, films: Path):
    number = get(own, "videos")["items"][0]["id"]
    assert own.delete(f"{API}/videos/{number}").status_code == 204
    problem(own.delete(f"{API}/videos/{number}"), 404)
    assert (films / "first.mp4").exists()
    names = {moment["name"] for moment in get(own, "search", q="square")["items"]}
    assert names == {"second.mp4", "third.webm"}


@pytest.mark.skipif(os.name != "posix", reason="names of files are text elsewhere")
def test_a_name_that_is_no_text_is_shown_with_replacements(encoder: Encoder, tmp_path: Path):
    films = tmp_path / "films"
    films.mkdir()
    film = render(films / "plain.mp4", frames=25)
    try:
        film = film.rename(films / os.fsdecode(b"caf\xe9.mp4"))
    except OSError:
        pytest.skip("this file system takes text only")
    with serving(filled(tmp_path / "library", films, encoder), encoder) as client:
        moment = get(client, "search", q="square")["items"][0]
        assert moment["name"] == "caf\N{REPLACEMENT CHARACTER}.mp4"
        assert client.get(get(client, "videos")["items"][0]["media"]).content == film.read_bytes()
        assert client.get(f"{API}/export?q=square&format=m3u").status_code == 200


def test_failures_folders_and_vocabulary(client: TestClient, films: Path):
    (failure,) = get(client, "failures")["items"]
    assert (failure["name"], failure["path"]) == ("broken.mp4", str(films / "broken.mp4"))
    assert failure["reason"]
    (folder,) = get(client, "folders")["items"]
    assert (folder["folder"], folder["videos"]) == (str(films), 3)
    vocabulary = get(client, "vocabulary")
    filters = {term["name"]: term for term in vocabulary["filters"]}
    assert list(filters) == [f"{spec.name}:" for spec in TYPED_FILTERS]
    assert vocabulary["types"] == filters["type:"]["values"] == ["mp4", "webm"]
    assert filters["in:"]["values"] == vocabulary["folders"] == [str(films)]
    assert filters["has:"]["values"] == ["subtitles", "speech", "screen-text"]
    assert [term["name"] for term in vocabulary["fields"]] == ["said:", "written:"]
    for date in filters["after:"]["values"]:
        get(client, "search", q=f"after:{date}")
    for term in [*vocabulary["filters"], *vocabulary["fields"], *vocabulary["operators"]]:
        get(client, "search", q=term["example"])


def test_folders_of_this_machine_are_browsed(client: TestClient, films: Path, tmp_path: Path):
    (tmp_path / "B").mkdir()
    (tmp_path / "a").mkdir()
    (tmp_path / ".hidden").mkdir()
    (tmp_path / "film.mp4").touch()
    seen = get(client, "browse", path=f'"{tmp_path}"')
    assert [each["name"] for each in seen["folders"]] == ["a", "B"]
    assert (seen["path"], seen["parent"], seen["videos"]) == (str(tmp_path), str(tmp_path.parent), 1)
    assert {str(Path.home()), str(films)} <= {each["path"] for each in seen["places"]}
    assert get(client, "browse")["path"] == str(Path.home())
    assert get(client, "browse", path="/")["parent"] is None
    problem(client.get(f"{API}/browse", params={"path": str(tmp_path / "nowhere")}), 404)
    problem(client.get(f"{API}/browse", params={"path": "relative"}), 422)


def test_a_folder_is_removed_and_its_files_stay(own: TestClient, films: Path):
    assert own.delete(f"{API}/folders", params={"folder": str(films)}).status_code == 204
    assert get(own, "videos")["total"] == 0
    assert (films / "first.mp4").exists()
    problem(own.delete(f"{API}/folders", params={"folder": str(films)}), 404)
    problem(own.delete(f"{API}/folders", params={"folder": "relative"}), 422)
