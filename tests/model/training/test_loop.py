"""Losses and the training loop."""

import copy
from pathlib import Path

import numpy as np
import pytest
import torch

from model.network import checkpoint
from model.network.videobert import Inputs, VideoBertModel
from model.training import losses
from model.training.dataset import CaptionedSet, Example
from model.training.initialization import begin
from model.training.loop import TrainingOptions, train


def test_contrastive_loss_by_hand():
    queries = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    same = torch.eye(2, dtype=torch.bool)
    # Each row is a softmax over (1, 0): -log(e / (e + 1))
    expected = -np.log(np.e / (np.e + 1))
    assert losses.multi_positive_contrastive(queries, queries, same, torch.tensor(1.0)) == pytest.approx(expected)


def test_contrastive_loss_shares_between_positives():
    queries = torch.nn.functional.normalize(torch.randn(4, 8), dim=1)
    same = torch.ones(4, 4, dtype=torch.bool)
    uniform = losses.multi_positive_contrastive(queries, queries, same, torch.tensor(0.0))
    assert uniform == pytest.approx(np.log(4))


def test_a_soft_target_gives_a_share_to_like_captions():
    same = torch.tensor([[True, True, False], [True, True, False], [False, False, True]])
    captions = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    hard = losses.soft_target(same, captions, 0.0)
    assert hard.tolist() == [[0.5, 0.5, 0.0], [0.5, 0.5, 0.0], [0.0, 0.0, 1.0]]
    soft = losses.soft_target(same, captions, 0.2)
    assert torch.allclose(soft.sum(dim=1), torch.ones(3))
    assert soft[0, 2] == pytest.approx(0.1)  # as alike as itself, so half of the share
    assert soft[2, 2] == pytest.approx(0.9)


def test_alignment_and_anchor_losses_by_hand():
    assert losses.alignment(torch.tensor([0.0, 0.0]), torch.tensor([True, False])) == pytest.approx(np.log(2))
    points = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    assert losses.anchoring(points, points) == pytest.approx(0.0)
    assert losses.anchoring(points, points.flip(0)) == pytest.approx(1.0)


@pytest.mark.slow
def test_training_learns_to_find_the_right_clip(model, tokenizer):
    rng = np.random.default_rng(0)
    names = ["red square", "green square", "blue square", "red circle", "green circle", "blue circle", "dog", "cat"]
    looks = rng.normal(size=(8, 1, 1280)).astype(np.float16)
    examples = [
        Example(look + 0.1 * rng.normal(size=(3, 1280)).astype(np.float16), (f"a {name}", f"the {name} moves"))
        for name, look in zip(names, looks, strict=True)
    ]
    options = TrainingOptions(epochs=60, batch_size=8, learning_rate=3e-3, bert_learning_rate=1e-3, anchor_weight=0.01)
    history = []
    train(model, tokenizer, CaptionedSet(examples), options, report=history.append)
    assert history[-1].losses["silent"] < 0.3 * history[0].losses["silent"]
    assert history[-1].step == history[-1].steps == 60
    ids, mask = tokenizer([f"a {name}" for name in names], max_tokens=16)
    frames = torch.from_numpy(np.stack([e.features for e in examples])).float()
    all_real, none = torch.ones(8, 3, dtype=torch.bool), torch.zeros(8, 0, dtype=torch.bool)
    with torch.inference_mode():
        queries = model.embed(Inputs(ids, mask, frames[:, :0], none))
        clips = model.embed(Inputs(ids[:, :0], none, frames, all_real))
    assert (queries @ clips.T).argmax(dim=1).tolist() == list(range(8))


def test_training_is_reproducible(tiny_checkpoint):
    examples = CaptionedSet([example_of_1280(i) for i in range(4)])
    weights = []
    for _ in range(2):
        model, tokenizer = checkpoint.load(tiny_checkpoint)
        train(model, tokenizer, examples, TrainingOptions(epochs=2, batch_size=2, seed=5))
        weights.append(model.retrieval.frames.weight.detach().clone())
    assert torch.equal(*weights)


def example_of_1280(i: int, *captions: str) -> Example:
    frames = np.random.default_rng(i).normal(size=(2, 1280)).astype(np.float16)
    return Example(frames, captions or ("a dog", "the cat"))


def trained(folder: Path, captions: tuple[str, ...] = (), **options: object) -> VideoBertModel:
    model, tokenizer = checkpoint.load(folder)
    examples = CaptionedSet([example_of_1280(i, *captions) for i in range(4)])
    train(model, tokenizer, examples, TrainingOptions(epochs=1, batch_size=4, **options))
    return model


def test_bert_and_queries_can_be_frozen(tiny_checkpoint):
    before, frozen = checkpoint.load(tiny_checkpoint)[0], trained(tiny_checkpoint, bert_learning_rate=0.0)
    for name, weight in before.named_parameters():
        if name.startswith(("bert.", "backbone.", "retrieval.words.")):
            assert torch.equal(weight, frozen.get_parameter(name)), name
    assert not torch.equal(before.retrieval.frames.weight, frozen.retrieval.frames.weight)
    tuned = trained(tiny_checkpoint, bert_learning_rate=1e-3)
    assert not torch.equal(before.retrieval.words.weight, tuned.retrieval.words.weight)


def test_the_reading_of_frames_can_be_frozen(tiny_checkpoint):
    before, frozen = checkpoint.load(tiny_checkpoint)[0], trained(tiny_checkpoint, frames_frozen=True)
    frames = ("frame_projection.", "temporal.", "frame_gain", "retrieval.frames.")
    for name, weight in before.named_parameters():
        if name.startswith(frames):
            assert torch.equal(weight, frozen.get_parameter(name)), name
    assert not torch.equal(before.alignment.dense.weight, frozen.alignment.dense.weight)
    tuned = trained(tiny_checkpoint)
    assert not torch.equal(before.frame_gain, tuned.frame_gain)


@pytest.mark.parametrize("frames_frozen", [True, False])
def test_the_direct_frame_head_learns_beside_the_transformers_or_alone(frames_frozen, tiny_checkpoint):
    model, tokenizer = checkpoint.load(tiny_checkpoint)
    model, fresh = begin(model, {"glance_width": 16}, seed=0)
    assert fresh == ["glance"]
    before = copy.deepcopy(model)
    options = TrainingOptions(epochs=1, batch_size=4, frames_frozen=frames_frozen, fused_weight=0, alignment_weight=0)
    train(model, tokenizer, CaptionedSet([example_of_1280(i) for i in range(4)]), options)
    assert not torch.equal(before.glance.read[2].weight, model.glance.read[2].weight)
    assert torch.equal(before.temporal.layers[0].out.weight, model.temporal.layers[0].out.weight) == frames_frozen


def test_long_captions_lose_their_end(tiny_checkpoint):
    short, long = (("the red", "the red"), ("the red dog moves", "the red cat"))
    weights = [trained(tiny_checkpoint, captions, max_words=2).retrieval.frames.weight for captions in (short, long)]
    assert torch.equal(*weights)
    assert not torch.equal(weights[0], trained(tiny_checkpoint, long, max_words=4).retrieval.frames.weight)
