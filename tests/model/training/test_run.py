"""Runs that are interrupted, resumed, spread over batches and processes, and averaged."""

import csv
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from torch.nn.attention import SDPBackend, sdpa_kernel

from model.network import checkpoint
from model.network.videobert import VideoBertModel
from model.training.dataset import CaptionedSet, Example, Sampling
from model.training.distributed import Processes
from model.training.loop import Step, made_of, train
from model.training.objectives import Objectives
from model.training.options import TrainingOptions
from model.training.recipe import read_recipe
from model.training.run import Run

RECIPES = Path(__file__).parents[3] / "recipes"
EVERYTHING = {
    "epochs": 2,
    "batch_size": 4,
    "ema": 0.5,
    "masked_word_weight": 1.0,
    "masked_frame_weight": 1.0,
    "joined_sentences": 0.5,
    "largest_step": 5,
    "visual_branching": 2,
    "visual_depth": 2,
    "learning_rate": 1e-2,
    "bert_learning_rate": 1e-3,
}


def examples(count: int = 14) -> CaptionedSet:
    rng = np.random.default_rng(0)
    captions = [("a red dog", "the dog moves"), ("the blue cat moves", "a cat left right"), ("a green square",)]
    return CaptionedSet(
        [Example(rng.normal(size=(6, 1280)).astype(np.float16), captions[i % 3], media=f"{i}") for i in range(count)]
    )


def run_in(folder: Path, options: TrainingOptions, **changes: object) -> Run:
    description = made_of(options, data="data", start="start")
    return Run(folder, description, **({"save_seconds": 0} | changes))


class Stopped(Exception):  # noqa: N818
    pass


def stop_after(steps: int):
    def report(step: Step) -> None:
        if step.step == steps:
            raise Stopped

    return report


@pytest.mark.parametrize("stopped_after", [1, 3, 4])
def test_a_resumed_run_is_the_run_that_never_stopped(tiny_checkpoint, tmp_path, stopped_after):
    options = TrainingOptions(**EVERYTHING)
    whole, tokenizer = checkpoint.load(tiny_checkpoint)
    train(whole, tokenizer, examples(), options, run=run_in(tmp_path / "whole", options))
    resumed, _ = checkpoint.load(tiny_checkpoint)
    run = run_in(tmp_path / "broken", options)
    with pytest.raises(Stopped):
        train(resumed, tokenizer, examples(), options, run=run, report=stop_after(stopped_after))
    resumed, _ = checkpoint.load(tiny_checkpoint)
    torch.manual_seed(99)  # where the generator stands is of no account
    train(resumed, tokenizer, examples(), options, run=run_in(tmp_path / "broken", options, resume=True))
    for name, weight in whole.state_dict().items():
        assert torch.equal(resumed.state_dict()[name], weight), name
    curves = [(tmp_path / folder / "losses.csv").read_text() for folder in ("whole", "broken")]
    assert curves[0] == curves[1]
    assert len(curves[0].splitlines()) == 1 + 6


def test_losses_after_the_saved_step_are_forgotten(tiny_checkpoint, tmp_path):
    options = TrainingOptions(epochs=3, batch_size=14)
    model, tokenizer = checkpoint.load(tiny_checkpoint)
    run = run_in(tmp_path, options)
    with pytest.raises(Stopped):
        train(model, tokenizer, examples(), options, run=run, report=stop_after(1))
    with run.losses.open("a") as file:
        file.write("2,9,9,9,9\n3,9,")  # a step that was not saved, and a row cut in the middle
    model, _ = checkpoint.load(tiny_checkpoint)
    steps = []
    train(model, tokenizer, examples(), options, run=run_in(tmp_path, options, resume=True), report=steps.append)
    assert [step.step for step in steps] == [2, 3]
    assert steps[-1].seconds_left == 0
    rows = list(csv.DictReader(run.losses.read_text().splitlines()))
    assert [row["step"] for row in rows] == ["1", "2", "3"]
    assert set(rows[0]) == {"step", "silent", "fused", "alignment", "anchor"}
    assert "9" not in {row["silent"] for row in rows}


def test_the_state_is_saved_when_it_is_time(tiny_checkpoint, tmp_path):
    options = TrainingOptions(epochs=2, batch_size=14)
    model, tokenizer = checkpoint.load(tiny_checkpoint)
    run, states = run_in(tmp_path, options, save_seconds=1000), []
    train(model, tokenizer, examples(), options, run=run, report=lambda step: states.append(run.state.exists()))
    assert states == [False, True]  # the last step is always saved
    with safe_open(run.state, framework="pt") as file:
        assert file.metadata() == {"step": "2"}
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith("training")) == [
        "training.json",
        "training.safetensors",
    ]


