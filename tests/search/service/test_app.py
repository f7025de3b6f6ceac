"""The HTTP API: what it answers, and how it says what it does not."""

from __future__ import annotations

import pytest
from pydantic import BaseModel
from starlette.testclient import TestClient

from search.service.backend import schemas as answers
from search.service.backend.jobs import Job, JobRequest
from search.service.backend.uploads import Upload
from search.service.routes.export import ExportRequest
from tests.support.service import API, problem

EXAMPLES = ("Moment", "Video", "Segment", "Cue", "Folder", "Failure", "Status")


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
