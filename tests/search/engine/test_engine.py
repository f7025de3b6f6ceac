"""The engine brings its index up to date while it answers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import search.engine.engine
from model.encoder.contract import Encoder
from search.engine.engine import Engine
from store.types import EncoderInfo
from tests.search.engine.test_searcher import put_film, unit


def test_a_search_does_not_wait_until_much_is_in_the_index(
    encoder: Encoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search.engine.engine, "_AT_ONCE", 2)
    rng = np.random.default_rng(0)
    engine = Engine(tmp_path / "library", encoder=encoder)
    catalog = engine.catalog.with_encoder(EncoderInfo(encoder.fingerprint, encoder.dim))
    put_film(catalog, "/a.mp4", unit(rng, 3, encoder.dim), rng)
    first = engine.searcher()
    assert len(first.index) == 3  # the first search finds all there is
    put_film(catalog, "/b.mp4", unit(rng, 2, encoder.dim), rng)
    second = engine.searcher()
    assert second is not first
    assert len(second.index) == 5  # a little is added before the answer
    put_film(catalog, "/c.mp4", unit(rng, 5, encoder.dim), rng)
    with engine._refreshing:  # the thread waits
        assert engine.searcher() is second
        assert engine.searcher() is second
        assert len(second.index) == 5
    assert engine._refresher is not None
    engine._refresher.join()
    assert engine.searcher() is not second
    assert len(engine.searcher().index) == 10
    engine.close()
    with Engine(tmp_path / "library", encoder=encoder).catalog:
        assert (tmp_path / "library" / "vectors.faiss").exists()


def test_an_index_past_its_capacity_is_made_anew_after_the_first_answer(
    encoder: Encoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    engine = Engine(tmp_path / "library", encoder=encoder)
    catalog = engine.catalog.with_encoder(EncoderInfo(encoder.fingerprint, encoder.dim))
    put_film(catalog, "/a.mp4", unit(rng, 60, encoder.dim), rng)
    engine.refresh(save=True)
    monkeypatch.setattr("store.vectors.faiss_index.EXACT_LIMIT", 50)
    again = Engine(tmp_path / "library", encoder=encoder)
    assert again.index.kind == "flat"
    again.warm_up().join()
    assert again._refresher is not None
    again._refresher.join()
    assert again.index.kind == "ivf"
    assert len(again.searcher().index) == 60
    for each in (again, engine):
        each.close()
