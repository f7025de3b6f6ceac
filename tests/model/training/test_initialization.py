"""Networks of another shape: recipes that ask for one, what it takes over, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from typer.testing import CliRunner

from model.network import checkpoint
from model.network.videobert import VideoBertModel
from model.training.initialization import begin, check_options
from model.training.options import TrainingOptions
from model.training.recipe import Recipe, read_recipe
from search.cli.app import app


def weights(model: VideoBertModel, part: str):
    return {name: tensor for name, tensor in model.state_dict().items() if name.startswith(part)}


def same(one: VideoBertModel, other: VideoBertModel, part: str) -> bool:
    ours, theirs = weights(one, part), weights(other, part)
    return ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_without_a_change_the_start_is_what_it_is(model: VideoBertModel):
    assert begin(model, {"temporal": "transformer", "hidden_size": 24}, seed=0) == (model, [])


def test_what_fits_is_taken_over(model: VideoBertModel):
    begun, fresh = begin(model, {"temporal": "gru"}, seed=0)
    assert begun.config.temporal == "gru"
    assert fresh == ["temporal"]
    assert all(same(begun, model, part) for part in ("bert", "backbone", "retrieval", "alignment", "frame_projection"))
    shallower, fresh = begin(model, {"num_hidden_layers": 1, "frame_dropout": 0.1}, seed=0)
    assert fresh == ["bert"]
    assert len(shallower.bert.encoder.layer) == 1
    assert shallower.frame_projection[4].p == 0.1
    narrower, fresh = begin(model, {"hidden_size": 16, "embedding_size": 16}, seed=0)
    assert set(fresh) == {"frame_gain", "frame_projection", "temporal", "bert", "retrieval", "alignment"}
    assert same(narrower, model, "backbone")


def test_what_begins_at_random_follows_from_the_seed(model: VideoBertModel):
    one, two, three = (begin(model, {"temporal": "lstm"}, seed=seed)[0] for seed in (1, 1, 2))
    assert same(one, two, "temporal")
    assert not same(one, three, "temporal")


@pytest.mark.parametrize(
    ("network", "message"),
    [
        ({"hidden_size": 25}, "hidden_size must be a multiple of num_attention_heads, got 25 and 4"),
        ({"temporal_heads": 5}, "multiple of temporal_heads, got 24 and 5"),
        ({"hidden_size": 25, "num_attention_heads": 5, "temporal": "gru"}, "a gru over both directions needs an even"),
        ({"max_words": 60}, "up to 71 positions, max_position_embeddings allows 64"),
        ({"backbone": "resnet18"}, "a backbone is one of s3d-kinetics400, .*, or vision:FOLDER, got .resnet18."),
        ({"temporal": "magic"}, "temporal model must be one of"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(model: VideoBertModel, network, message):
    with pytest.raises(ValueError, match=message):
        begin(model, network, seed=0)


def test_queries_that_begin_at_random_cannot_be_kept(model: VideoBertModel):
    with pytest.raises(ValueError, match="bert_learning_rate 0 freezes queries, but bert is randomly initialized"):
        check_options(TrainingOptions(bert_learning_rate=0.0), ["bert"])
    with pytest.raises(ValueError, match="but retrieval is randomly initialized here: set it to 0"):
        check_options(TrainingOptions(), ["retrieval"])
    assert check_options(TrainingOptions(anchor_weight=0.0), ["bert"]) is None
    assert check_options(TrainingOptions(bert_learning_rate=0.0), ["temporal"]) is None


def test_the_joint_transformer_can_begin_from_a_bert(model: VideoBertModel, tmp_path: Path):
    other = VideoBertModel(model.config)
    named = {
        f"bert.{name}".replace("LayerNorm.weight", "LayerNorm.gamma").replace(
            "LayerNorm.bias", "LayerNorm.beta"
        ): tensor
        for name, tensor in other.bert.state_dict().items()
    }  # as the checkpoints of the paper call them
    save_file(named, tmp_path / "model.safetensors")
    begun, fresh = begin(model, {"bert": str(tmp_path), "temporal": "none"}, seed=0)
    assert fresh == []
    assert same(begun, other, "bert")
    with pytest.raises(ValueError, match="has another shape than this network's"):
        begin(model, {"bert": str(tmp_path), "num_hidden_layers": 3}, seed=0)


def test_recipes_with_a_network(tmp_path: Path):
    path = tmp_path / "recipe.toml"
    path.write_text("epochs = 3\n[network]\ntemporal = 'gru'\nframe_dropout = 0\n")
    assert read_recipe(path) == Recipe({"epochs": 3}, {"temporal": "gru", "frame_dropout": 0.0})
    for text, message in (
        ("[network]\nvocab_size = 3", "'vocab_size' is not a field of .network.; allowed are bert, hidden_size"),
        ("[network]\ntemporal = 3", "temporal must be str, got 3"),
        ("network = 3", ".network. must be a table, got 3"),
    ):
        path.write_text(text)
        with pytest.raises(ValueError, match=message):
            read_recipe(path)


def test_training_another_network_from_the_command_line(tiny_checkpoint: Path, tmp_path: Path):
    for number in range(4):
        Image.fromarray(np.full((40, 48, 3), 60 * number, np.uint8)).save(tmp_path / f"{number}.png")
    rows = [
        json.dumps({"media": f"{n}.png", "captions": [f"a {word} square"]})
        for n, word in enumerate(["red", "blue", "cat", "dog"])
    ]
    (tmp_path / "my.jsonl").write_text("\n".join(rows))
    (tmp_path / "small.toml").write_text(
        "epochs = 1\nbatch_size = 4\nanchor_weight = 0\n[network]\ntemporal = 'gru'\nnum_hidden_layers = 1\n"
    )
    arguments = ["train", "--captions", tmp_path / "my.jsonl", "--videos", tmp_path, "--start", tiny_checkpoint]
    done = CliRunner().invoke(
        app, [*map(str, arguments), "--output", str(tmp_path / "out"), "--recipe", str(tmp_path / "small.toml")]
    )
    assert done.exit_code == 0, done.output
    assert "initialized at random: temporal, bert" in done.stderr
    model, _ = checkpoint.load(tmp_path / "out")
    assert (model.config.temporal, model.config.num_hidden_layers) == ("gru", 1)
    described = json.loads((tmp_path / "out" / "run" / "training.json").read_text())
    assert described["network"] == {"temporal": "gru", "num_hidden_layers": 1}
