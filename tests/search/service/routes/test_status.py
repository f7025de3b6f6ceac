"""/status."""

from __future__ import annotations

from pathlib import Path

from starlette.testclient import TestClient

from search.ranking.calibration import MIN_CONFIDENCES
from tests.support.service import get


def test_status(client: TestClient, library: Path):
    status = get(client, "status")
    assert (status["videos"], status["failures"], status["library"]) == (3, 1, str(library))
    assert status["local"] is True
    assert status["uploads"]["max_bytes"] > 0
    assert status["min_confidences"] == list(MIN_CONFIDENCES)
