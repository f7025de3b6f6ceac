from __future__ import annotations

from collections.abc import Iterator

import pytest

from store.catalog.catalog import Catalog
from store.types import EncoderInfo
from tests.support.catalog import DIM


@pytest.fixture
def catalog() -> Iterator[Catalog]:
    with Catalog.open(":memory:", EncoderInfo("mini@1", DIM)) as opened:
        yield opened
