"""The contract of `Encoder`, over every implementation: add a new one to `ENCODERS` in conftest.py.

Only the contract is tested: errors are checked by their type.
"""

from __future__ import annotations

import numpy as np
import pytest

from model.encoder.contract import Encoder


def frames(count: int, *, height: int = 40, width: int = 56, seed: int = 0):
    return np.random.default_rng(seed).integers(0, 256, (count, 3, height, width), dtype=np.uint8)


def test_attributes_describe_the_encoder(any_encoder: Encoder):
    texts = (any_encoder.name, any_encoder.tier, any_encoder.fingerprint)
    assert all(isinstance(text, str) and text for text in texts)
    assert any_encoder.feature_fingerprint.rpartition(":")[2] in ("float32", "bfloat16")
    assert min(any_encoder.dim, any_encoder.feature_dim, any_encoder.clip_frames, any_encoder.fps) > 0
    assert any_encoder.scale > 0
    bank = any_encoder.query_bank
    assert (bank.ndim, bank.shape[1], bank.dtype) == (2, any_encoder.dim, np.float32)
    np.testing.assert_allclose(np.linalg.norm(bank, axis=1), 1, atol=1e-3)
    assert hash(any_encoder) == hash(any_encoder)


def test_features_segments_and_texts_share_one_space(any_encoder: Encoder):
    count = 5 * any_encoder.clip_frames
    features = any_encoder.features(frames(count))
    assert (features.shape, features.dtype) == ((count, any_encoder.feature_dim), np.float16)
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
    clips = frames(3 * any_encoder.clip_frames)
    together = any_encoder.features(clips)
    alone = np.concatenate([any_encoder.features(clip) for clip in np.split(clips, 3)])
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


def test_a_row_without_frames_is_its_words(any_encoder: Encoder):
    nothing = [np.zeros((0, any_encoder.feature_dim), np.float16)]
    np.testing.assert_allclose(
        any_encoder.embed_segments(nothing, ["a red dog"]), any_encoder.embed_text(["a red dog"]), atol=1e-5
    )
    with pytest.raises(ValueError):  # noqa: PT011 - the contract leaves the message open
        any_encoder.embed_segments(nothing, [""])


def test_nothing_embeds_to_nothing(any_encoder: Encoder):
    assert any_encoder.features(frames(0)).shape == (0, any_encoder.feature_dim)
    assert any_encoder.embed_text([]).shape == (0, any_encoder.dim)
    assert any_encoder.embed_segments([], []).shape == (0, any_encoder.dim)
    assert any_encoder.align([], []).shape == (0,)


@pytest.mark.parametrize("text", ["", "  "])
def test_a_text_needs_a_word(any_encoder: Encoder, text: str):
    with pytest.raises(ValueError):  # noqa: PT011 - the contract leaves the message open
        any_encoder.embed_text(["a dog", text])


def test_there_is_one_text_per_segment(any_encoder: Encoder):
    segments = [any_encoder.features(frames(any_encoder.clip_frames))]
    for method in (any_encoder.embed_segments, any_encoder.align):
        with pytest.raises(ValueError):  # noqa: PT011 - the contract leaves the message open
            method(segments, ["a", "b"])


def test_classes_are_those_of_the_backbone(any_encoder: Encoder):
    rng = np.random.default_rng(2)
    segments = [rng.normal(size=(length, any_encoder.feature_dim)).astype(np.float16) for length in (1, 4)]
    likely = any_encoder.class_probabilities(segments)
    assert (likely.shape, likely.dtype) == ((2, len(any_encoder.class_names)), np.float32)
    assert any_encoder.class_probabilities([]).shape == (0, len(any_encoder.class_names))
