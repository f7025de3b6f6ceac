"""What people are told an answer is worth, and the confidence it rests on."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from model.encoder.contract import Encoder
from model.encoder.prompts import everyday_query_lines
from search.ranking.calibration import (
    HIGH,
    LEAST,
    LIKELY,
    MEDIUM,
    UNLIKELY,
    AnswerQuality,
    Calibrator,
    answer_quality,
    confidence_level,
    everyday_embeddings,
    frames_confidence,
    label_evidence,
)
from search.ranking.moments import Hit, Moment
from store.catalog.catalog import Catalog
from store.types import EncoderInfo, Label, NewSegment, Video


def moments(*confidences: float | None) -> list[Moment]:
    hit = Hit(1, 1, "/v/a.mp4", 0.0, 5.0, "", 0.5)
    return [Moment("/v/a.mp4", 0.0, 5.0, 0.5, "", (hit,), confidence=confidence) for confidence in confidences]


@pytest.mark.parametrize(
    ("confidences", "quality"),
    [
        ((), "nothing"),
        ((None, None), "match"),  # filters alone
        ((LIKELY, 0.0), "match"),  # one that is likely is enough
        ((0.0,) * 20 + (LIKELY,), "match"),  # whatever the order
        ((LIKELY - 0.01,) * 20, "unsure"),
        ((UNLIKELY,), "unsure"),
        ((UNLIKELY - 0.01,) * 20, "nothing"),
    ],
)
def test_the_verdict_on_moments(confidences: tuple[float | None, ...], quality: AnswerQuality) -> None:
    assert answer_quality(moments(*confidences)) == quality


def test_a_clip_has_the_confidences_that_words_have() -> None:
    similar = [frames_confidence(similarity) for similarity in (-1.0, 0.16, 0.25, 0.58, 0.85, 1.0)]
    assert similar == sorted(similar)
    assert similar[1] < LEAST < similar[2] < LIKELY < HIGH < similar[3]


def test_the_level_of_a_confidence() -> None:
    levels = [confidence_level(confidence) for confidence in (1.0, HIGH, HIGH - 0.01, MEDIUM, MEDIUM - 0.01, 0.0)]
    assert levels == ["high", "high", "medium", "medium", "low", "low"]


@pytest.fixture
def catalog_with_labels(tmp_path: Path) -> Iterator[Catalog]:
    vector = np.eye(8, dtype=np.float32)[0]
    with Catalog.open(tmp_path / "catalog.sqlite", EncoderInfo("e", 8)) as catalog:
        video = Video("/v/a.mp4", 1, 1, "ab", "mp4", "h264", 5.0, 25.0, 320, 240, 0)
        times, features = np.array([0.0]), np.zeros((1, 4), np.float16)
        segment = NewSegment(0.0, 5.0, "", times, features, vector, b"jpeg", 0.0, labels=(Label("dog", 0.9),))
        catalog.put_video(video, [segment], [])
        yield catalog


@pytest.fixture
def calibrator() -> Calibrator:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(430, 16)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return Calibrator(vectors[:400], 400, vectors[400:])


def test_confidence_is_the_same_for_models_that_use_less_of_the_scale(calibrator: Calibrator) -> None:
    similarity = np.array([-0.2, 0.1, 0.4, 0.9], np.float32)
    bias = np.ones((430, 1), np.float32)  # a component that all have: cosines between 0.8 and 1
    narrow = np.concatenate([3 * bias, np.concatenate([calibrator.vectors, calibrator.everyday])], axis=1) / 10**0.5
    squeezed = Calibrator(narrow[:400], 400, narrow[400:])
    shifted = 0.1 * similarity + 0.9 * (1 - 0.25)  # as cosines and what is taken off them change
    np.testing.assert_allclose(calibrator.confidence(similarity), squeezed.confidence(shifted), atol=1e-3)


def test_confidence_grows_with_similarity(calibrator: Calibrator) -> None:
    confidence = calibrator.confidence(np.linspace(-1, 1, 20, dtype=np.float32))
    assert (np.diff(confidence) > 0).all()
    assert 0 < confidence[0] < 0.05
    assert 0.3 < confidence[-1] < 1


def test_what_is_near_to_every_query_is_less_alike(calibrator: Calibrator) -> None:
    query = calibrator.everyday[:1]
    hub = calibrator.everyday.mean(axis=0, keepdims=True)
    hub /= np.linalg.norm(hub)
    plain = query + 0.1 * calibrator.vectors[:1]
    pair = np.concatenate([hub, plain / np.linalg.norm(plain)])
    taken = (pair @ query.T).ravel() - calibrator.similarity(query, pair)
    assert taken[0] > taken[1]
    np.testing.assert_array_equal(calibrator.similarity(query, pair, is_text=False), (pair @ query.T).ravel())


def test_pictures_are_read_against_pictures(calibrator: Calibrator) -> None:
    usual = calibrator.bank_z_scores(np.array([0.0, 0.5], np.float32), is_text=False)
    assert abs(usual[0]) < 0.2  # random directions
    assert usual[1] > 1.5


def test_everyday_queries_are_read_once_for_a_library(encoder: Encoder, monkeypatch: pytest.MonkeyPatch) -> None:
    with Catalog.open(":memory:") as catalog:
        read = everyday_embeddings(catalog, encoder)
        assert read.shape == (len(everyday_query_lines()), encoder.dim)
        monkeypatch.setattr(encoder, "embed_text", None)
        np.testing.assert_array_equal(everyday_embeddings(catalog, encoder), read)


def test_readings_belong_to_their_encoder_and_texts() -> None:
    vectors = np.eye(3, dtype=np.float32)
    with Catalog.open(":memory:") as catalog:
        assert catalog.text_embeddings.get("one", ["a"]) is None
        catalog.text_embeddings.put("one", ["a", "b", "c"], vectors)
        cached = catalog.text_embeddings.get("one", ["c", "a"])
        assert cached is not None
        np.testing.assert_array_equal(cached, vectors[[2, 0]])
        assert catalog.text_embeddings.get("two", ["a"]) is None
        assert catalog.text_embeddings.get("one", ["a", "d"]) is None
        catalog.text_embeddings.put("two", ["a"], vectors[:1])
        assert catalog.text_embeddings.get("one", ["b"]) is None
        with pytest.raises(ValueError, match="2 texts and 3 vectors"):
            catalog.text_embeddings.put("one", ["a", "b"], vectors)
        with pytest.raises(ValueError, match="length"):
            catalog.text_embeddings.put("one", ["a"], 2 * vectors[:1])


def test_labels_speak_for_what_a_library_shows(calibrator: Calibrator, catalog_with_labels: Catalog) -> None:
    shown, absent = (label_evidence(catalog_with_labels, text, 1) for text in ("dogs", "a tiger"))
    assert absent < 0 < shown
    assert absent < label_evidence(catalog_with_labels, "a dog and a tiger", 2) < shown
    assert 0 < label_evidence(catalog_with_labels, "a dog and something else entirely", 4) < shown
    assert label_evidence(catalog_with_labels, "qwerty", 1) == 0
    similarity = calibrator.similarity(calibrator.everyday[:1], calibrator.vectors)
    without, with_it = calibrator.confidence(similarity), calibrator.confidence(similarity, evidence=absent)
    assert (with_it < without).all()


def test_a_library_without_labels_has_no_evidence(tmp_path: Path) -> None:
    with Catalog.open(tmp_path / "catalog.sqlite") as catalog:
        assert label_evidence(catalog, "a dog", 1) == 0