def test_a_run_is_not_resumed_as_another(tiny_checkpoint, tmp_path):
    options = TrainingOptions(epochs=1, batch_size=14)
    with pytest.raises(ValueError, match="nothing to resume"):
        run_in(tmp_path, options, resume=True)
    model, tokenizer = checkpoint.load(tiny_checkpoint)
    train(model, tokenizer, examples(), options, run=run_in(tmp_path, options))
    with pytest.raises(ValueError, match="already holds a run"):
        run_in(tmp_path, options)
    with pytest.raises(ValueError, match="with other settings: batch_size was 14 and is 7; seed was 0 and is 3"):
        run_in(tmp_path, TrainingOptions(epochs=1, batch_size=7, seed=3), resume=True)
    for name in ("data", "start"):
        description = made_of(options, data="data", start="start") | {name: "else"}
        with pytest.raises(ValueError, match=f"{name} was '{name}' and is 'else'"):
            Run(tmp_path, description, resume=True)
    four = made_of(TrainingOptions(accumulate=4), data="", start="")
    assert four == made_of(TrainingOptions(accumulate=2), data="", start="", processes=Processes(2, 1))
    assert four != made_of(TrainingOptions(), data="", start="")


def test_accumulated_gradients_are_the_mean_over_the_batches(tiny_checkpoint, tmp_path):
    options = TrainingOptions(epochs=1, batch_size=6, accumulate=2, warmup=0.0, bert_learning_rate=1e-3)
    model, tokenizer = checkpoint.load(tiny_checkpoint)
    calls = []

    class Seen(Objectives):
        def __call__(self, batch, *, step):
            calls.append((torch.get_rng_state(), batch))
            return super().__call__(batch, step=step)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("model.training.loop.Objectives", Seen)
        train(model, tokenizer, examples(), options, run=run_in(tmp_path, options))
    assert [len(batch.queries) for _, batch in calls] == [6, 6]
    assert calls[0][1].queries != calls[1][1].queries
    fresh, _ = checkpoint.load(tiny_checkpoint)
    fresh.train().backbone.eval()
    objectives = Objectives(fresh, tokenizer, examples().texts(), options)
    for state, batch in calls:
        torch.set_rng_state(state)
        bf16 = bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16), sdpa_kernel(SDPBackend.MATH):
            terms = objectives(batch, step=0)
        sum(options.weights[name] * term for name, term in terms.items()).backward()
    expected = fresh.retrieval.frames.weight.grad / 2
    with safe_open(tmp_path / "training.safetensors", framework="pt") as file:
        moment = file.get_tensor("optimizer/retrieval.frames.weight/exp_avg")
    # After one step Adam's first moment is a tenth of the gradient, which was clipped as a whole.
    torch.testing.assert_close(
        torch.nn.functional.normalize(moment, dim=None),
        torch.nn.functional.normalize(expected, dim=None),
        atol=1e-4,
        rtol=1e-2,
    )


def test_the_average_of_the_weights_is_the_result(tiny_checkpoint):
    path, averaged = [], None
    for ema in (0.0, 0.5):
        model, tokenizer = checkpoint.load(tiny_checkpoint)
        options = TrainingOptions(epochs=3, batch_size=14, ema=ema, learning_rate=1e-2)
        points = []
        train(model, tokenizer, examples(), options, report=lambda _, m=model, s=points: s.append(weight(m)))
        path, averaged = points, weight(model)
    expected = path[0]  # which is the same with and without: averaging does not touch the run itself
    for point in path[1:]:
        expected = 0.5 * expected + 0.5 * point
    torch.testing.assert_close(averaged, expected)
    assert not torch.allclose(averaged, path[-1])


def weight(model: VideoBertModel) -> torch.Tensor:
    return model.retrieval.frames.weight.detach().clone()


def test_too_few_examples_for_a_step_are_refused(tiny_checkpoint):
    model, tokenizer = checkpoint.load(tiny_checkpoint)
    with pytest.raises(ValueError, match="a step of 4 batches needs at least as many examples, got 3"):
        train(model, tokenizer, examples(3), TrainingOptions(accumulate=4))


