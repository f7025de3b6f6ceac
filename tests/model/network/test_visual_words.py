"""Hierarchical k-means over frame features, and how the network uses it."""

import numpy as np
import pytest
import torch

from model.network import checkpoint
from model.network.videobert import Inputs, VideoBertModel
from model.network.visual_words import VisualWords
from tests.support.tiny_model import tiny_config


def clusters(*, groups: int, members: int, seed: int = 0) -> np.ndarray:
    """(groups, members, 16) float16: pairs of neighbouring groups lie near each other, pairs far apart."""
    rng = np.random.default_rng(seed)
    pairs = np.repeat(rng.normal(size=(groups // 2, 16)) * 10, 2, axis=0)
    centers = pairs + rng.normal(size=(groups, 16)) * 2
    return (centers[:, None] + rng.normal(size=(groups, members, 16)) * 0.1).astype(np.float16)


def test_planted_clusters_are_recovered():
    planted = clusters(groups=8, members=30)
    words = VisualWords(16, branching=2, depth=3)
    words.fit(planted.reshape(-1, 16), seed=0)
    found = words(torch.from_numpy(planted))
    assert found.shape == (8, 30)
    assert found.dtype == torch.int64
    assert all(len(set(row)) == 1 for row in found.tolist())  # a cluster is one word
    assert sorted(found[:, 0].tolist()) == list(range(8))  # and no two share one
    centers = torch.from_numpy(planted.astype(np.float32).mean(axis=1))
    torch.testing.assert_close(words.centroids[found[:, 0]], centers, atol=0.05, rtol=0)


def test_words_side_by_side_look_alike():
    planted = clusters(groups=8, members=30)
    words = VisualWords(16, branching=4, depth=2)
    words.fit(planted.reshape(-1, 16), seed=0)
    parents = words(torch.from_numpy(planted[:, 0])) // 4
    assert parents[0::2].tolist() == parents[1::2].tolist()
    assert len(set(parents.tolist())) == 4


def test_cells_too_small_to_split_keep_one_word():
    words = VisualWords(4, branching=3, depth=2)
    points = np.repeat(np.eye(4, dtype=np.float16)[:3] * 8, 2, axis=0)  # three cells of two members each
    words.fit(points, seed=0)
    assert sorted(set(words(torch.from_numpy(points)).tolist())) == [0, 3, 6]


def test_the_same_seed_gives_the_same_words():
    points = np.random.default_rng(3).normal(size=(300, 8)).astype(np.float16)
    one, two = VisualWords(8, branching=3, depth=2), VisualWords(8, branching=3, depth=2)
    one.fit(points, seed=1)
    two.fit(points, seed=1)
    assert torch.equal(one.centroids, two.centroids)
    two.fit(points, seed=2)
    assert not torch.equal(one.centroids, two.centroids)


def test_many_features_are_walked_in_pieces(monkeypatch):
    words = VisualWords(8, branching=3, depth=2)
    points = np.random.default_rng(3).normal(size=(100, 8)).astype(np.float16)
    words.fit(points, seed=1)
    whole = words(torch.from_numpy(points))
    monkeypatch.setattr("model.network.visual_words._FLOATS_AT_ONCE", 24 * 7)
    assert torch.equal(words(torch.from_numpy(points)), whole)
    assert words(torch.zeros(2, 0, 8)).shape == (2, 0)


def test_wrong_shapes_are_refused():
    with pytest.raises(ValueError, match="branching of 2 and a depth of 1"):
        VisualWords(8, branching=1, depth=2)
    with pytest.raises(ValueError, match=r"at least 3 features of 8 values, got an array of shape \(2, 8\)"):
        VisualWords(8, branching=3, depth=1).fit(np.zeros((2, 8)), seed=0)


def masked_inputs(*, hidden: bool = True, pad: int = 0) -> Inputs:
    """One row of three words and four frames, of which the second is hidden."""
    frames = torch.randn(1, 4, 1280, generator=torch.Generator().manual_seed(0))
    real_words, real_frames = torch.ones(1, 3, dtype=torch.bool), torch.ones(1, 4, dtype=torch.bool)
    padding = torch.zeros(1, pad, dtype=torch.bool)
    return Inputs(
        torch.tensor([[6, 19, 8] + [9] * pad]),
        torch.cat([real_words, padding], dim=1),
        torch.cat([frames, torch.full((1, pad, 1280), 7.0)], dim=1),
        torch.cat([real_frames, padding], dim=1),
        torch.tensor([[False, hidden, False, False] + [False] * pad]),
    )


def with_visual_words(**changes: object) -> VideoBertModel:
    torch.manual_seed(0)
    config = tiny_config(masked_words=True, visual_branching=2, visual_depth=3, **changes)
    model = VideoBertModel(config).eval()
    model.fit_visual_words(np.random.default_rng(0).normal(size=(64, 1280)).astype(np.float16), seed=0)
    return model


@pytest.mark.parametrize("frame_input", ["features", "visual_words"])
def test_masked_positions_get_logits_that_padding_does_not_change(frame_input):
    model = with_visual_words(frame_input=frame_input)
    bare, padded = masked_inputs(), masked_inputs(pad=2)
    with torch.inference_mode():
        words, frames = model.masked_logits(bare, bare.word_ids == 19, bare.hidden)
        again = model.masked_logits(padded, padded.word_ids == 19, padded.hidden)
    assert words.shape == (1, model.config.vocab_size)
    assert frames.shape == (1, 8)
    torch.testing.assert_close(again[0], words, atol=1e-5, rtol=0)
    torch.testing.assert_close(again[1], frames, atol=1e-5, rtol=0)


def test_logits_stand_at_their_own_positions():
    model, inputs = with_visual_words(), masked_inputs()
    everywhere = model.masked_logits(inputs, inputs.word_mask, inputs.frame_mask)
    for which, mask in enumerate((inputs.word_mask, inputs.frame_mask)):
        for position in range(mask.shape[1]):
            only = torch.zeros_like(mask)
            only[0, position] = True
            positions = (only, inputs.frame_mask) if which == 0 else (inputs.word_mask, only)
            here = model.masked_logits(inputs, *positions)[which]
            torch.testing.assert_close(here[0], everywhere[which][position])


@pytest.mark.parametrize("glance_width", [0, 16])
def test_a_hidden_frame_is_not_seen(glance_width):
    model = with_visual_words(glance_width=glance_width)
    visible, hidden = masked_inputs(hidden=False), masked_inputs()
    changed = Inputs(**(vars(hidden) | {"features": hidden.features.clone()}))
    changed.features[0, 1] = 5.0
    with torch.inference_mode():
        assert torch.equal(model.embed(changed), model.embed(hidden))
        assert not torch.allclose(model.embed(visible), model.embed(hidden), atol=1e-3)
    assert hidden.to(torch.device("cpu")).hidden is not None


def test_frames_of_one_word_are_the_same_input():
    model = with_visual_words(frame_input="visual_words")
    assert torch.equal(model.visual_word_features.weight, model.visual_words.centroids)
    frames = torch.randn(60, 1, 1280, generator=torch.Generator().manual_seed(1))
    words, none = model.visual_words(frames)[:, 0], torch.zeros(60, 0)
    with torch.inference_mode():
        inputs = Inputs(none.long(), none.bool(), frames, torch.ones(60, 1, dtype=torch.bool))
        same_point = torch.cdist(model.embed(inputs), model.embed(inputs)) < 1e-3
    assert torch.equal(same_point, words[:, None] == words[None, :])


def test_a_checkpoint_without_the_heads_says_so(model):
    inputs = Inputs(**(vars(masked_inputs()) | {"hidden": None}))
    nothing = torch.zeros_like(inputs.word_mask), torch.zeros_like(inputs.frame_mask)
    assert [tuple(logits.shape) for logits in model.masked_logits(inputs, *nothing)] == [(0, 0), (0, 0)]
    with pytest.raises(ValueError, match="cannot predict masked words"):
        model.masked_logits(inputs, inputs.word_mask, nothing[1])
    with pytest.raises(ValueError, match="it has no visual words"):
        model.masked_logits(inputs, nothing[0], inputs.frame_mask)
    with pytest.raises(ValueError, match="masked frames need a checkpoint with visual words"):
        model.embed(masked_inputs())


def test_a_stored_checkpoint_finds_the_same_words_and_holds_the_word_embeddings_once(tokenizer, tmp_path):
    model = with_visual_words(frame_input="visual_words")
    checkpoint.save(model, tokenizer, tmp_path)
    loaded, _ = checkpoint.load(tmp_path)
    features = torch.randn(200, 1280, generator=torch.Generator().manual_seed(1))
    assert torch.equal(loaded.visual_words(features), model.visual_words(features))
    vocabulary = [name for name, w in loaded.state_dict().items() if w.shape == (model.config.vocab_size, 24)]
    assert vocabulary == ["bert.embeddings.word_embeddings.weight"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"masked_words": False}, "masked_words.bias is not in that network"),
        (
            {"visual_depth": 4},
            r"level_3 is missing, masked_frames.score.bias has shape \(8,\), not \(16,\)",
        ),
    ],
)
def test_weights_that_do_not_fit_are_named(tokenizer, tmp_path, change, message):
    model = with_visual_words()
    checkpoint.save(model, tokenizer, tmp_path)
    model.config.update(change)
    model.config.save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=message):
        checkpoint.load(tmp_path)
