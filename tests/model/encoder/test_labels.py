"""Labels: the vocabulary, and how labels are read off embeddings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from model.encoder import labels
from model.encoder.contract import Encoder
from model.encoder.labels import (
    fitted_for,
    fitted_labeler,
    label_embeddings,
    label_names,
    label_sentences,
    labels_in,
    zero_shot_labeler,
)
from store.types import label_key


def test_the_vocabulary_has_every_label_once() -> None:
    names, sentences = label_names(), label_sentences()
    assert 1500 < len(names) == len(sentences)
    keys = [label_key(name) for name in names]
    assert all(keys)
    assert len(set(names)) == len(names)
    assert {"dog", "kitchen", "riding horse", "playing guitar"} <= set(names)
    assert sentences[names.index("dog")] == "a video of a dog"
    assert sentences[names.index("playing guitar")] == "a video of a person playing guitar"


def test_the_likeliest_labels_come_first_and_are_few(encoder: Encoder, monkeypatch: pytest.MonkeyPatch) -> None:
    by = zero_shot_labeler(encoder, label_embeddings(encoder))
    features = [np.ones((3, encoder.feature_dim), np.float16)] * 2
    embeddings = encoder.embed_segments(features, ["", ""])
    likely = by.probabilities(embeddings)
    assert likely.shape == (2, len(label_names()))
    assert (likely >= 0).all()
    assert (likely <= 1).all()
    monkeypatch.setattr(labels, "SHOWN", 1.0)
    assert by.label(features, embeddings) == [[], []]
    monkeypatch.setattr(labels, "SHOWN", 0.0)
    for found in by.label(features, embeddings):
        scores = [score for _, score in found]
        assert len(found) == labels.MOST
        assert scores == sorted(scores, reverse=True)
        assert scores[0] == pytest.approx(likely[0].max())
    assert by.label([], embeddings[:0]) == []


def test_fitted_labels_serve_only_their_encoder_and_vocabulary(
    encoder: Encoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(labels, "FITTED", tmp_path / "labels.safetensors")
    assert fitted_labeler(encoder) is None
    count = len(label_names())
    tensors = {
        "directions": np.zeros((count, encoder.dim), np.float16),
        "offsets": np.linspace(-9, 2, count, dtype=np.float32),
    }
    save_file(tensors, labels.FITTED, metadata=fitted_for(encoder))
    by = fitted_labeler(encoder)
    assert by is not None
    features = [np.ones((1, encoder.feature_dim), np.float16)]
    assert by.label(features, encoder.embed_segments(features, [""]))[0][0][0] == label_names()[-1]
    assert by.stamp != zero_shot_labeler(encoder, label_embeddings(encoder)).stamp
    save_file(tensors, labels.FITTED, metadata=fitted_for(encoder) | {"encoder": "another"})
    assert fitted_labeler(encoder) is None
    save_file(tensors, labels.FITTED, metadata=fitted_for(encoder) | {"vocabulary": "another"})
    assert fitted_labeler(encoder) is None


def test_labels_that_a_text_names():
    assert labels_in("two Dogs running on the beach") == ["dog", "running", "beach"]
    assert labels_in("driving cars") == ["driving car"]  # of nested ones the longest
    assert labels_in("") == labels_in("qwerty 12") == []