WORKER = """
import sys
from pathlib import Path
import tests.conftest
from model.network import checkpoint
from model.training.distributed import Processes
from model.training.run import Run
from model.training.loop import made_of, train
from tests.model.training.test_run import EVERYTHING, TrainingOptions, examples
processes = Processes.launched()
assert processes.count == 2
options = TrainingOptions(**EVERYTHING)
model, tokenizer = checkpoint.load(Path(sys.argv[1]))
description = made_of(options, data="data", start="start", processes=processes)
run = Run(Path(sys.argv[2]), description, write=processes.first)
train(model, tokenizer, examples(), options, run=run, processes=processes)
processes.wait()
"""


@pytest.mark.slow
def test_two_processes_do_what_one_does_with_two_batches(tiny_checkpoint, tmp_path):
    pytest.importorskip("accelerate")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    shared = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "ACCELERATE_USE_CPU": "true"}
    commands = [sys.executable, "-c", WORKER, tiny_checkpoint, tmp_path / "two"]
    workers = [
        subprocess.Popen(
            commands,
            cwd=Path(__file__).parents[3],
            env=os.environ | shared | {"RANK": str(i), "LOCAL_RANK": str(i), "OMP_NUM_THREADS": "1"},
            stderr=subprocess.PIPE,
            text=True,
        )
        for i in range(2)
    ]
    outputs = [worker.communicate(timeout=120)[1] for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0], outputs
    options = TrainingOptions(**(EVERYTHING | {"accumulate": 2}))
    model, tokenizer = checkpoint.load(tiny_checkpoint)
    train(model, tokenizer, examples(), options, run=run_in(tmp_path / "one", options))
    assert (tmp_path / "two" / "training.json").read_text() == (tmp_path / "one" / "training.json").read_text()
    with (
        safe_open(tmp_path / "two" / "training.safetensors", framework="pt") as two,
        safe_open(tmp_path / "one" / "training.safetensors", framework="pt") as one,
    ):
        assert two.metadata() == one.metadata() == {"step": "2"}
        for name in one.keys():  # noqa: SIM118
            torch.testing.assert_close(two.get_tensor(name), one.get_tensor(name), atol=2e-4, rtol=1e-2)


def test_without_a_launcher_there_is_one_process(monkeypatch):
    assert Processes.launched() == Processes(1, 0)
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setitem(sys.modules, "accelerate", None)
    with pytest.raises(ValueError, match="needs accelerate: pip install"):
        Processes.launched()


def test_recipes_are_checked(tmp_path):
    path = tmp_path / "recipe.toml"
    path.write_text("epochs = 3\nlearning_rate = 1\nframe_input = 'visual_words'\n")
    assert read_recipe(path).options == {"epochs": 3, "learning_rate": 1.0, "frame_input": "visual_words"}
    for text, message in (
        ("epoch = 3", "'epoch' is not a training option; allowed are epochs, batch_size"),
        ("epochs = 2.5", "epochs must be int, got 2.5"),
        ("seed = true", "seed must be int, got True"),
        ("epochs =", "recipe.toml: "),
    ):
        path.write_text(text)
        with pytest.raises(ValueError, match=message):
            read_recipe(path)


@pytest.mark.parametrize("recipe", sorted(RECIPES.glob("*/*.toml")), ids=lambda path: path.stem)
def test_the_recipes_of_the_shipped_checkpoint_are_valid(recipe):
    options = TrainingOptions(**read_recipe(recipe).options)
    assert json.loads(json.dumps(made_of(options, data="", start="")))["epochs"] == options.epochs


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"epochs": 0}, "epochs must be at least 1, got 0"),
        ({"fused_weight": -1.0}, "fused_weight must not be negative, got -1.0"),
        ({"ema": 1.5}, "ema must be between 0 and 1, got 1.5"),
        ({f"{name}_weight": 0.0 for name in ("silent", "fused", "alignment", "anchor")}, "nothing to train"),
    ],
)
def test_options_that_make_no_sense_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        TrainingOptions(**wrong)


def test_sampling_is_what_the_options_say(tiny_checkpoint):
    model, tokenizer = checkpoint.load(tiny_checkpoint)
    points = []

    class Watched(CaptionedSet):
        def batch(self, chosen, *, rng, sampling):
            points.append(sampling)
            return super().batch(chosen, rng=rng, sampling=sampling)

    shares = {"right_subtitles": 0.2, "wrong_subtitles": 0.3, "joined_sentences": 0.4}
    options = TrainingOptions(epochs=1, drawn_frames=2, largest_step=5, **shares)
    train(model, tokenizer, Watched(examples().examples), options)
    assert points == [Sampling(8, 2, 0.2, 0.3, 0.4, 5)]
