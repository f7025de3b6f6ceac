"""VideoBERT over two towers, from a user's captions to a library that is searched with it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load_file
from typer.testing import CliRunner

from model.encoder.load import load
from model.network import checkpoint
from search.cli.app import app
from search.library import Library
from tests.support.media import render
from tests.support.towers import save_towers

COLORS = {"red": (200, 20, 20), "green": (20, 200, 20), "blue": (20, 20, 200), "grey": (128, 128, 128)}


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    rng = np.random.default_rng(0)
    rows = []
    for number in range(8):
        name, color = list(COLORS.items())[number % 4]
        pixels = np.clip(np.array(color) + rng.integers(-20, 20, (40, 48, 3)), 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
        rows.append(json.dumps({"media": f"{number}.png", "captions": [f"a {name} square", f"the {name} dog"]}))
    (tmp_path / "my.jsonl").write_text("\n".join(rows))
    return folder


def run(*arguments: object):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def train(photos: Path, output: Path, *more: object):
    return run("train", "--captions", photos.parent / "my.jsonl", "--videos", photos, "--output", output, *more)


def recipe(tmp_path: Path, towers: Path, **options: object) -> Path:
    values = {"batch_size": 8, "learning_rate": 5e-3, "bert_learning_rate": 0.0, "alignment_weight": 0.0} | options
    lines = [f"{name} = {value}" for name, value in values.items()]
    path = tmp_path / "over.toml"
    path.write_text("\n".join([*lines, "[network]", f'backbone = "towers:{towers}"']))
    return path


def test_captions_of_a_user_open_the_gate(photos: Path, tiny_checkpoint: Path, tmp_path: Path):
    towers, output = save_towers("siglip", tmp_path), tmp_path / "mine"
    options = ["--start", tiny_checkpoint, "--recipe", recipe(tmp_path, towers), "--epochs", 12, "--save-minutes", 0]
    done = train(photos, output, *options)
    assert done.exit_code == 0, done.output
    assert "initialized at random: gate" in done.stderr
    model, _ = checkpoint.load(output)
    assert abs(model.gate.weight.item()) > 1e-3
    assert model.retrieval.log_scale.item() == pytest.approx(np.log(load(towers).scale), abs=2e-3)
    for name in ("model.safetensors", "config.json", "tokenizer.json", "preprocessor_config.json"):
        assert (output / "towers" / "siglip" / name).read_bytes() == (towers / name).read_bytes()
    losses = (output / "run" / "losses.csv").read_text().splitlines()
    columns, first, last = (line.split(",") for line in (losses[0], losses[1], losses[-1]))
    assert columns == ["step", "silent", "fused", "anchor"] or columns == ["step", "silent", "fused"]
    assert float(last[1]) < float(first[1])
    # What is kept of captions is what the text tower says of them.
    rows = [json.loads(row) for row in (tmp_path / "my.jsonl").read_text().splitlines()]
    texts = sorted(dict.fromkeys(text for row in rows for text in row["captions"]), key=len)
    kept = load_file(output / "run" / "examples-texts.safetensors")["embeddings"]
    np.testing.assert_allclose(kept, load(towers).embed_text(texts), atol=1e-6)


def test_an_interrupted_run_goes_on_and_a_model_is_trained_further(photos: Path, tiny_checkpoint: Path, tmp_path: Path):
    towers, whole, broken = save_towers("siglip", tmp_path), tmp_path / "whole", tmp_path / "broken"
    options = ["--start", tiny_checkpoint, "--recipe", recipe(tmp_path, towers), "--epochs", 3, "--save-minutes", 0]
    assert train(photos, whole, *options).exit_code == 0

    def interrupt(step) -> None:
        if step.step == 2:
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("search.cli.progress.training_progress", lambda console: interrupt)
        assert train(photos, broken, *options).exit_code == 130
    assert train(photos, broken, *options, "--resume").exit_code == 0
    assert (whole / "model.safetensors").read_bytes() == (broken / "model.safetensors").read_bytes()
    further = train(photos, tmp_path / "further", "--start", whole, "--epochs", 1, "--batch-size", 8)  # default options
    assert further.exit_code == 0, further.output
    assert "at random" not in further.stderr
    before, after = (checkpoint.load(folder)[0] for folder in (whole, tmp_path / "further"))
    assert before.gate.weight.item() != after.gate.weight.item()
    assert load(tmp_path / "further").towers.fingerprint == load(towers).fingerprint


def test_a_library_of_the_towers_moves_to_it_without_decoding(photos: Path, tiny_checkpoint: Path, tmp_path: Path):
    towers, mine, films = save_towers("siglip", tmp_path), tmp_path / "mine", tmp_path / "films"
    films.mkdir()
    render(films / "one.mp4", frames=75)
    render(films / "two.mp4", frames=50, paint=lambda index: np.full((96, 160, 3), (200, 30, 30), np.uint8))
    (films / "one.srt").write_text("1\n00:00:00,500 --> 00:00:01,500\na red dog\n")
    options = ["--start", tiny_checkpoint, "--recipe", recipe(tmp_path, towers), "--epochs", 12]
    assert train(photos, mine, *options).exit_code == 0
    at = ["--library", tmp_path / "library"]
    assert run("index", films, "--model", towers, *at).exit_code == 0
    moved = run("reindex", "--model", mine, *at)
    assert moved.exit_code == 0, moved.output
    assert "Embedded 2 videos, 0 of them decoded again" in moved.stdout
    found = run("search", "a red dog", "--json", *at)
    assert found.exit_code == 0, found.output
    assert {Path(moment["path"]).name for moment in json.loads(found.stdout)} <= {"one.mp4", "two.mp4"}
    (films / "three.mp4").write_bytes((films / "two.mp4").read_bytes())
    render(films / "four.mp4", frames=30)
    assert run("index", films, *at).exit_code == 0
    with Library(tmp_path / "library") as library:
        assert library.status()["model"] == load(mine).fingerprint
        assert len(library.search("a red dog")) == 4
    refused = run("fill", films / "one.mp4", "a [MASK] dog", *at)
    assert refused.exit_code == 1
    assert "cannot predict words" in refused.stderr
