"""Encoders of this package: messages, padding, and the names of weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load_file, save_file

from model.encoder.batches import pad
from model.encoder.contract import Encoder
from model.encoder.load import load


def test_messages_say_what_is_wrong(any_encoder: Encoder):
    with pytest.raises(ValueError, match="at least one word, got '  '"):
        any_encoder.embed_text(["a dog", "  "])
    segments = [np.zeros((1, any_encoder.feature_dim), np.float16)]
    for method in (any_encoder.embed_segments, any_encoder.align):
        with pytest.raises(ValueError, match="one text per segment: got 2 texts for 1 segments"):
            method(segments, ["a", "b"])
    with pytest.raises(ValueError, match="neither"):
        any_encoder.embed_segments([segments[0][:0]], [""])


def test_padding_has_no_effect(any_encoder: Encoder, monkeypatch: pytest.MonkeyPatch):
    def noisy(*arguments, **options):
        features, mask = pad(*arguments, **options)
        features[~mask] = 7.0
        return features, mask

    segment = np.random.default_rng(2).normal(size=(2, any_encoder.feature_dim)).astype(np.float16)
    segments = [segment, np.concatenate([segment] * 2)]
    clean = any_encoder.embed_segments(segments, ["", ""])
    aligned = any_encoder.align(segments, ["a dog", "a cat"])
    for module in ("model.encoder.videobert", "model.encoder.two_tower"):
        monkeypatch.setattr(f"{module}.pad", noisy)
    np.testing.assert_allclose(any_encoder.embed_segments(segments, ["", ""]), clean, atol=1e-5)
    np.testing.assert_allclose(any_encoder.align(segments, ["a dog", "a cat"]), aligned, atol=1e-4)


def test_features_of_another_precision_have_another_name(any_encoder: Encoder, monkeypatch: pytest.MonkeyPatch):
    names = set()
    for native in (False, True):
        for module in ("model.runtime.torch_session", "model.encoder.two_tower"):
            monkeypatch.setattr(f"{module}.bf16_is_native", lambda device, native=native: native)
        names.add(load(any_encoder.name).feature_fingerprint)
    assert len({name.rpartition(":")[0] for name in names}) == 1
    assert {name.rpartition(":")[2] for name in names} == {"float32", "bfloat16"}


def test_names_of_weights_and_of_their_origin(any_encoder: Encoder):
    again = load(any_encoder.name)
    assert (again.fingerprint, again.feature_fingerprint) == (any_encoder.fingerprint, any_encoder.feature_fingerprint)
    assert any_encoder.fingerprint.startswith(f"{Path(any_encoder.name).name}-")
    assert any_encoder.tier == "a folder of yours"
    weights = Path(any_encoder.name) / "model.safetensors"
    changed = {
        name: tensor + 1 if tensor.is_floating_point() else tensor for name, tensor in load_file(weights).items()
    }
    save_file(changed, weights, metadata={"format": "pt"})
    assert load(any_encoder.name).fingerprint != any_encoder.fingerprint
