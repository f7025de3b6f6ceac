"""What people are told an answer is worth, and the confidence it rests on."""

import numpy as np
import pytest

from model.encoder.contract import Encoder
from model.encoder.prompts import everyday_query_lines
from search.ranking.calibration import (
    HIGH,
    MATCH,
    MEDIUM,
    NOTHING,
    SURE,
    Background,
    Verdict,
    confidence_level,
    everyday,
    verdict,
)
from store.catalog.catalog import Catalog
from store.types import Hit, Moment


def moments(*confidences: float | None) -> list[Moment]:
    hit = Hit(1, 1, "/v/a.mp4", 0.0, 5.0, "", 0.5)
    return [Moment("/v/a.mp4", 0.0, 5.0, 0.5, "", (hit,), confidence=confidence) for confidence in confidences]


@pytest.mark.parametrize(
    ("confidences", "said"),
    [
        ((), "nothing"),
        ((None, None), "match"),  # filters alone, or a clip
        ((SURE, 0.0, 0.0, 0.0, 0.0), "match"),  # one that is sure is enough
        ((MATCH,) * 5, "match"),  # several that are likely are too
        ((MATCH, 0.0, 0.0, 0.0, 0.0), "nothing"),  # one that is only likely is not
        ((NOTHING,) * 5, "unsure"),
        ((NOTHING - 0.01,) * 20, "nothing"),
        ((0.0,) * 20 + (MATCH,) * 5, "match"),  # whatever the order
    ],
)
def test_the_verdict_on_moments(confidences: tuple[float | None, ...], said: Verdict) -> None:
    assert verdict(moments(*confidences)) == said


def test_the_level_of_a_confidence() -> None:
    levels = [confidence_level(confidence) for confidence in (1.0, HIGH, HIGH - 0.01, MEDIUM, MEDIUM - 0.01, 0.0)]
    assert levels == ["high", "high", "medium", "medium", "low", "low"]


@pytest.fixture
def background() -> Background:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(430, 16)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return Background(vectors[:400], 400, vectors[400:])


def test_confidence_is_the_same_for_models_that_use_less_of_the_scale(background: Background) -> None:
    likeness = np.array([-0.2, 0.1, 0.4, 0.9], np.float32)
    bias = np.ones((430, 1), np.float32)  # a component that all have: cosines between 0.8 and 1
    narrow = np.concatenate([3 * bias, np.concatenate([background.vectors, background.everyday])], axis=1) / 10**0.5
    squeezed = Background(narrow[:400], 400, narrow[400:])
    shifted = 0.1 * likeness + 0.9 * (1 - 0.25)  # as cosines and what is taken off them change
    np.testing.assert_allclose(background.confidence(likeness), squeezed.confidence(shifted), atol=1e-3)


def test_confidence_grows_with_likeness(background: Background) -> None:
    confidence = background.confidence(np.linspace(-1, 1, 20, dtype=np.float32))
    assert (np.diff(confidence) > 0).all()
    assert 0 < confidence[0] < 0.05
    assert 0.3 < confidence[-1] < 1


def test_what_is_near_to_every_query_is_less_alike(background: Background) -> None:
    query = background.everyday[:1]
    hub = background.everyday.mean(axis=0, keepdims=True)
    hub /= np.linalg.norm(hub)
    plain = query + 0.1 * background.vectors[:1]
    pair = np.concatenate([hub, plain / np.linalg.norm(plain)])
    taken = (pair @ query.T).ravel() - background.likeness(query, pair)
    assert taken[0] > taken[1]
    np.testing.assert_array_equal(background.likeness(query, pair, told=False), (pair @ query.T).ravel())


def test_hubness_is_measured_by_the_query_bank_of_the_encoder(background: Background) -> None:
    query, others = background.everyday[:1], background.vectors[:5]
    same = Background(background.vectors, 400, background.everyday, np.zeros((0, 16), np.float32))
    np.testing.assert_array_equal(same.likeness(query, others), background.likeness(query, others))
    bank = -background.vectors[5:30]
    banked = Background(background.vectors, 400, background.everyday, bank)
    nearest = np.sort(others @ bank.T, axis=1)[:, -20:].mean(axis=1)
    expected = (others @ query.T).ravel() - 0.5 * nearest
    np.testing.assert_allclose(banked.likeness(query, others), expected, atol=1e-6)


def test_pictures_are_read_against_pictures(background: Background) -> None:
    usual = background.usual(np.array([0.0, 0.5], np.float32), told=False)
    assert abs(usual[0]) < 0.2  # random directions
    assert usual[1] > 1.5


def test_everyday_queries_are_read_once_for_a_library(encoder: Encoder, monkeypatch: pytest.MonkeyPatch) -> None:
    with Catalog(":memory:") as catalog:
        read = everyday(catalog, encoder)
        assert read.shape == (len(everyday_query_lines()), encoder.dim)
        monkeypatch.setattr(encoder, "embed_text", None)
        np.testing.assert_array_equal(everyday(catalog, encoder), read)


def test_readings_belong_to_their_encoder_and_texts() -> None:
    vectors = np.eye(3, dtype=np.float32)
    with Catalog(":memory:") as catalog:
        assert catalog.readings("one", ["a"]) is None
        catalog.put_readings("one", ["a", "b", "c"], vectors)
        kept = catalog.readings("one", ["c", "a"])
        assert kept is not None
        np.testing.assert_array_equal(kept, vectors[[2, 0]])
        assert catalog.readings("two", ["a"]) is None
        assert catalog.readings("one", ["a", "d"]) is None
        catalog.put_readings("two", ["a"], vectors[:1])
        assert catalog.readings("one", ["b"]) is None
        with pytest.raises(ValueError, match="2 texts and 3 vectors"):
            catalog.put_readings("one", ["a", "b"], vectors)
        with pytest.raises(ValueError, match="length"):
            catalog.put_readings("one", ["a"], 2 * vectors[:1])
