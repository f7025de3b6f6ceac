"""The last blocks of the backbone learn from captions, and nothing before them moves."""

import copy
import json

import numpy as np
import pytest
import torch
from PIL import Image

from model.network import checkpoint
from model.network.efficientnet_lite2 import EfficientNetLite2
from model.network.videobert import VideoBertModel
from model.training.dataset import read_captions
from recipes import backbone
from recipes.last_blocks import FIRST, LastBlocks
from tests.support.tiny_model import tiny_config

COLOURS = {"red": (220, 30, 30), "green": (30, 200, 40), "blue": (40, 60, 220), "white": (240, 240, 240)}


@pytest.fixture
def network():
    torch.manual_seed(0)
    network = EfficientNetLite2().eval()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    return network


@torch.no_grad()
def test_blocks_as_products_are_the_network(network):
    maps = torch.randn(3, 208, 8, 8)
    expected = network[FIRST:](maps).mean(dim=(2, 3))
    assert torch.allclose(LastBlocks(network)(maps.flatten(2).transpose(0, 1)), expected, atol=1e-5)


@torch.no_grad()
def test_what_the_blocks_learned_goes_back_into_the_network(network):
    before, maps = copy.deepcopy(network.state_dict()), torch.randn(2, 208, 8, 8)
    blocks = LastBlocks(network)
    for parameter in blocks.parameters():
        parameter.mul_(1 + 0.1 * torch.rand_like(parameter))
    blocks.put_back()
    assert torch.allclose(
        network[FIRST:](maps).mean(dim=(2, 3)), blocks(maps.flatten(2).transpose(0, 1)), rtol=1e-3, atol=1e-4
    )
    moved = {name for name, tensor in network.state_dict().items() if not torch.equal(tensor, before[name])}
    assert {int(name.split(".")[0]) for name in moved} == set(range(FIRST, len(network)))


@pytest.fixture
def captioned(tmp_path):
    rows = []
    for name, colour in COLOURS.items():
        Image.new("RGB", (96, 64), colour).save(tmp_path / f"{name}.png")
        rows.append({"media": f"{name}.png", "captions": [f"a {name} square", f"{name}"]})
    path = tmp_path / "captions.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def tiny(tiny_checkpoint):
    _, tokenizer = checkpoint.load(tiny_checkpoint)
    torch.manual_seed(0)
    shape = {"backbone": "efficientnet_lite2", "image_size": 256, "class_names": ("cat", "dog")}
    model = VideoBertModel(tiny_config(**shape, frame_width=16, glance_width=16)).eval()
    model.fit_frame_readers(np.random.default_rng(0).normal(1, 1, (50, 1280)).astype(np.float16))
    return model, tokenizer


def interrupt(step, loss):
    if step == 2:
        raise KeyboardInterrupt


def test_last_blocks_and_readers_learn_and_a_resumed_run_ends_the_same(
    tiny_checkpoint, captioned, tmp_path, monkeypatch
):
    monkeypatch.setattr(backbone, "SAVE_STEPS", 1)
    rows, _ = read_captions(captioned)
    options = backbone.Options(steps=4, batch=8, learning_rate=1e-3, reader_learning_rate=1e-3)
    ended = []
    for interrupted in (False, True):
        model, tokenizer = tiny(tiny_checkpoint)
        before = copy.deepcopy(model.state_dict())
        maps = backbone.cached_maps(backbone.network_of(model), rows, tmp_path, tmp_path / "maps", views=2)
        assert maps.shape == (4, 2, 208, 64)
        state = tmp_path / f"{interrupted}.pt"
        training = backbone.rows_of(rows, {}), maps
        if interrupted:
            with pytest.raises(KeyboardInterrupt):
                backbone.train(*tiny(tiny_checkpoint), *training, options, state=state, report=interrupt)
        backbone.train(model, tokenizer, *training, options, state=state)
        moved = {name for name, tensor in model.state_dict().items() if not torch.equal(tensor, before[name])}
        assert {name.split(".")[0] for name in moved} == {"backbone", "glance", "frame_projection"}
        assert all(int(name.split(".")[2]) >= FIRST for name in moved if name.startswith("backbone"))
        ended.append(model.state_dict())
    assert all(torch.equal(ended[0][name], ended[1][name]) for name in ended[0])


def test_a_row_is_drawn_by_its_folder_and_the_root_of_its_pictures(tmp_path):
    path = tmp_path / "captions.jsonl"
    lines = [
        {"media": "photos/1.png", "captions": ["a"]},
        {"media": [f"video/{i}.png" for i in range(4)], "label": "dog"},
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    first, second = backbone.rows_of(read_captions(path)[0], {"photos": 3.0})
    assert (first.pictures, first.weight) == (range(1), 3.0)
    assert (second.pictures, second.weight) == (range(1, 5), 2.0)
    assert "a video of a dog" in second.texts


def test_another_network_is_refused(tiny_checkpoint):
    model, _ = checkpoint.load(tiny_checkpoint)
    with pytest.raises(
        ValueError, match="needs efficientnet_lite2, class names and a direct frame head, got mobilenet"
    ):
        backbone.network_of(model)
    model = VideoBertModel(
        tiny_config(backbone="efficientnet_lite2", class_names=("cat",), frame_width=8, glance_width=8)
    )
    with pytest.raises(ValueError, match="image_size must be 256, got 32"):
        backbone.network_of(model)
