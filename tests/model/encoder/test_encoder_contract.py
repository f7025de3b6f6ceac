"""The contract of encoders: VideoBERT, each family of two towers, and both together, loaded as a user's are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load_file, save_file

from model.encoder.batches import pad
from model.encoder.contract import Encoder
from model.encoder.load import load
from tests.support.towers import FAMILIES, save_over_towers, save_towers


@pytest.fixture(params=["videobert", *FAMILIES, "over-towers"])
def any_encoder(request: pytest.FixtureRequest, tmp_path: Path) -> Encoder:
    if request.param == "videobert":
        return load(request.getfixturevalue("tiny_checkpoint"))
    if request.param == "over-towers":
        return load(save_over_towers("siglip", request.getfixturevalue("tiny_checkpoint"), tmp_path, gate=0.05))
    return load(save_towers(request.param, tmp_path))


def frames(count: int, *, height: int = 40, width: int = 56, seed: int = 0):
    return np.random.default_rng(seed).integers(0, 256, (count, 3, height, width), dtype=np.uint8)


def test_features_segments_and_texts_share_one_space(any_encoder: Encoder):
    features = any_encoder.features(frames(5))
    assert (features.shape, features.dtype) == ((5, any_encoder.feature_dim), np.float16)
    shown = [features[:3], features]
    segments = any_encoder.embed_segments(shown, ["", "a red dog"])
    queries = any_encoder.embed_text(["a dog moves left", "the cat"])
    assert segments.dtype == queries.dtype == np.float32
    assert segments.shape == queries.shape == (2, any_encoder.dim)
    assert np.linalg.norm(np.concatenate([segments, queries]), axis=1) == pytest.approx(1.0, abs=1e-5)
    assert np.abs(queries[0] - queries[1]).max() > 1e-3
    scores = any_encoder.align(shown, ["a dog", "a cat"])
    assert (scores.shape, scores.dtype) == ((2,), np.float32)


def test_a_frame_is_seen_the_same_alone_and_in_company(any_encoder: Encoder):
    seen = frames(3)
    together = any_encoder.features(seen)
    alone = np.concatenate([any_encoder.features(one[None]) for one in seen])
    # bfloat16 rounds differently batch by batch
    np.testing.assert_allclose(together, alone, rtol=0, atol=0.02 * np.abs(together).max())


def test_a_segment_and_a_text_embed_the_same_alone_and_in_company(any_encoder: Encoder):
    rng = np.random.default_rng(1)
    segments = [rng.normal(size=(length, any_encoder.feature_dim)).astype(np.float16) for length in (1, 7, 3)]
    texts = ["a dog", "", "the cat moves"]
    together = any_encoder.embed_segments(segments, texts)
    for segment, text, expected in zip(segments, texts, together, strict=True):
        alone = any_encoder.embed_segments([segment], [text])
        np.testing.assert_allclose(alone[0], expected, atol=1e-5)
    queries = ["a dog", "the red cat moves up and left"]
    np.testing.assert_allclose(any_encoder.embed_text(queries)[0], any_encoder.embed_text(queries[:1])[0], atol=1e-5)


def test_what_is_padding_says_nothing(any_encoder: Encoder, monkeypatch: pytest.MonkeyPatch):
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


def test_a_row_without_frames_is_its_words(any_encoder: Encoder):
    nothing = [np.zeros((0, any_encoder.feature_dim), np.float16)]
    np.testing.assert_allclose(
        any_encoder.embed_segments(nothing, ["a red dog"]), any_encoder.embed_text(["a red dog"]), atol=1e-5
    )
    with pytest.raises(ValueError, match="neither"):
        any_encoder.embed_segments(nothing, [""])


def test_nothing_embeds_to_nothing(any_encoder: Encoder):
    assert any_encoder.features(frames(0)).shape == (0, any_encoder.feature_dim)
    assert any_encoder.embed_text([]).shape == (0, any_encoder.dim)
    assert any_encoder.embed_segments([], []).shape == (0, any_encoder.dim)
    assert any_encoder.align([], []).shape == (0,)


def test_what_does_not_fit_is_refused(any_encoder: Encoder):
    with pytest.raises(ValueError, match="at least one word, got '  '"):
        any_encoder.embed_text(["a dog", "  "])
    segments = [any_encoder.features(frames(1))]
    with pytest.raises(ValueError, match="one text per segment: got 2 texts for 1 segments"):
        any_encoder.embed_segments(segments, ["a", "b"])
    with pytest.raises(ValueError, match="one text per segment: got 2 texts for 1 segments"):
        any_encoder.align(segments, ["a", "b"])


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


def test_classes_are_those_of_the_backbone(any_encoder: Encoder):
    rng = np.random.default_rng(2)
    segments = [rng.normal(size=(length, any_encoder.feature_dim)).astype(np.float16) for length in (1, 4)]
    likely = any_encoder.class_probabilities(segments)
    assert (likely.shape, likely.dtype) == ((2, len(any_encoder.class_names)), np.float32)
    assert any_encoder.class_probabilities([]).shape == (0, len(any_encoder.class_names))
