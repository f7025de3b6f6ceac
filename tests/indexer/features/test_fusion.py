"""How much the words of a segment count beside its frames."""

from collections.abc import Sequence

import numpy as np
import pytest

from indexer.features import fusion
from indexer.features.fusion import fused
from model.encoder.contract import Encoder

DIM = 8


class Believing:
    """An encoder whose segments are their first frame, or, where there are words, the words: wrong ones as well."""

    def __init__(self, meanings: dict[str, np.ndarray], *, reads: bool = True) -> None:
        self.meanings, self.reads = meanings, reads

    def embed_text(self, texts: Sequence[str]) -> np.ndarray:
        return np.stack([self.meanings[text] for text in texts]).astype(np.float32)

    def embed_segments(self, segments: Sequence[np.ndarray], texts: Sequence[str]) -> np.ndarray:
        first = np.stack([frames[0] for frames in segments]).astype(np.float32)
        spoken = [self.meanings[text] if text and self.reads else row for text, row in zip(texts, first, strict=True)]
        return np.stack(spoken).astype(np.float32)


@pytest.fixture
def meanings(monkeypatch: pytest.MonkeyPatch) -> dict[str, np.ndarray]:
    bank = np.random.default_rng(0).normal(size=(50, DIM))
    bank /= np.linalg.norm(bank, axis=1, keepdims=True)
    monkeypatch.setattr(fusion, "everyday_queries", lambda encoder: ([], bank.astype(np.float32)))
    dog, boat = np.eye(DIM)[:2]
    return {"a dog": 0.8 * dog + 0.6 * np.eye(DIM)[2], "a boat": boat}


def test_words_count_as_far_as_they_belong_to_the_picture(meanings: dict[str, np.ndarray]) -> None:
    frames = [np.eye(DIM)[:1].astype(np.float16)] * 3  # of a dog
    silent, right, wrong = fused(frames, ["", "a dog", "a boat"], Believing(meanings))
    np.testing.assert_allclose(np.linalg.norm([silent, right, wrong], axis=1), 1, atol=1e-6)
    np.testing.assert_array_equal(silent, np.eye(DIM)[0])
    assert right @ meanings["a dog"] > 0.95 > silent @ meanings["a dog"]
    assert wrong @ silent > 0.97


@pytest.mark.parametrize("texts", [["", ""], ["", "  "], ["a boat", "a dog"]])
def test_segments_without_words_and_encoders_that_read_none_see_the_frames(
    meanings: dict[str, np.ndarray], texts: list[str]
) -> None:
    frames = [np.eye(DIM)[:1].astype(np.float16)] * 2
    encoder = Believing(meanings, reads=texts[0] == "")
    np.testing.assert_array_equal(fused(frames, texts, encoder), np.eye(DIM)[[0, 0]])


def test_words_of_the_second_tower_are_their_vector_and_count_less(
    meanings: dict[str, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    meanings = meanings | {"ein Hund": meanings["a dog"], "ein Boot": meanings["a boat"]}
    monkeypatch.setattr(fusion, "by_second_tower", lambda encoder, texts: np.array([text[0] == "e" for text in texts]))
    encoder = Believing({text: row if text[0] == "a" else -row for text, row in meanings.items()})
    encoder.embed_text = Believing(meanings).embed_text  # type: ignore[method-assign]
    frames = [np.eye(DIM)[:1].astype(np.float16)] * 4
    english, right, wrong, silent = fused(frames, ["a dog", "ein Hund", "ein Boot", ""], encoder)
    np.testing.assert_allclose(np.linalg.norm([english, right, wrong], axis=1), 1, atol=1e-6)
    assert english @ meanings["a dog"] > right @ meanings["a dog"] > silent @ meanings["a dog"] + 0.05
    assert wrong @ silent > 0.99


def test_a_real_encoder_gives_unit_vectors(encoder: Encoder) -> None:
    frames = [np.random.default_rng(i).normal(size=(i + 1, encoder.feature_dim)).astype(np.float16) for i in range(3)]
    vectors = fused(frames, ["a red dog", "", "the cat moves left"], encoder)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(vectors[1], fused(frames[1:2], [""], encoder)[0], atol=1e-5)
