"""One contract for every encoder: VideoBERT and each family of two towers, loaded from disk as a user's are."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModel, CLIPImageProcessor

from model.encoder.two_tower import TwoTowerEncoder
from model.encoder.videobert import Encoder, VideoBertEncoder
from tests.support.towers import FAMILIES, save_towers


@pytest.fixture(params=["videobert", *FAMILIES])
def any_encoder(request: pytest.FixtureRequest, tmp_path: Path) -> Encoder:
    if request.param == "videobert":
        return Encoder.load(request.getfixturevalue("tiny_checkpoint"))
    return Encoder.load(save_towers(request.param, tmp_path))


def frames(count: int, *, height: int = 40, width: int = 56, seed: int = 0):
    return np.random.default_rng(seed).integers(0, 256, (count, 3, height, width), dtype=np.uint8)


def test_features_segments_and_texts_share_one_space(any_encoder: Encoder):
    features = any_encoder.features(frames(5))
    assert (features.shape, features.dtype) == ((5, any_encoder.feature_dim), np.float16)
    padded, mask = any_encoder.pad_frames([features[:3], features])
    segments = any_encoder.embed_segments(padded, mask, ["", "a red dog"])
    queries = any_encoder.embed_text(["a dog moves left", "the cat"])
    assert segments.dtype == queries.dtype == np.float32
    assert segments.shape == queries.shape == (2, any_encoder.dim)
    assert np.linalg.norm(np.concatenate([segments, queries]), axis=1) == pytest.approx(1.0, abs=1e-5)
    assert np.abs(queries[0] - queries[1]).max() > 1e-3
    scores = any_encoder.align(padded, mask, ["a dog", "a cat"])
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
    together = any_encoder.embed_segments(*any_encoder.pad_frames(segments), texts)
    for segment, text, expected in zip(segments, texts, together, strict=True):
        alone = any_encoder.embed_segments(*any_encoder.pad_frames([segment]), [text])
        np.testing.assert_allclose(alone[0], expected, atol=1e-5)
    queries = ["a dog", "the red cat moves up and left"]
    np.testing.assert_allclose(any_encoder.embed_text(queries)[0], any_encoder.embed_text(queries[:1])[0], atol=1e-5)


def test_what_is_padding_says_nothing(any_encoder: Encoder):
    segment = np.random.default_rng(2).normal(size=(2, any_encoder.feature_dim)).astype(np.float16)
    features, mask = any_encoder.pad_frames([segment, np.concatenate([segment] * 2)])
    clean = any_encoder.embed_segments(features, mask, ["", ""])
    features[0, 2:] = 7.0
    np.testing.assert_allclose(any_encoder.embed_segments(features, mask, ["", ""]), clean, atol=1e-5)


def test_a_row_without_frames_is_its_words(any_encoder: Encoder):
    features, mask = any_encoder.pad_frames([np.zeros((0, any_encoder.feature_dim), np.float16)])
    np.testing.assert_allclose(
        any_encoder.embed_segments(features, mask, ["a red dog"]), any_encoder.embed_text(["a red dog"]), atol=1e-5
    )
    with pytest.raises(ValueError, match="neither"):
        any_encoder.embed_segments(features, mask, [""])


def test_nothing_embeds_to_nothing(any_encoder: Encoder):
    none = any_encoder.pad_frames([])
    assert any_encoder.features(frames(0)).shape == (0, any_encoder.feature_dim)
    assert any_encoder.embed_text([]).shape == (0, any_encoder.dim)
    assert any_encoder.embed_segments(*none, []).shape == (0, any_encoder.dim)
    assert any_encoder.align(*none, []).shape == (0,)


def test_what_does_not_fit_is_refused(any_encoder: Encoder):
    with pytest.raises(ValueError, match="at least one word, got '  '"):
        any_encoder.embed_text(["a dog", "  "])
    padded, mask = any_encoder.pad_frames([any_encoder.features(frames(1))])
    with pytest.raises(ValueError, match="one text per segment: got 2 texts for 1 segments"):
        any_encoder.embed_segments(padded, mask, ["a", "b"])


def test_names_of_weights_and_of_their_origin(any_encoder: Encoder):
    again = Encoder.load(any_encoder.name)
    assert (again.fingerprint, again.backbone) == (any_encoder.fingerprint, any_encoder.backbone)
    assert any_encoder.fingerprint.startswith(f"{Path(any_encoder.name).name}-")
    assert any_encoder.tier == "a folder of yours"
    weights = Path(any_encoder.name) / "model.safetensors"
    changed = {
        name: tensor + 1 if tensor.is_floating_point() else tensor for name, tensor in load_file(weights).items()
    }
    save_file(changed, weights, metadata={"format": "pt"})
    assert Encoder.load(any_encoder.name).fingerprint != any_encoder.fingerprint


@pytest.mark.parametrize("family", FAMILIES)
def test_subtitles_are_not_mixed_in_and_alignment_is_the_cosine(family: str, tmp_path: Path):
    encoder = Encoder.load(save_towers(family, tmp_path))
    padded, mask = encoder.pad_frames([encoder.features(frames(4))] * 2)
    silent, spoken = encoder.embed_segments(padded, mask, ["", "the red dog moves"])
    np.testing.assert_array_equal(silent, spoken)
    expected = encoder.embed_text(["a dog", "the cat"]) @ silent
    np.testing.assert_allclose(encoder.align(padded, mask, ["a dog", "the cat"]), expected, atol=1e-6)


@pytest.mark.parametrize("family", ["clip", "siglip", "siglip2"])
def test_one_frame_and_one_text_are_what_transformers_says(family: str, tmp_path: Path):
    folder = save_towers(family, tmp_path)
    encoder = Encoder.load(folder)
    assert isinstance(encoder, TwoTowerEncoder)
    seen = frames(1)
    with torch.inference_mode():
        prepared = encoder.look([torch.from_numpy(seen[0])], return_tensors="pt")
        expected = AutoModel.from_pretrained(folder).get_image_features(**prepared).pooler_output
    found = encoder.embed_segments(*encoder.pad_frames([encoder.features(seen)]), [""])
    cosine = torch.nn.functional.cosine_similarity(expected, torch.from_numpy(found))
    assert float(cosine) > 0.999


def test_pictures_are_cut_and_normalized_as_the_model_wants_them(tmp_path: Path):
    folder = save_towers("clip", tmp_path)
    white = np.full((1, 3, 48, 32), 255, np.uint8)
    normal = Encoder.load(folder)
    assert isinstance(normal, TwoTowerEncoder)
    shown = normal.look([torch.from_numpy(white[0])], return_tensors="pt")["pixel_values"]
    assert shown.shape == (1, 3, 32, 32)
    assert float(shown[0, 0, 0, 0]) == pytest.approx((1 - 0.48145466) / 0.26862954, abs=1e-4)
    CLIPImageProcessor(
        size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}, image_mean=[0.9] * 3
    ).save_pretrained(folder)
    assert np.abs(Encoder.load(folder).features(white) - normal.features(white)).max() > 1e-3


def test_siglip_reads_lower_case_texts_of_full_length(tmp_path: Path):
    encoder = Encoder.load(save_towers("siglip", tmp_path))
    np.testing.assert_array_equal(encoder.embed_text(["A Red DOG"]), encoder.embed_text(["a red dog"]))
    assert isinstance(encoder, TwoTowerEncoder)
    read = []
    encoder.model.text_model.register_forward_pre_hook(
        lambda module, args, kwargs: read.append(kwargs["input_ids"]), with_kwargs=True
    )
    encoder.embed_text(["a dog"])
    assert read[0].tolist() == [[2, 4, 11, 3, *[0] * 8]]


def test_a_still_clip_is_what_x_clip_says_of_it(tmp_path: Path):
    folder = save_towers("xclip", tmp_path)
    encoder = Encoder.load(folder)
    assert encoder.max_frames == 4
    seen = frames(1)
    features = encoder.features(seen)
    found = encoder.embed_segments(*encoder.pad_frames([features]), [""])
    whole = AutoModel.from_pretrained(folder).eval()
    assert isinstance(encoder, TwoTowerEncoder)
    pixels = encoder.look([torch.from_numpy(seen[0])] * 4, return_tensors="pt")["pixel_values"]
    with torch.inference_mode():
        expected = whole.get_video_features(pixels).pooler_output
    assert float(torch.nn.functional.cosine_similarity(expected, torch.from_numpy(found))) > 0.999


def test_x_clip_knows_the_order_of_frames(tmp_path: Path):
    encoder = Encoder.load(save_towers("xclip", tmp_path))
    features = encoder.features(frames(4))
    forward, backward = encoder.embed_segments(*encoder.pad_frames([features, features[::-1]]), ["", ""])
    assert np.abs(forward - backward).max() > 1e-3
    long = np.repeat(features, 5, axis=0)  # thinned evenly, every picture is met once
    np.testing.assert_allclose(encoder.embed_segments(*encoder.pad_frames([long]), [""])[0], forward, atol=1e-5)


def test_folders_that_lack_something_are_named(tmp_path: Path):
    folder = save_towers("clip", tmp_path)
    (folder / "preprocessor_config.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"no preprocessor_config\.json in .*clip"):
        Encoder.load(folder)
    siglip = save_towers("siglip", tmp_path)
    weights = load_file(siglip / "model.safetensors")
    del weights["text_model.head.bias"]
    save_file(weights, siglip / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ValueError, match=r"lacks weights of its network: text_model\.head\.bias"):
        Encoder.load(siglip)


def test_training_starts_from_videobert_only(tmp_path: Path):
    with pytest.raises(ValueError, match="family 'clip', not VideoBERT"):
        VideoBertEncoder.load(save_towers("clip", tmp_path))
    (tmp_path / "clip" / "config.json").write_text(json.dumps({"model_type": "gpt2"}))
    with pytest.raises(ValueError, match="family 'gpt2', not VideoBERT"):
        Encoder.load(tmp_path / "clip")
