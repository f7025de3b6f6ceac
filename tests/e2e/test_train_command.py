"""`videobert train` from files to a checkpoint, its pictures and curves, and the contact sheet of visual words."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rich.console import Console
from safetensors import safe_open
from typer.testing import CliRunner

from indexer.features.examples import load_examples
from model.network import checkpoint
from model.training.loop import Step
from recipes import contact_sheet
from search.cli.app import app
from search.cli.progress import sparkline, training_progress
from search.training.curves import draw_curves, read_losses, smooth

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
        rows.append(json.dumps({"media": f"{number}.png", "captions": [f"a {name} square", f"the {name}"]}))
    missing = json.dumps({"media": "no.png", "label": "cat"})
    (tmp_path / "my.jsonl").write_text("\n".join([rows[0], "not json", *rows[1:], missing]))
    return folder


def train(photos: Path, start: Path, *more: object):
    arguments = ["train", "--captions", photos.parent / "my.jsonl", "--videos", photos, "--start", start, *more]
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_a_checkpoint_from_captions_and_photos(photos, tiny_checkpoint, tmp_path):
    recipe = tmp_path / "recipe.toml"
    recipe.write_text("epochs = 9\nbatch_size = 4\nmasked_word_weight = 0.5\nvisual_branching = 2\nvisual_depth = 2\n")
    output = tmp_path / "out"
    done = train(photos, tiny_checkpoint, "--output", output, "--recipe", recipe, "--epochs", 2, "--seed", 7)
    assert done.exit_code == 0, done.output
    assert done.stdout == f"Trained on 8 rows, wrote {output}.\n"
    assert "skipped my.jsonl:2: Expecting value" in done.stderr
    assert "skipped no.png: " in done.stderr
    assert "epoch 2  " in done.stderr
    model, _ = checkpoint.load(output)
    assert model.config.masked_words
    assert len(model.visual_words) == 4
    assert (model.config.training["epochs"], model.config.training["seed"]) == (2, 7)  # flags come before the recipe
    assert (model.config.training["batch_size"], model.config.training["masked_word_weight"]) == (4, 0.5)
    assert {path.name for path in (output / "run").iterdir()} >= {"training.json", "losses.csv", "training.safetensors"}


def test_an_interrupted_command_goes_on(photos, tiny_checkpoint, tmp_path, monkeypatch):
    options = ["--batch-size", 8, "--save-minutes", 0, "--features", tmp_path / "features.safetensors"]
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert train(photos, tiny_checkpoint, "--output", whole, "--epochs", 3, *options).exit_code == 0

    def interrupt(step: Step) -> None:
        if step.step == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("search.cli.progress.training_progress", lambda console: interrupt)
        stopped = train(photos, tiny_checkpoint, "--output", broken, "--epochs", 3, *options)
    assert stopped.exit_code == 130
    assert "The same command with --resume goes on" in stopped.stderr
    assert not (broken / "model.safetensors").exists()
    refused = train(photos, tiny_checkpoint, "--output", broken, "--epochs", 3, *options)
    assert refused.exit_code == 1
    assert "already holds a run" in refused.stderr
    changed = train(photos, tiny_checkpoint, "--output", broken, "--epochs", 4, *options, "--resume")
    assert changed.exit_code == 1
    assert "epochs was 3 and is 4" in changed.stderr
    assert train(photos, tiny_checkpoint, "--output", broken, "--epochs", 3, *options, "--resume").exit_code == 0
    weights = [(folder / "model.safetensors").read_bytes() for folder in (whole, broken)]
    assert weights[0] == weights[1]


def test_features_are_looked_at_once_and_only_used_for_what_they_are(photos, tiny_checkpoint, tmp_path):
    kept = tmp_path / "features.safetensors"
    options = ["--epochs", 1, "--batch-size", 8, "--features", kept]
    assert train(photos, tiny_checkpoint, "--output", tmp_path / "one", *options).exit_code == 0
    with safe_open(kept, framework="numpy") as file:
        key = file.metadata()["key"]
    examples, problems = load_examples(kept, key=key)
    assert [example.media for example in examples] == [f"{i}.png" for i in range(8)]
    assert examples[1].captions == ("a green square", "the green")
    assert examples[0].features.shape == (4, 1280)
    assert len(problems) == 1
    for photo in photos.iterdir():
        photo.unlink()
    again = train(photos, tiny_checkpoint, "--output", tmp_path / "two", *options)
    assert again.exit_code == 0
    assert "skipped no.png: " in again.stderr
    (tmp_path / "my.jsonl").write_text('{"media": "0.png", "label": "red"}')
    other = train(photos, tiny_checkpoint, "--output", tmp_path / "three", *options)
    assert other.exit_code == 1
    assert "made from other captions or by another backbone" in other.stderr


def test_nothing_usable_is_an_error(photos, tiny_checkpoint, tmp_path):
    (tmp_path / "my.jsonl").write_text('{"media": "nowhere.png", "label": "red"}')
    done = train(photos, tiny_checkpoint, "--output", tmp_path / "out")
    assert done.exit_code == 1
    assert "at least one example" in done.stderr
    assert done.stderr.count("\n") == 2  # progress and the error


def test_curves_are_read_smoothed_and_drawn(tmp_path):
    path = tmp_path / "losses.csv"
    path.write_text("step,silent,masked_words\n1,4,\n2,3,9\n3,2,\n")
    assert read_losses(path) == {"silent": ([1, 2, 3], [4, 3, 2]), "masked_words": ([2], [9])}
    steps, values = smooth(list(range(1, 1001)), [float(i) for i in range(1000)])
    assert len(steps) == len(values) == 334
    assert (steps[0], values[0]) == (2, 1)
    pytest.importorskip("matplotlib")
    draw_curves(path, tmp_path / "losses.png")
    with Image.open(tmp_path / "losses.png") as picture:
        assert picture.size == (800, 300)


def test_without_matplotlib_there_is_no_picture(tmp_path, monkeypatch):
    (tmp_path / "losses.csv").write_text("step,silent\n1,4\n")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    draw_curves(tmp_path / "losses.csv", tmp_path / "losses.png")
    assert not (tmp_path / "losses.png").exists()


def test_an_epoch_is_a_line_with_its_curve():
    assert sparkline([3.0, 1.0, 2.0]) == "█▁▅"
    assert sparkline([2.0, 2.0]) == "▁▁"
    assert sparkline([9.0, 1.0, 2.0], width=2) == "▁█"
    console = Console(file=io.StringIO(), width=200)
    tell = training_progress(console)
    for number, loss in enumerate([4.0, 3.0, 2.0, 1.0], start=1):
        tell(Step((number - 1) // 2, number, 4, {"silent": loss}, 60.0 * (4 - number)))
    lines = console.file.getvalue().splitlines()
    assert lines == ["epoch 1  silent ▁ 3.000  2:00 left", "epoch 2  silent █▁ 1.000  0:00 left"]


def test_a_contact_sheet_shows_the_nearest_members_of_the_fullest_words():
    features = np.array([[0, 0], [3, 0], [1, 0], [9, 9], [2, 0]], np.float16)
    words = np.array([2, 2, 2, 0, 2])
    centroids = np.array([[9, 9], [5, 5], [0, 0]], np.float32)
    shown = contact_sheet.nearest_members(features, words, centroids, rows=3, columns=3)
    assert shown == [(2, [0, 2, 4]), (0, [3])]
    colors = [Image.new("RGB", (10, 20), color) for color in ("red", "green", "blue")]
    drawn = contact_sheet.sheet([(2, colors), (0, colors[2:])])
    assert drawn.size == (44 + 3 * 112, 2 * 112)
    assert drawn.getpixel((44 + 112 + 56, 56)) == (0, 128, 0)
    assert drawn.getpixel((44 + 56, 112 + 56)) == (0, 0, 255)
    assert drawn.getpixel((44 + 112 + 56, 112 + 56)) == (255, 255, 255)


def test_the_contact_sheet_from_the_command_line(photos, tiny_checkpoint, tmp_path, monkeypatch):
    arguments = ["--media", photos, "--captions", tmp_path / "my.jsonl", "--out", tmp_path / "sheet.png", "--words", 3]
    (tmp_path / "my.jsonl").write_text("\n".join(json.dumps({"media": f"{i}.png", "label": "x"}) for i in range(8)))
    monkeypatch.setattr(sys, "argv", ["", "--checkpoint", str(tiny_checkpoint), *map(str, arguments)])
    with pytest.raises(SystemExit, match="has no visual words"):
        contact_sheet.main()
    model, tokenizer = checkpoint.load(tiny_checkpoint)
    model.add_visual_words(2, 1, frame_input="features")
    model.fit_visual_words(np.random.default_rng(0).normal(size=(9, 1280)), seed=0)
    checkpoint.save(model, tokenizer, tmp_path / "worded")
    monkeypatch.setattr(sys, "argv", ["", "--checkpoint", str(tmp_path / "worded"), *map(str, arguments)])
    contact_sheet.main()
    with Image.open(tmp_path / "sheet.png") as picture:
        assert picture.height in (112, 224)  # all eight photos under one word, or under two
        assert picture.width >= 44 + 4 * 112
