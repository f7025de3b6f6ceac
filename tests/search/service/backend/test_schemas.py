"""The service against its own description: what the description allows, and much that it does not, is answered."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from starlette.testclient import TestClient

from indexer.pipeline import Report
from tests.support.service import ADDRESS, filled, make_films, serving, tiny_encoder

CHECKS = [not_a_server_error, content_type_conformance, response_schema_conformance, status_code_conformance]
FEW = settings(
    max_examples=6,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate],
)


class Idle:
    """An indexer that leaves the disk alone: targets are made up here."""

    def __init__(self, *_: object) -> None:
        pass

    def run(self, *_: object, **__: object) -> Report:
        return Report()


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    encoder = tiny_encoder(tmp_path_factory.mktemp("model"))
    films = make_films(tmp_path_factory.mktemp("media") / "films")
    with (
        pytest.MonkeyPatch.context() as patch,
        serving(filled(tmp_path_factory.mktemp("library"), films, encoder), encoder) as client,
    ):
        patch.setattr("search.service.backend.jobs.Indexer", Idle)
        yield TestClient(client.app, base_url=ADDRESS, raise_server_exceptions=False)


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
def test_whatever_is_asked_is_answered_as_described(client: TestClient, mode: GenerationMode):
    schema = schemathesis.openapi.from_dict(client.get("/api/v1/openapi.json").json())
    asked = 0
    for found in schema.get_all_operations():
        operation = found.ok()
        assert operation is not None

        @FEW
        @given(case=operation.as_strategy(generation_mode=mode))
        def answered(case: Case) -> None:
            nonlocal asked
            asked += 1
            case.validate_response(send(client, case), checks=CHECKS)

        with suppress(Unsatisfiable):  # nothing can be wrong with a request that has no parameters
            answered()
    assert asked > 100


def send(client: TestClient, case: Case) -> Any:
    request = requests.Request(**case.as_transport_kwargs(base_url=ADDRESS)).prepare()
    return client.request(request.method, request.url, headers=dict(request.headers), content=request.body)
