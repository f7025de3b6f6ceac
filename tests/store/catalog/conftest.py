from __future__ import annotations

from collections.abc import Iterator

import pytest

from store.catalog.catalog import Catalog
from store.types import EncoderInfo
from tests.support.catalog import DIM
from tests.support.postgres import new_library


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Where a library can be made: every part of a catalog has to pass its tests on both."""
    if request.param == "postgresql":
        return new_library(request.getfixturevalue("postgres"))
    return str(tmp_path_factory.mktemp("library") / "library.db")


@pytest.fixture
def catalog(address: str) -> Iterator[Catalog]:
    place = address if address.startswith("postgresql:") else ":memory:"
    with Catalog.open(place, EncoderInfo("mini@1", DIM)) as opened:
        yield opened
