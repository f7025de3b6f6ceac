"""The benchmarks of photos and of ablations, on a handful of drawn pictures and a tiny random model."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks import ablation, photos
from model.encoder.load import load_videobert


@pytest.fixture
def captioned(tmp_path: Path) -> Path:
    """Six photos with two captions each."""
    rng = np.random.default_rng(0)
    rows = []
    for i in range(6):
        Image.fromarray(rng.integers(0, 255, (40, 48, 3), np.uint8)).save(tmp_path / f"{i}.png")
        rows.append({"media": f"{i}.png", "captions": ["a red dog", f"the {'blue' if i % 2 else 'green'} cat"]})
    path = tmp_path / "captions.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_places_count_what_stands_before_and_lose_ties():
    scores = np.array([[0.9, 0.1, 0.5], [0.3, 0.3, 0.1]])
    assert photos.places(scores, [0, 1]).tolist() == [1, 2]


def test_auc_is_the_chance_that_the_right_one_is_believed():
    assert photos.auc(np.array([3.0, 1.0]), np.array([2.0, 0.0])) == 0.75
    assert photos.auc(np.array([1.0]), np.array([1.0])) == 0.5


def test_what_was_seen_is_kept_and_every_regime_is_ranked(tiny_checkpoint, captioned, tmp_path):
    encoder = load_videobert(tiny_checkpoint)
    cache = tmp_path / "kept.safetensors"
    examples = photos.looked_at(captioned, tmp_path, encoder, cache)
    again = photos.looked_at(captioned, tmp_path / "nowhere", encoder, cache)
    np.testing.assert_array_equal(examples[3].features, again[3].features)
    shown = photos.silent(encoder, examples)
    ranks = photos.subtitled(encoder, examples, shown)
    assert {name: len(found) for name, found in ranks.items()} == {"no": 6, "right": 6, "wrong": 6}
    before, after = photos.reranked(encoder, examples, shown, 3)
    assert len(before) == len(after) == 3
    assert 0 <= photos.alignment_auc(encoder, examples) <= 1


def test_an_interrupted_ablation_goes_on_where_it_stopped(tiny_checkpoint, captioned, tmp_path, monkeypatch, capsys):
    recipe = tmp_path / "recipe.toml"
    recipe.write_text("bert_learning_rate = 0.0\nmasked_word_weight = 1.0\n", encoding="utf-8")
    monkeypatch.setattr(ablation, "RECIPE", recipe)
    monkeypatch.setattr(ablation, "ROWS", {"everything": {}, "temporal: none": {"temporal": "none"}})
    cache = tmp_path / "kept"
    files = ("--captions", str(captioned), "--held", str(captioned), "--start", str(tiny_checkpoint))
    command = [*files, "--photos", str(tmp_path), "--kept", str(cache), "--epochs", "1", "--batch-size", "3"]
    monkeypatch.setattr("sys.argv", ["ablation", *command])
    ablation.main()
    printed = capsys.readouterr().out
    assert [line.split("|")[1].strip() for line in printed.splitlines()[2:]] == ["everything", "temporal: none"]
    monkeypatch.setattr(ablation, "trained", lambda *_: pytest.fail("a finished row is trained again"))
    ablation.main()
    assert capsys.readouterr().out == printed
