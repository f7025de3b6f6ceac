"""/export."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.testclient import TestClient

from search.export.formats import MEDIA_TYPES
from tests.support.service import API, get, problem


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
