"""VideoBERT over two towers: equal to them before training, and what training adds."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from model.encoder.load import load, load_videobert
from model.encoder.over_towers import OverTowersEncoder
from model.network import checkpoint
from model.registry import lock, registry
from model.training.options import TrainingOptions
from model.training.recipe import read_recipe
from search.training.training import starting
from tests.support.towers import save_over_towers, save_towers

QUERIES = ["a red dog", "The Cat moves LEFT", "a"]
SUBTITLES = ["", "the cat moves up", "a blue circle", ""]


def segments(encoder, lengths=(1, 3, 8, 40), seed: int = 0):
    rng = np.random.default_rng(seed)
    return [encoder.features(rng.integers(0, 256, (length, 3, 40, 56), dtype=np.uint8)) for length in lengths]


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A models folder in which a tiny SigLIP was fetched as siglip2-base."""
    folder = tmp_path / "models" / "siglip2-base"
    shutil.copytree(save_towers("siglip", tmp_path), folder)
    lock.write(folder, source="google/siglip2-base-patch16-224", revision="c0ffee", licence="apache-2.0")
    monkeypatch.setenv("VIDEOBERT_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


@pytest.mark.parametrize("family", ["siglip", "siglip2", "clip"])
def test_before_training_it_is_its_towers_to_the_last_bit(family: str, tiny_checkpoint: Path, tmp_path: Path):
    folder = save_over_towers(family, tiny_checkpoint, tmp_path)
    encoder, towers = load(folder), load(tmp_path / family)
    assert isinstance(encoder, OverTowersEncoder)
    assert (encoder.dim, encoder.feature_dim, encoder.scale) == (towers.dim, towers.feature_dim, towers.scale)
    assert encoder.feature_fingerprint == towers.feature_fingerprint
    assert encoder.fingerprint != towers.fingerprint
    shown = segments(encoder)
    np.testing.assert_array_equal(shown[2], segments(towers)[2])
    np.testing.assert_array_equal(encoder.embed_text(QUERIES), towers.embed_text(QUERIES))
    expected = towers.embed_segments(shown, [""] * 4)
    np.testing.assert_array_equal(encoder.embed_segments(shown, [""] * 4), expected)
    np.testing.assert_array_equal(encoder.embed_segments(shown, SUBTITLES), expected)
    many = shown * 40  # more than one batch
    np.testing.assert_array_equal(encoder.embed_segments(many, SUBTITLES * 40), np.tile(expected, (40, 1)))
    np.testing.assert_array_equal(encoder.align(shown[:3], QUERIES), towers.align(shown[:3], QUERIES))


def test_an_open_gate_lets_subtitles_and_order_in(tiny_checkpoint: Path, tmp_path: Path):
    encoder = load(save_over_towers("siglip", tiny_checkpoint, tmp_path, gate=0.05))
    shown = segments(encoder, (4,))
    silent, spoken = encoder.embed_segments(shown * 2, ["", "the cat moves up"])
    backward = encoder.embed_segments([shown[0][::-1]], [""])[0]
    assert np.abs(spoken - silent).max() > 1e-3
    towers = load(tmp_path / "siglip")
    of_tower = [towers.embed_segments([frames], [""])[0] for frames in (shown[0], shown[0][::-1])]
    assert np.abs(backward - silent).max() > 100 * np.abs(of_tower[0] - of_tower[1]).max()
    np.testing.assert_array_equal(encoder.embed_text(QUERIES), towers.embed_text(QUERIES))


def test_the_configuration_is_a_model_without_training(shelf: Path):
    encoder, towers = load("videobert-over-siglip2"), load("siglip2-base")
    assert (encoder.name, encoder.tier) == ("videobert-over-siglip2", "fetched, pinned")
    assert encoder.feature_fingerprint == towers.feature_fingerprint
    assert encoder.fingerprint.startswith("videobert-over-siglip2-")
    shown = segments(encoder, (2, 12))
    np.testing.assert_array_equal(encoder.embed_segments(shown, ["", "a dog"]), towers.embed_segments(shown, ["", ""]))
    assert load_videobert("videobert-over-siglip2").fingerprint == encoder.fingerprint


def test_without_its_towers_the_configuration_says_what_to_fetch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("VIDEOBERT_MODELS", str(tmp_path))
    with pytest.raises(registry.NotFetched, match="`videobert models fetch siglip2-base` downloads it"):
        load("videobert-over-siglip2")


def test_the_recipe_starts_from_the_shipped_model_and_equals_the_towers(shelf: Path):
    recipe = read_recipe("videobert-over-siglip2")
    encoder, fresh = starting(checkpoint.DEFAULT_CHECKPOINT, TrainingOptions(**recipe.options), recipe.network)
    assert isinstance(encoder, OverTowersEncoder)
    assert set(fresh) == {"gate", "frame_projection", "retrieval", "alignment"}
    assert encoder.model.config.max_frames == 16
    shipped, _ = checkpoint.load()
    for name, weight in shipped.bert.state_dict().items():
        assert torch.equal(weight, encoder.model.bert.state_dict()[name]), name
    towers = load("siglip2-base")
    shown = segments(encoder)
    np.testing.assert_array_equal(encoder.embed_segments(shown, SUBTITLES), towers.embed_segments(shown, [""] * 4))


def test_a_checkpoint_needs_nothing_else_and_names_its_towers(tiny_checkpoint: Path, tmp_path: Path):
    folder = save_over_towers("siglip", tiny_checkpoint, tmp_path, gate=0.05)
    before = load(folder)
    shutil.rmtree(tmp_path / "siglip")
    shutil.move(folder, tmp_path / "elsewhere")
    again = load(tmp_path / "elsewhere")
    assert again.fingerprint == before.fingerprint.replace("over-", "elsewhere-")
    assert again.feature_fingerprint == before.feature_fingerprint
    shown = segments(again)
    np.testing.assert_array_equal(again.embed_segments(shown, SUBTITLES), before.embed_segments(shown, SUBTITLES))
    config = tmp_path / "elsewhere" / "towers" / "siglip" / "preprocessor_config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"image_mean": [0.4, 0.4, 0.4]}))
    with pytest.raises(ValueError, match=r"holds siglip-.*, and the model beside it was trained over siglip-"):
        load(tmp_path / "elsewhere")
    shutil.rmtree(tmp_path / "elsewhere" / "towers")
    with pytest.raises(FileNotFoundError, match=r"no towers/siglip in .*elsewhere"):
        load(tmp_path / "elsewhere")


def test_what_videobert_cannot_stand_on_is_refused(tiny_checkpoint: Path, tmp_path: Path):
    options = TrainingOptions(anchor_weight=0.0)
    for source, message in (
        (
            save_towers("xclip", tmp_path),
            "stands on towers that look at frames one by one, .*xclip reads them over time",
        ),
        (tiny_checkpoint, "stands on two towers of clip, siglip, siglip2, xclip; .*tiny is 'videobert'"),
    ):
        with pytest.raises(ValueError, match=message):
            starting(tiny_checkpoint, options, {"backbone": f"towers:{source}"})
    siglip = save_towers("siglip", tmp_path)
    with pytest.raises(ValueError, match="embedding_size over towers must be theirs, 24, got 16"):
        starting(tiny_checkpoint, options, {"backbone": f"towers:{siglip}", "embedding_size": 16})
    alone = TrainingOptions(silent_weight=0, fused_weight=0, alignment_weight=0)
    with pytest.raises(ValueError, match="anchor_weight alone trains nothing over towers"):
        starting(tiny_checkpoint, alone, {"backbone": f"towers:{siglip}"})
