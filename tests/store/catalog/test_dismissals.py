"""Pairs of videos that are not the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from store.catalog import migrations
from store.catalog.catalog import Catalog


def test_a_pair_has_no_order_and_is_written_once(catalog: Catalog):
    said = catalog.dismissals.add("b", "a")
    assert said.hashes == ("a", "b")
    assert catalog.dismissals.add("a", "b") == said
    other = catalog.dismissals.add("c", "c")
    assert catalog.dismissals.all() == [other, said]
    assert catalog.dismissals.remove(said.id)
    assert not catalog.dismissals.remove(said.id)
    assert not catalog.dismissals.remove(2**70)
    assert catalog.dismissals.all() == [other]


def test_an_older_library_gets_the_table(tmp_path: Path):
    with pytest.MonkeyPatch.context() as before:
        older = migrations.MIGRATIONS[: migrations.MIGRATIONS.index(migrations.add_dismissals)]
        before.setattr(migrations, "MIGRATIONS", older)
        Catalog.open(tmp_path / "catalog.sqlite").close()
    with Catalog.open(tmp_path / "catalog.sqlite") as catalog:
        assert catalog.dismissals.all() == []
        catalog.dismissals.add("a", "b")
    with Catalog.open(tmp_path / "catalog.sqlite") as catalog:
        assert [pair.hashes for pair in catalog.dismissals.all()] == [("a", "b")]
