"""/search, /similar and /searches."""

from __future__ import annotations

from pathlib import Path

from starlette.testclient import TestClient

from model.encoder.contract import Encoder
from search.library import Library
from search.ranking.calibration import answer_quality, confidence_level
from tests.support.service import API, get, problem


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
    where, names = f"{API}/search?q=longer:0s&limit=1", []
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
        "note": "",
    }


def test_similar_leaves_the_segment_out(client: TestClient):
    number = get(client, "search", q="type:webm")["items"][0]["segment"]
    found = get(client, "similar", segment=number, top=10)["items"]
    assert sorted(moment["name"] for moment in found) == ["first.mp4", "second.mp4"]
    assert all(moment["match"] is None or moment["match"]["kind"] for moment in found)


def test_a_query_error_points_at_the_character(client: TestClient):
    problem(client.get(f"{API}/search", params={"q": "a cat before:2024-13"}), 400)
    said = problem(client.get(f"{API}/search", params={"q": "a cat after:yesterday"}), 400)
    assert said["character"] == len("a cat after:")
    assert "yesterday" in said["detail"]


def test_searches_are_kept_asked_and_forgotten(own: TestClient):
    kept = own.put(f"{API}/searches/squares", json={"query": "type:webm"})
    assert (kept.status_code, kept.json()["query"]) == (200, "type:webm")
    assert [each["name"] for each in get(own, "searches")["items"]] == ["squares"]
    assert [moment["name"] for moment in get(own, "searches/squares/moments")["items"]] == ["third.webm"]
    problem(own.put(f"{API}/searches/squares", json={"query": "a THEN"}), 400)
    problem(own.put(f"{API}/searches/squares", json={"query": "a", "colour": "red"}), 422)
    assert own.delete(f"{API}/searches/squares").status_code == 204
    problem(own.delete(f"{API}/searches/squares"), 404)


def test_an_answer_ends_where_nothing_is_likely(client: TestClient):
    found = get(client, "search", q="square")
    assert [(each["name"], each["basis"], each["likely"]) for each in found["items"]] == [("first.mp4", "said", True)]
    assert (found["total"], found["next"], found["verdict"]) == (1, None, "match")
    assert found["items"][0]["lines"][0]["marks"] == [[6, 12]]
    nothing = get(client, "search", q="xylophone", only="words")
    assert (nothing["items"], nothing["verdict"]) == ([], "nothing")
    assert len(get(client, "search", q="square", top=10)["items"]) == 3  # so many were asked for


def test_clips_that_are_like_nothing_are_said_to_be(client: TestClient):
    webm = get(client, "search", q="type:webm")["items"][0]["segment"]
    alike = get(client, "similar", segment=webm, top=10)
    best = alike["items"][0]
    assert alike["verdict"] == (
        "match" if best["confidence"] >= 0.1 else "unsure" if best["confidence"] >= 0.03 else "nothing"
    )
    confidences = [each["confidence"] for each in alike["items"]]
    assert confidences == sorted(confidences, reverse=True)
