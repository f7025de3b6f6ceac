"""The HTTP API: what it answers, and how it says what it does not."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel
from starlette.testclient import TestClient

from model.encoder.contract import Encoder
from search.export.formats import MEDIA_TYPES
from search.library import Library
from search.ranking.calibration import MIN_CONFIDENCES, answer_quality, confidence_level
from search.service.backend import schemas as answers
from search.service.backend.jobs import Job, JobRequest
from search.service.backend.uploads import Upload
from search.service.routes.export import ExportRequest
from store.filters import TYPED_FILTERS
from tests.support.media import render
from tests.support.service import filled, make_films, serving, tiny_encoder, until

API = "/api/v1"
EXAMPLES = ("Moment", "Video", "Segment", "Cue", "Folder", "Failure", "Status")


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
    with serving(library, encoder) as client:
        yield client


@pytest.fixture
def own(library: Path, encoder: Encoder, tmp_path: Path) -> Iterator[TestClient]:
    """A client of a library that a test may change."""
    with serving(Path(shutil.copytree(library, tmp_path / "library")), encoder) as client:
        yield client


def get(client: TestClient, where: str, **parameters: object) -> dict:
    answer = client.get(f"{API}/{where}", params=parameters)
    assert answer.status_code == 200, answer.text
    return answer.json()


def problem(answer, status: int) -> dict:
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text
    said = answer.json()
    assert (said["status"], said["type"]) == (status, "about:blank")
    assert said["title"]
    assert said["detail"]
    return said


def test_status(client: TestClient, library: Path):
    status = get(client, "status")
    assert (status["videos"], status["failures"], status["library"]) == (3, 1, str(library))
    assert status["local"] is True
    assert status["uploads"]["max_bytes"] > 0
    assert status["min_confidences"] == list(MIN_CONFIDENCES)


def test_search_finds_what_the_library_finds(client: TestClient, library: Path, encoder: Encoder, films: Path):
    with Library(library, encoder=encoder) as held:
        wanted = held.search("red square", top=2, explain=True)
    found = get(client, "search", q="red square", top=2, explain=True)
    assert [(moment["start"], moment["end"], moment["score"]) for moment in found["items"]] == [
        (moment.start, moment.end, moment.score) for moment in wanted
    ]
    first = found["items"][0]
    assert (first["path"], first["name"]) == (str(films / "first.mp4"), "first.mp4")
    assert first["text"] == "a red square moves left"
    assert first["why"]["said"] == ["red", "square"]
    assert client.get(first["thumbnail"]).content.startswith(b"\xff\xd8")
    assert found["verdict"] == answer_quality(wanted)
    levels = [confidence_level(moment["confidence"]) for moment in found["items"]]
    assert [moment["confidence_level"] for moment in found["items"]] == levels
    assert found["next"] is None


def test_pages_of_moments_follow_each_other(client: TestClient):
    where, names = f"{API}/search?q=square&limit=1", []
    while where:
        page = client.get(where).json()
        names += [moment["name"] for moment in page["items"]]
        assert len(page["items"]) <= 1
        where = page["next"]
    assert sorted(names) == ["first.mp4", "second.mp4", "third.webm"]
    assert page["total"] == 3


def test_search_by_filters_segments_and_feedback(client: TestClient, films: Path):
    webm = get(client, "search", q="type:webm")["items"]
    assert [(each["name"], each["confidence_level"]) for each in webm] == [("third.webm", None)]
    within = get(client, "search", within=str(films / "second.mp4"))["items"]
    assert [each["name"] for each in within] == ["second.mp4"]
    number = within[0]["segment"]
    assert get(client, "search", segment=number)["items"][0]["segment"] == number
    assert get(client, "search", more=[number])["items"][0]["segment"] == number
    assert get(client, "search", q="dog", tag="nothing has this") == {
        "items": [],
        "total": 0,
        "next": None,
        "verdict": "nothing",
    }


def test_similar_leaves_the_segment_out(client: TestClient):
    number = get(client, "search", q="type:webm")["items"][0]["segment"]
    found = get(client, "similar", segment=number)["items"]
    assert sorted(moment["name"] for moment in found) == ["first.mp4", "second.mp4"]
    assert all(moment["match"] is None or moment["match"]["kind"] for moment in found)


@pytest.mark.parametrize(
    ("where", "status"),
    [
        ("search?q=a+THEN", 400),
        ("search", 400),
        ("search?q=a&more=999999", 404),
        ("search?segment=999999", 404),
        ("search?upload=unknown", 404),
        ("search?q=a&limit=0", 422),
        ("search?q=a&limit=101", 422),
        ("search?q=a&offset=-1", 422),
        ("search?q=a&limt=3", 422),
        ("search?q=a&more=99999999999999999999", 422),
        ("search?q=a&min_confidence=nan", 422),
        ("search?q=a&within=relative", 422),
        ("search?q=a+THEN+b&more=1", 422),
        ("similar", 422),
        ("similar?segment=1&upload=x", 422),
        ("similar?segment=999999", 404),
        ("videos/999999", 404),
        ("videos/0", 422),
        ("videos/999999/media", 404),
        ("videos/999999/storyboard", 404),
        ("videos/1/frame?at=inf", 422),
        ("segments/999999", 404),
        ("segments/999999/thumbnail", 404),
        ("jobs/unknown", 404),
        ("jobs/unknown/events", 404),
        ("searches/unknown/moments", 404),
        ("export?q=a&format=docx", 422),
        ("no/such/thing", 404),
    ],
)
def test_what_cannot_be_answered_is_a_problem(client: TestClient, where: str, status: int):
    problem(client.get(f"{API}/{where}"), status)


def test_a_query_error_points_at_the_character(client: TestClient):
    problem(client.get(f"{API}/search", params={"q": "a cat before:9999"}), 400)
    said = problem(client.get(f"{API}/search", params={"q": "a cat after:yesterday"}), 400)
    assert said["character"] == len("a cat after:")
    assert "yesterday" in said["detail"]


def test_videos_in_pages_and_one_by_one(client: TestClient, films: Path):
    page = get(client, "videos", limit=2)
    assert [video["name"] for video in page["items"]] == ["first.mp4", "second.mp4"]
    assert page["total"] == 3
    (third,) = client.get(page["next"]).json()["items"]
    assert (third["name"], third["playable"], third["folder"]) == ("third.webm", True, str(films))
    newest = get(client, "videos", order="added")["items"]
    assert [video["id"] for video in newest] == sorted((video["id"] for video in newest), reverse=True)
    first = get(client, f"videos/{page['items'][0]['id']}")
    assert first["cues"] == [{"start": 0.0, "end": 2.0, "text": "a red square moves left", "language": ""}]
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
    assert client.get(video["media"], headers={"range": "bytes=99999999-"}).status_code == 416
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
    assert filters["has:"]["values"] == ["subtitles"]
    for date in filters["after:"]["values"]:
        get(client, "search", q=f"after:{date}")
    for term in [*vocabulary["filters"], *vocabulary["operators"]]:
        get(client, "search", q=term["example"])


def test_searches_are_kept_asked_and_forgotten(own: TestClient):
    kept = own.put(f"{API}/searches/squares", json={"query": "square type:webm"})
    assert (kept.status_code, kept.json()["query"]) == (200, "square type:webm")
    assert [each["name"] for each in get(own, "searches")["items"]] == ["squares"]
    assert [moment["name"] for moment in get(own, "searches/squares/moments")["items"]] == ["third.webm"]
    problem(own.put(f"{API}/searches/squares", json={"query": "a THEN"}), 400)
    problem(own.put(f"{API}/searches/squares", json={"query": "a", "colour": "red"}), 422)
    assert own.delete(f"{API}/searches/squares").status_code == 204
    problem(own.delete(f"{API}/searches/squares"), 404)


@pytest.mark.parametrize("kind", MEDIA_TYPES)
def test_moments_are_exported(client: TestClient, films: Path, kind: str):
    found = get(client, "search", q="square")["items"][0]
    listed = [{"segment": found["segment"], "start": 0.5, "end": 1}, {"video": found["video"], "start": 0, "end": 2}]
    chosen = client.post(f"{API}/export", json={"format": kind, "moments": listed})
    searched = client.get(f"{API}/export", params={"format": kind, "q": "square"})
    for answer in (chosen, searched):
        assert answer.status_code == 200
        assert answer.headers["content-disposition"] == f'attachment; filename="moments.{kind}"'
        assert found["name"] in answer.text
    backwards = {"format": kind, "moments": [{"video": found["video"], "start": 2, "end": 1}]}
    problem(client.post(f"{API}/export", json=backwards), 422)


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
        assert until(lambda: client.get(video["preview"]).status_code != 202)
        ready = client.get(video["preview"], headers={"range": "bytes=0-99"})
        assert (ready.status_code, ready.headers["content-type"]) == (206, "video/mp4")
        assert ready.content[4:8] == b"ftyp"
        assert client.get(video["preview"]).headers["etag"] == ready.headers["etag"]


def test_every_operation_is_described(client: TestClient):
    document = client.get(f"{API}/openapi.json").json()
    for where, operations in document["paths"].items():
        for method, operation in operations.items():
            assert operation["description"], (method, where)
            assert operation["tags"], (method, where)
            default = operation["responses"]["default"]
            assert list(default["content"]) == ["application/problem+json"], (method, where)
    assert {name for name, schema in document["components"]["schemas"].items() if "examples" in schema} >= {
        *("Moment", "Video", "Segment", "Cue", "Folder", "Failure", "Status", "Upload", "Job", "Problem"),
        *("JobRequest", "ExportRequest", "Kept"),
    }


@pytest.mark.parametrize(
    "model", [*(getattr(answers, name) for name in EXAMPLES), Upload, Job, JobRequest, ExportRequest]
)
def test_examples_are_true(model: type[BaseModel]):
    (example,) = model.model_json_schema()["examples"]
    assert set(example) <= set(model.model_fields)
    model.model_validate(example)


def test_the_page_and_what_it_may_load(client: TestClient):
    for where in ("/", "/?view=library&q=dog"):
        page = client.get(where)
        assert page.headers["content-type"].startswith("text/html")
        assert page.headers["etag"]
    policy = page.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert page.headers["x-content-type-options"] == "nosniff"
    problem(client.get("/nothing/here.js"), 404)
    problem(client.get("/..%2f..%2fpyproject.toml"), 404)
    problem(client.post(f"{API}/status"), 405)
