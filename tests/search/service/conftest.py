"""A service of a small library, for the tests of all routes."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from model.encoder.contract import Encoder
from tests.support.service import filled, make_films, serving, tiny_encoder


@pytest.fixture(scope="session")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Encoder:
    return tiny_encoder(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="session")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_films(tmp_path_factory.mktemp("media") / "films")


@pytest.fixture(scope="session")
def library(films: Path, encoder: Encoder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return filled(tmp_path_factory.mktemp("library"), films, encoder)


@pytest.fixture(scope="session")
def client(library: Path, encoder: Encoder) -> Iterator[TestClient]:
    with serving(library, encoder) as client:
        yield client


@pytest.fixture
def own(library: Path, encoder: Encoder, tmp_path: Path) -> Iterator[TestClient]:
    """A client of a library that a test may change."""
    with serving(Path(shutil.copytree(library, tmp_path / "library")), encoder) as client:
        yield client
