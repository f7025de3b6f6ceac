"""Models of two towers: what each family does as its own library does it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModel, CLIPImageProcessor

from model.encoder.load import load, load_videobert
from model.encoder.two_tower import TwoTowerEncoder
from tests.support.towers import FAMILIES, save_towers


def frames(count: int, *, height: int = 40, width: int = 56, seed: int = 0):
    return np.random.default_rng(seed).integers(0, 256, (count, 3, height, width), dtype=np.uint8)


@pytest.mark.parametrize("family", FAMILIES)
def test_subtitles_are_not_mixed_in_and_alignment_is_the_cosine(family: str, tmp_path: Path):
    encoder = load(save_towers(family, tmp_path))
    segments = [encoder.features(frames(4))] * 2
    silent, spoken = encoder.embed_segments(segments, ["", "the red dog moves"])
    np.testing.assert_array_equal(silent, spoken)
    expected = encoder.embed_text(["a dog", "the cat"]) @ silent
    np.testing.assert_allclose(encoder.align(segments, ["a dog", "the cat"]), expected, atol=1e-6)


@pytest.mark.parametrize("family", ["clip", "siglip", "siglip2"])
def test_one_frame_and_one_text_are_what_transformers_says(family: str, tmp_path: Path):
    folder = save_towers(family, tmp_path)
    encoder = load(folder)
    assert isinstance(encoder, TwoTowerEncoder)
    pictures = frames(1)
    with torch.inference_mode():
        prepared = encoder.look([torch.from_numpy(pictures[0])], return_tensors="pt")
        expected = AutoModel.from_pretrained(folder).get_image_features(**prepared).pooler_output
    found = encoder.embed_segments([encoder.features(pictures)], [""])
    cosine = torch.nn.functional.cosine_similarity(expected, torch.from_numpy(found))
    assert float(cosine) > 0.999


def test_pictures_are_cut_and_normalized_as_the_model_wants_them(tmp_path: Path):
    folder = save_towers("clip", tmp_path)
    white = np.full((1, 3, 48, 32), 255, np.uint8)
    normal = load(folder)
    assert isinstance(normal, TwoTowerEncoder)
    shown = normal.look([torch.from_numpy(white[0])], return_tensors="pt")["pixel_values"]
    assert shown.shape == (1, 3, 32, 32)
    assert float(shown[0, 0, 0, 0]) == pytest.approx((1 - 0.48145466) / 0.26862954, abs=1e-4)
    CLIPImageProcessor(
        size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}, image_mean=[0.9] * 3
    ).save_pretrained(folder)
    assert np.abs(load(folder).features(white) - normal.features(white)).max() > 1e-3


def test_siglip_reads_lower_case_texts_of_full_length(tmp_path: Path):
    encoder = load(save_towers("siglip", tmp_path))
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
    encoder = load(folder)
    assert isinstance(encoder, TwoTowerEncoder)
    assert encoder.max_frames == 4
    pictures = frames(1)
    features = encoder.features(pictures)
    found = encoder.embed_segments([features], [""])
    whole = AutoModel.from_pretrained(folder).eval()
    pixels = encoder.look([torch.from_numpy(pictures[0])] * 4, return_tensors="pt")["pixel_values"]
    with torch.inference_mode():
        expected = whole.get_video_features(pixels).pooler_output
    assert float(torch.nn.functional.cosine_similarity(expected, torch.from_numpy(found))) > 0.999


def test_x_clip_knows_the_order_of_frames(tmp_path: Path):
    encoder = load(save_towers("xclip", tmp_path))
    features = encoder.features(frames(4))
    forward, backward = encoder.embed_segments([features, features[::-1]], ["", ""])
    assert np.abs(forward - backward).max() > 1e-3
    long = np.repeat(features, 5, axis=0)  # thinned evenly, every picture is met once
    np.testing.assert_allclose(encoder.embed_segments([long], [""])[0], forward, atol=1e-5)


def test_folders_that_lack_something_are_named(tmp_path: Path):
    folder = save_towers("clip", tmp_path)
    (folder / "preprocessor_config.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"no preprocessor_config\.json in .*clip"):
        load(folder)
    siglip = save_towers("siglip", tmp_path)
    weights = load_file(siglip / "model.safetensors")
    del weights["text_model.head.bias"]
    save_file(weights, siglip / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ValueError, match=r"lacks weights of its network: text_model\.head\.bias"):
        load(siglip)


def test_training_starts_from_videobert_only(tmp_path: Path):
    with pytest.raises(ValueError, match="family 'clip', not VideoBERT"):
        load_videobert(save_towers("clip", tmp_path))
    (tmp_path / "clip" / "config.json").write_text(json.dumps({"model_type": "gpt2"}))
    with pytest.raises(ValueError, match="family 'gpt2', not VideoBERT"):
        load(tmp_path / "clip")
