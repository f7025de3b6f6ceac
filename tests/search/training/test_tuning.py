"""`videobert tune`: spaces, the held-out split, resuming, workers side by side, and what comes out."""

from __future__ import annotations

import csv
import json
import random
from pathlib import Path

import numpy as np
import optuna
import pytest
from filelock import FileLock
from optuna.trial import TrialState
from PIL import Image
from typer.testing import CliRunner

from model.encoder.contract import Encoder
from model.encoder.load import load
from model.training.dataset import Example
from model.training.options import TrainingOptions
from model.training.recipe import read_recipe
from model.training.search_space import Range, read_space
from search.cli.app import app
from search.training import study, tuning
from search.training.study import Tuning

COLORS = {"red": (200, 20, 20), "green": (20, 200, 20), "blue": (20, 20, 200), "cat": (128, 128, 128)}
SPACE = """
epochs = 2
batch_size = 8
anchor_weight = 0
learning_rate = {low = 1e-4, high = 1e-2, log = true}
[network]
temporal = ["none", "gru"]
"""


class First:
    """Chooses the lowest of everything, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: dict[str, object] = {}

    def suggest_categorical(self, name, choices):
        self.asked[name] = choices
        return choices[0]

    def suggest_float(self, name, low, high, *, step, log):
        self.asked[name] = (low, high, step, log)
        return low

    def suggest_int(self, name, low, high, *, step, log):
        return self.suggest_float(name, low, high, step=step, log=log)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    rng = np.random.default_rng(0)
    rows = []
    for number in range(20):
        name, color = list(COLORS.items())[number % 4]
        pixels = np.clip(np.array(color) + rng.integers(-20, 20, (40, 48, 3)), 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
        rows.append(json.dumps({"media": f"{number}.png", "captions": [f"a {name} square", f"the {name}"]}))
    (tmp_path / "my.jsonl").write_text("\n".join([*rows, json.dumps({"media": "no.png", "label": "cat"})]))
    (tmp_path / "space.toml").write_text(SPACE)
    return folder


def tune(photos: Path, start: Path, *more: object):
    home = photos.parent
    places = ["--captions", home / "my.jsonl", "--videos", photos, "--start", start, "--output", home / "search"]
    fixed = ["--space", home / "space.toml", "--held-out", 0.3, "--features", home / "features.safetensors"]
    return CliRunner().invoke(app, [str(argument) for argument in ["tune", *places, *fixed, *more]])


def search(photos: Path, start: Path, **changes: object) -> Tuning:
    home = photos.parent
    places = (home / "my.jsonl", photos, start, home / "space.toml", home / "search", home / "features.safetensors")
    return Tuning(*places, **{"held_out": 0.3, "sampler": "random", "trials": 3, "prune": False} | changes)


def test_a_space_is_a_recipe_with_open_values(tmp_path: Path):
    path = tmp_path / "space.toml"
    path.write_text(
        "epochs = {low = 1, high = 5}\nema = {low = 0.0, high = 0.9, step = 0.3}\n" + SPACE.replace("epochs = 2", "")
    )
    space, trial = read_space(path), First()
    recipe = space.choose(trial)
    assert recipe.options == {"batch_size": 8, "anchor_weight": 0.0, "epochs": 1, "ema": 0.0, "learning_rate": 1e-4}
    assert recipe.network == {"temporal": "none"}
    assert trial.asked == {
        "epochs": (1, 5, 1, False),
        "ema": (0.0, 0.9, 0.3, False),
        "learning_rate": (1e-4, 1e-2, None, True),
        "network.temporal": ["none", "gru"],
    }


def test_a_grid_is_every_combination(tmp_path: Path):
    path = tmp_path / "space.toml"
    path.write_text(
        "batch_size = {low = 8, high = 24, step = 8}\nema = {low = 0.1, high = 0.3, step = 0.1}\n"
        "[network]\ntemporal = ['gru']\n"
    )
    grid = read_space(path).grid()
    assert [row["batch_size"] for row in grid] == [8, 8, 8, 16, 16, 16, 24, 24, 24]
    assert [row["ema"] for row in grid[:3]] == [0.1, 0.2, 0.3]
    assert {row["network.temporal"] for row in grid} == {"gru"}
    path.write_text("learning_rate = {low = 0.1, high = 0.2}")
    with pytest.raises(ValueError, match="learning_rate: a grid needs a list of values, or a range with a step"):
        read_space(path).grid()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("epochs = 3", "has nothing to search"),
        ("epoch = [3]", "'epoch' is not a training option"),
        ("epochs = []", "epochs needs at least one value"),
        ("epochs = [3, 'many']", "epochs must be int, got 'many'"),
        ("epochs = {low = 3}", "epochs needs low and high, and may have step"),
        ("epochs = {low = 3, high = 4, logarithmic = true}", "epochs needs low and high"),
        ("epochs = {low = 3, high = 3}", "epochs: low must be below high, got 3 and 3"),
        ("ema = {low = 0.0, high = 0.5, log = true}", "a log range must start above 0"),
        ("ema = {low = 0.0, high = 0.5, step = 0.7}", "at most high - low, got 0.7"),
        ("[network]\ntemporal = {low = 'a', high = 'b'}", "temporal is not a number"),
        ("[network]\nsize = [3]", "'size' is not a field of .network."),
        ("network = 3", ".network. must be a table"),
    ],
)
def test_a_space_that_makes_no_sense_is_refused(text, message, tmp_path: Path):
    (tmp_path / "space.toml").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_space(tmp_path / "space.toml")


def test_steps_carry_no_dust():
    assert Range(0.1, 0.7, step=0.1).values == [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7]


def test_media_are_held_out_whole_and_always_the_same():
    examples = [Example(np.zeros((1, 2), np.float16), ("a",), media=f"{i % 50}.png") for i in range(200)]
    trained, held_out = tuning.split(examples, 0.2)
    assert {e.media for e in trained}.isdisjoint(e.media for e in held_out)
    assert 0.05 < len(held_out) / len(examples) < 0.3
    random.Random(0).shuffle(examples)
    assert {e.media for e in tuning.split(examples, 0.2)[1]} == {e.media for e in held_out}
    assert {e.media for e in held_out} < {e.media for e in tuning.split(examples, 0.5)[1]}
    with pytest.raises(ValueError, match="leaves 4 examples to train on and 0 to rank"):
        tuning.split(examples[:4], 1e-9)


def test_scores_by_hand(encoder: Encoder, monkeypatch):
    angles = {"a dog": 0.0, "a cat": 1.0, "a red cat": 1.2, "square": 3.0}
    monkeypatch.setattr(
        encoder, "embed_text", lambda texts: np.array([[np.cos(angles[t]), np.sin(angles[t])] for t in texts])
    )
    monkeypatch.setattr(
        encoder,
        "embed_segments",
        lambda segments, texts: np.array([[np.cos(rows[0, 0]), np.sin(rows[0, 0])] for rows in segments]),
    )

    def example(angle: float, *captions: str, label: str = "") -> Example:
        return Example(np.full((1, 1), angle), captions, label)

    held_out = [
        example(0.1, "a dog"),
        example(0.0, "a cat", "a red cat"),
        example(1.1, label="square"),
        example(3.1, label="square"),
    ]
    scores = tuning.held_out_scores(encoder, held_out)
    # a dog: second behind 0.0; a cat and a red cat: behind 1.1 and 0.1; square, asked twice: first
    assert scores == pytest.approx({"MRR": (1 / 2 + 1 / 3 + 1 / 3 + 1 + 1) / 5, "R@1": 2 / 5, "R@10": 1.0})


@pytest.mark.slow
def test_from_a_space_to_a_trained_model(photos: Path, tiny_checkpoint: Path, tmp_path: Path):
    done = tune(photos, tiny_checkpoint, "--sampler", "random", "--trials", 3)
    assert done.exit_code == 0, done.output
    assert "skipped no.png" in done.stderr
    output = tmp_path / "search"
    with (output / "trials.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 3
    scores = [float(row["MRR"]) for row in rows if row["state"] == "complete"]
    assert scores == sorted(scores, reverse=True)
    assert all(0 < score <= 1 for score in scores)
    assert {row["begins at random"] for row in rows} <= {"", "temporal"}
    with Image.open(output / "trials.png") as picture:
        assert picture.width > picture.height
    best = read_recipe(output / "best.toml")
    assert float(rows[0]["learning_rate"]) == pytest.approx(best.options["learning_rate"])
    assert best.network["temporal"] == rows[0]["network.temporal"]
    assert best.options["epochs"] == 2
    command = done.stdout.splitlines()[-1].strip()
    assert command.startswith("videobert train --captions ")
    assert f"# {command}" in (output / "best.toml").read_text()
    trained = CliRunner().invoke(app, command.replace("FOLDER", str(tmp_path / "best")).split()[1:])
    assert trained.exit_code == 0, trained.output
    assert load(tmp_path / "best").model.config.temporal == best.network["temporal"]


@pytest.mark.slow
def test_an_interrupted_search_goes_on(photos: Path, tiny_checkpoint: Path, tmp_path: Path, monkeypatch):
    real = tuning.held_out_scores

    def interrupted(*arguments: object):
        if len(study.opened(search(photos, tiny_checkpoint)).get_trials()) == 2:
            raise KeyboardInterrupt
        return real(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(tuning, "held_out_scores", interrupted)
        stopped = tune(photos, tiny_checkpoint, "--sampler", "random", "--trials", 3, "--no-prune")
    assert stopped.exit_code == 130
    assert "The same command with --resume goes on" in stopped.stderr
    refused = tune(photos, tiny_checkpoint, "--sampler", "random", "--trials", 3, "--no-prune")
    assert (refused.exit_code, "holds a search already" in refused.stderr) == (1, True)
    other = tune(photos, tiny_checkpoint, "--sampler", "tpe", "--seed", 4, "--resume")
    assert "was begun with other sampler, seed" in other.stderr
    done = tune(photos, tiny_checkpoint, "--sampler", "random", "--trials", 3, "--no-prune", "--resume", "--json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)["trials"]
    assert sorted(row["trial"] for row in found) == [0, 2, 3]  # 1 was interrupted, and 2 is the same again
    again = study.opened(search(photos, tiny_checkpoint)).get_trials()
    assert again[1].params == again[2].params
    assert again[1].state == TrialState.FAIL
    more = tune(photos, tiny_checkpoint, "--sampler", "random", "--trials", 4, "--no-prune", "--resume", "--json")
    assert len(json.loads(more.stdout)["trials"]) == 4


def test_resuming_what_is_not_there_is_refused(photos: Path, tiny_checkpoint: Path):
    assert "nothing to resume" in tune(photos, tiny_checkpoint, "--resume").stderr


def test_a_grid_is_tried_whole_and_bad_combinations_say_why(photos: Path, tiny_checkpoint: Path, tmp_path: Path):
    (tmp_path / "space.toml").write_text(
        "epochs = 1\nbatch_size = 8\nanchor_weight = 0\n[network]\nhidden_size = [24, 30]\ntemporal = ['none', 'gru']\n"
    )
    done = tune(photos, tiny_checkpoint, "--sampler", "grid", "--json")
    assert done.exit_code == 0, done.output
    rows = json.loads(done.stdout)["trials"]
    assert len(rows) == 4
    assert [row["reason"] for row in rows if row["state"] == "fail"] == [
        "hidden_size must be a multiple of num_attention_heads, got 30 and 4"
    ] * 2
    assert {row["network.temporal"] for row in rows if row["state"] == "complete"} == {"none", "gru"}
    again = tune(photos, tiny_checkpoint, "--sampler", "grid", "--json", "--resume")
    assert len(json.loads(again.stdout)["trials"]) == 4


def test_what_decides_the_features_is_not_searched(photos: Path, tiny_checkpoint: Path, tmp_path: Path):
    (tmp_path / "space.toml").write_text(
        "epochs = [1, 2]\n[network]\nbackbone = 's3d-kinetics400'\nimage_size = [32, 64]\n"
    )
    done = tune(photos, tiny_checkpoint)
    assert done.exit_code == 1
    assert "names network.backbone, network.image_size, which decides what frames look like" in done.stderr


def test_when_nothing_works_the_reasons_are_said(photos: Path, tiny_checkpoint: Path, tmp_path: Path):
    (tmp_path / "space.toml").write_text("epochs = 1\nbert_learning_rate = 0\n[network]\nnum_hidden_layers = [1]\n")
    done = tune(photos, tiny_checkpoint, "--sampler", "grid")
    assert done.exit_code == 1
    assert "no trial finished: bert_learning_rate 0 freezes queries, but bert is randomly initialized" in done.stderr


def test_trials_below_the_median_are_given_up(photos: Path, tiny_checkpoint: Path, monkeypatch):
    scores = iter([0.9] * 4 * 3 + [0.1] * 9)
    monkeypatch.setattr(
        tuning, "held_out_scores", lambda encoder, held_out: {"MRR": next(scores), "R@1": 0.0, "R@10": 0.0}
    )
    wanted = search(photos, tiny_checkpoint, trials=5, prune=True)
    found, _ = tuning.tune(wanted)
    states = [trial.state for trial in found.get_trials()]
    assert states == [TrialState.COMPLETE] * 4 + [TrialState.PRUNED]
    last = study.table(found)[-1]
    assert (last["state"], last["epochs"], last["MRR"]) == ("pruned", 1, 0.1)


@pytest.mark.slow
def test_what_is_tried_follows_from_the_seed_whoever_runs_it(photos: Path, tiny_checkpoint: Path, tmp_path: Path):
    alone, _ = tuning.tune(search(photos, tiny_checkpoint, trials=2))
    trials = alone.get_trials()  # read now: the journal is about to move
    (tmp_path / "search").rename(tmp_path / "first")
    beside, _ = tuning.tune(search(photos, tiny_checkpoint, trials=2), workers=2)
    assert [trial.params for trial in beside.get_trials()] == [trial.params for trial in trials]
    assert [trial.state for trial in beside.get_trials()] == [TrialState.COMPLETE] * 2
    np.testing.assert_allclose([t.value for t in beside.get_trials()], [t.value for t in trials], atol=0.05)


@pytest.mark.slow
def test_a_worker_that_dies_is_noticed(photos: Path, tiny_checkpoint: Path, tmp_path: Path, monkeypatch):
    begin = study.begin

    def begin_and_lose_the_features(*arguments: object) -> None:
        begin(*arguments)
        (tmp_path / "features.safetensors").unlink()

    monkeypatch.setattr(study, "begin", begin_and_lose_the_features)
    with pytest.raises(ValueError, match="a worker died; --resume goes on"):
        tuning.tune(search(photos, tiny_checkpoint), workers=2)


def test_tpe_learns_from_the_trials(photos: Path, tiny_checkpoint: Path, monkeypatch):
    monkeypatch.setattr(
        tuning, "_run", lambda trial, space, *rest: -abs(np.log10(space.choose(trial).options["learning_rate"]) + 3)
    )
    found, _ = tuning.tune(search(photos, tiny_checkpoint, sampler="tpe", trials=30))
    rates = [trial.params["learning_rate"] for trial in found.get_trials()]
    early, late = (np.mean(np.abs(np.log10(part) + 3)) for part in (rates[:10], rates[-10:]))
    assert late < early


def test_a_second_search_in_the_same_folder_waits_not(photos: Path, tiny_checkpoint: Path, tmp_path: Path):
    (tmp_path / "search").mkdir()
    with FileLock(tmp_path / "search" / "tune.lock"):
        assert "another search is running" in tune(photos, tiny_checkpoint).stderr


@pytest.mark.parametrize(
    ("wrong", "message"),
    [({"sampler": "best"}, "grid, random, tpe, got 'best'"), ({"held_out": 1.0}, "between 0 and 1, got 1.0")],
)
def test_wrong_settings_are_refused(wrong, message, photos: Path, tiny_checkpoint: Path):
    with pytest.raises(ValueError, match=message):
        search(photos, tiny_checkpoint, **wrong)


def test_without_optuna_it_says_what_to_install(photos: Path, tiny_checkpoint: Path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert 'pip install "videobert-search[tune]"' in tune(photos, tiny_checkpoint).stderr


def test_the_picture_has_a_chart_for_everything_that_was_open():
    kinds = optuna.distributions.CategoricalDistribution(["none", "gru"])
    rates = optuna.distributions.FloatDistribution(1e-4, 1e-2, log=True)
    found = optuna.create_study(direction="maximize")
    for kind, rate, value in (("none", 1e-3, 0.4), ("gru", 2e-3, 0.6), ("none", 1e-4, 0.5)):
        chosen, spaces = {"temporal": kind, "learning_rate": rate}, {"temporal": kinds, "learning_rate": rates}
        found.add_trial(optuna.trial.create_trial(value=value, params=chosen, distributions=spaces))
    over, temporal, rate = study.charts(found.trials).axes
    assert over.lines[0].get_ydata().tolist() == [0.4, 0.6, 0.6]
    assert [label.get_text() for label in temporal.get_xticklabels()] == ["none", "gru"]
    assert (temporal.get_xlabel(), temporal.get_xscale()) == ("temporal", "linear")
    assert rate.get_xscale() == "log"
    assert rate.lines[0].get_ydata().tolist() == [0.4, 0.6, 0.5]


def test_without_matplotlib_or_scores_there_is_no_picture(tmp_path: Path, monkeypatch):
    empty = optuna.create_study()
    assert not study.draw(empty, tmp_path / "trials.png")
    empty.add_trial(optuna.trial.create_trial(value=0.5))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert not study.draw(empty, tmp_path / "trials.png")


def test_the_space_of_the_documentation_can_be_read(tmp_path: Path):
    page = (Path(__file__).parents[3] / "docs" / "tuning.md").read_text()
    (tmp_path / "space.toml").write_text(page.split("```toml\n")[1].split("```")[0])
    space, trial = read_space(tmp_path / "space.toml"), First()
    TrainingOptions(**space.choose(trial).options)
    assert len(trial.asked) == 6
