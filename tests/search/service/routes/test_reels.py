"""/reels: collected moments."""

from __future__ import annotations

import io
import zipfile

from starlette.testclient import TestClient

from tests.support.service import API, get, problem


def test_a_reel_is_collected_sorted_changed_and_exported(own: TestClient):
    first, second = get(own, "videos")["items"][:2]
    assert own.post(f"{API}/reels/b-roll", json={"video": first["id"], "start": 0.5, "end": 1}).status_code == 201
    both = own.post(f"{API}/reels/b-roll", json={"video": second["id"], "note": "sunny"}).json()["items"]
    assert [(each["name"], each["start"], each["end"]) for each in both] == [
        ("first.mp4", 0.5, 1.0),
        ("second.mp4", 0.0, second["duration"]),
    ]
    one, two = (each["id"] for each in both)
    turned = own.put(f"{API}/reels/b-roll/order", json={"ids": [two, one]}).json()["items"]
    assert [each["id"] for each in turned] == [two, one]
    change = {"start": 0.2, "end": 0.8, "star": True, "tags": ["opening"]}
    changed = own.patch(f"{API}/reels/b-roll/moments/{two}", json=change).json()["items"][0]
    assert change.items() <= changed.items()
    assert changed["note"] == "sunny"
    assert get(own, "reels")["items"][0]["moments"] == 2
    exported = own.get(f"{API}/reels/b-roll/export", params={"format": "fcpxml", "ids": [two]})
    assert exported.text.count("<asset-clip") == 1
    assert 'filename="b-roll.fcpxml"' in exported.headers["content-disposition"]
    clips = own.get(f"{API}/reels/b-roll/export", params={"format": "zip"})
    assert len(zipfile.ZipFile(io.BytesIO(clips.content)).namelist()) == 2
    assert own.delete(f"{API}/reels/b-roll/moments/{one}").status_code == 204
    assert own.delete(f"{API}/reels/b-roll").status_code == 204
    assert get(own, "reels")["items"] == []


def test_what_cannot_be_collected_is_said(own: TestClient):
    video = get(own, "videos")["items"][0]["id"]
    problem(own.get(f"{API}/reels/none"), 404)
    problem(own.delete(f"{API}/reels/none"), 404)
    problem(own.post(f"{API}/reels/r", json={"video": 999}), 404)
    problem(own.post(f"{API}/reels/r", json={}), 422)
    problem(own.post(f"{API}/reels/r", json={"video": video, "start": 50}), 422)
    problem(own.post(f"{API}/reels/%20", json={"video": video}), 422)
    (held,) = own.post(f"{API}/reels/r", json={"video": video}).json()["items"]
    problem(own.patch(f"{API}/reels/r/moments/{held['id']}", json={"start": 9, "end": 2}), 422)
    problem(own.patch(f"{API}/reels/r/moments/{held['id'] + 1}", json={"note": "x"}), 404)
    problem(own.put(f"{API}/reels/r/order", json={"ids": [999]}), 422)
    problem(own.delete(f"{API}/reels/r/moments/999"), 404)
    problem(own.get(f"{API}/reels/r/export", params={"format": "doc"}), 422)
