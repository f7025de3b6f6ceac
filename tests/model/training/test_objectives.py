"""Every objective lowers its own loss on a handful of examples, and none is computed that does not count."""

import random

import numpy as np
import pytest
import torch

from model.network import checkpoint
from model.network.videobert import Inputs, VideoBertModel
from model.training import losses
from model.training.dataset import CaptionedSet, Example, Sampling
from model.training.loop import train
from model.training.objectives import Objectives, masked_losses
from model.training.options import TrainingOptions

NAMES = ("silent", "fused", "alignment", "anchor", "masked_word", "masked_frame", "belief")
LOOKS = ["a red square", "a green circle", "the blue dog", "the cat moves", "a square moves left", "the dog right"]


def examples() -> CaptionedSet:
    """Six things of one look and one caption each."""
    rng = np.random.default_rng(0)
    looks = 2 * rng.normal(size=(len(LOOKS), 1, 1280))
    frames = (looks + 0.1 * rng.normal(size=(len(LOOKS), 6, 1280))).astype(np.float16)
    soft_labels = [{"dog": 1.0} if "dog" in look else {"cat": 0.5, "square": 0.5} for look in LOOKS]
    return CaptionedSet(
        [Example(f, (look,), soft_labels=belief) for f, look, belief in zip(frames, LOOKS, soft_labels, strict=True)]
    )


def only(name: str, **changes: object) -> TrainingOptions:
    weights = {f"{each}_weight": float(each == name) for each in NAMES}
    words = {"visual_branching": 3, "visual_depth": 2} if name == "masked_frame" else {}
    settings = {"batch_size": 6, "learning_rate": 1e-2, "bert_learning_rate": 3e-3}
    return TrainingOptions(**(settings | weights | words | changes))


def labelled(count: int) -> CaptionedSet:
    """Dogs that look alike and cats that look alike."""
    rng = np.random.default_rng(0)
    looks = {label: 2 * rng.normal(size=1280) for label in ("dog", "cat")}
    frames = {label: look + 0.1 * rng.normal(size=(count // 2, 6, 1280)) for label, look in looks.items()}
    return CaptionedSet([Example(f.astype(np.float16), (), label) for label in looks for f in frames[label]])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "epochs"), [("silent", 40), ("fused", 40), ("masked_word", 200), ("masked_frame", 40), ("belief", 80)]
)
def test_an_objective_alone_lowers_its_own_loss(tiny_checkpoint, name, epochs):
    model, tokenizer = checkpoint.load(tiny_checkpoint)
    history = []
    options = only(name, epochs=epochs, right_subtitles=0.0, wrong_subtitles=0.0)
    train(model, tokenizer, examples(), options, report=history.append)
    loss = {"masked_word": "masked_words", "masked_frame": "masked_frames", "belief": "beliefs"}.get(name, name)
    curve = [step.losses for step in history]
    assert {objective for losses in curve for objective in losses} == {loss}
    first, last = (np.mean([losses[loss] for losses in part]) for part in (curve[:4], curve[-10:]))
    assert last < 0.65 * first, (first, last)


def test_believing_is_a_cross_entropy_over_names():
    names = torch.eye(3)
    soft_labels = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.5, 0.5], [0.0, 0.0, 0.0]])
    loss = losses.soft_label_loss(names, names, soft_labels, torch.tensor(2.0))
    of_all = np.log(np.exp(2) + 2)
    assert loss.item() == pytest.approx(((of_all - 2) + (of_all - 1)) / 2)  # the third believes nothing
    assert losses.soft_label_loss(names, names, torch.zeros(3, 3), torch.tensor(2.0)).item() == 0


def test_beliefs_decide_what_frames_are_near_to(tiny_checkpoint):
    model, tokenizer = checkpoint.load(tiny_checkpoint)
    seen, options = examples(), only("belief", epochs=80)
    train(model, tokenizer, seen, options)
    batch = seen.batch(range(6), rng=random.Random(0), sampling=Sampling(8))
    objectives = Objectives(model, tokenizer, seen.texts(), options, label_sentences=seen.label_sentences())
    frames = model.embed(
        Inputs(
            *tokenizer([""] * 6, max_tokens=20),
            torch.from_numpy(batch.features).float(),
            torch.tensor(batch.frame_mask),
        )
    )
    nearest = (frames @ objectives.anchor(seen.label_sentences()).T).argmax(dim=1)
    dogs = [seen.names[i] == "dog" for i in nearest]
    assert dogs == ["dog" in look for look in LOOKS]
    bare = CaptionedSet([Example(e.features, e.captions) for e in seen.examples])
    with pytest.raises(ValueError, match=r"belief_weight 1\.0 needs rows with 'beliefs'"):
        train(model, tokenizer, bare, options)


@pytest.mark.slow
def test_alignment_is_learned_beside_retrieval(tiny_checkpoint):
    model, tokenizer = checkpoint.load(tiny_checkpoint)
    history = []
    options = only("alignment", silent_weight=1.0, epochs=130, batch_size=48, learning_rate=3e-3)
    train(model, tokenizer, labelled(48), options, report=history.append)
    first, last = (np.mean([step.losses["alignment"] for step in part]) for part in (history[:4], history[-10:]))
    assert last < 0.3 * first, (first, last)


def test_the_anchor_holds_text_where_it_was(tiny_checkpoint):
    moved = {}
    for weight in (0.0, 10.0):
        model, tokenizer = checkpoint.load(tiny_checkpoint)
        inputs = Inputs(*tokenizer(LOOKS, max_tokens=20), torch.zeros(6, 0, 1280), torch.zeros(6, 0).bool())
        before = model.eval().embed(inputs).detach()
        train(model, tokenizer, examples(), only("silent", epochs=20, anchor_weight=weight))
        moved[weight] = 1 - (model.embed(inputs) * before).sum(dim=1).mean().item()
    assert moved[10.0] < 0.5 * moved[0.0]


def test_what_is_not_trained_keeps_its_very_bits(tiny_checkpoint):
    model, tokenizer = checkpoint.load(tiny_checkpoint)
    with torch.no_grad():
        weight = next(model.backbone.parameters())
        weight.view(-1)[0] = -0.0  # whose mean with itself is 0.0
    before = {name: w.numpy().tobytes() for name, w in model.state_dict().items()}
    train(model, tokenizer, examples(), only("silent", epochs=2, ema=0.9, bert_learning_rate=0.0))
    moved = {name.split(".")[0] for name, w in model.state_dict().items() if w.numpy().tobytes() != before[name]}
    assert moved == {"frame_projection", "temporal", "frame_gain", "retrieval"}
    assert model.retrieval.words.weight.numpy(force=True).tobytes() == before["retrieval.words.weight"]


def test_masked_objectives_take_turns(tiny_checkpoint, monkeypatch):
    model, tokenizer = checkpoint.load(tiny_checkpoint)
    model.add_masked_words()
    model.add_visual_words(2, 2, frame_input="features")
    seen: list[Inputs] = []
    logits = VideoBertModel.masked_logits
    monkeypatch.setattr(
        VideoBertModel, "masked_logits", lambda self, inputs, *at: seen.append(inputs) or logits(self, inputs, *at)
    )
    batch = examples().batch(range(6), rng=random.Random(0), sampling=Sampling(8))

    def regimes(options: TrainingOptions) -> list[tuple[bool, bool]]:
        seen.clear()
        objectives = Objectives(model, tokenizer, examples().texts(), options)
        found = [objectives(batch, step=step) for step in range(3)]
        for terms, inputs in zip(found, seen, strict=True):
            shown = {"masked_words"} if inputs.word_mask.any() else set()
            shown |= {"masked_frames"} if inputs.frame_mask.any() else set()
            assert terms.keys() == shown & objectives.wanted
            assert (inputs.hidden is not None) == ("masked_frames" in terms)
        return [(bool(i.word_mask.any()), bool(i.frame_mask.any())) for i in seen]

    text, video, both = (True, False), (False, True), (True, True)
    assert regimes(only("masked_word", masked_frame_weight=1.0)) == [text, video, both]
    assert regimes(only("masked_word")) == [text, both, text]
    assert regimes(only("masked_frame")) == [video, both, video]


def test_masked_losses_are_those_of_what_was_hidden(tiny_checkpoint):
    model, tokenizer = checkpoint.load(tiny_checkpoint)
    model.add_masked_words()
    model.eval()
    ids, mask = tokenizer(LOOKS, max_tokens=20)
    inputs = Inputs(ids, mask, torch.zeros(6, 0, 1280), torch.zeros(6, 0).bool())
    # A head that says one word whatever it sees is right about that word alone.
    dog = tokenizer(["dog"], max_tokens=1)[0].item()
    torch.nn.init.zeros_(model.masked_words.norm.weight)
    with torch.no_grad():
        model.masked_words.bias[dog] = 20.0
    torch.manual_seed(0)
    loss = masked_losses(model, inputs, {"masked_words"})["masked_words"].item()
    assert 5 < loss <= 20.1
    only_dogs = Inputs(torch.full_like(ids, dog), mask, inputs.features, inputs.frame_mask)
    assert masked_losses(model, only_dogs, {"masked_words"})["masked_words"].item() < 1e-3
    assert masked_losses(model, inputs, set()) == {}


def test_aligned_frames_are_paced_where_asked(tiny_checkpoint, monkeypatch):
    model, tokenizer = checkpoint.load(tiny_checkpoint)
    aligned: list[Inputs] = []
    align = VideoBertModel.align
    monkeypatch.setattr(VideoBertModel, "align", lambda self, inputs: aligned.append(inputs) or align(self, inputs))
    sampling = Sampling(8, joined_sentences=0.0, largest_step=2)
    batch = examples().batch(range(6), rng=random.Random(0), sampling=sampling)
    for largest_step, features in ((1, batch.features), (2, batch.paced_features)):
        options = only("alignment", largest_step=largest_step)
        Objectives(model, tokenizer, examples().texts(), options)(batch, step=0)
        assert torch.equal(aligned[-1].features, torch.from_numpy(features[:2]).float())


def test_joined_sentences_are_not_cut_to_one_caption(tiny_checkpoint, monkeypatch):
    model, tokenizer = checkpoint.load(tiny_checkpoint)
    aligned: list[Inputs] = []
    align = VideoBertModel.align
    monkeypatch.setattr(VideoBertModel, "align", lambda self, inputs: aligned.append(inputs) or align(self, inputs))
    two = CaptionedSet([Example(e.features, (*e.captions, "a dog moves")) for e in examples().examples])
    batch = two.batch(range(6), rng=random.Random(0), sampling=Sampling(8, joined_sentences=1.0))
    for joined, length in ((0.0, 3), (1.0, 6)):
        options = only("alignment", joined_sentences=joined, max_words=3)
        Objectives(model, tokenizer, two.texts(), options)(batch, step=0)
        assert aligned[-1].word_ids.shape[1] == length


def test_visual_words_come_with_the_run(tiny_checkpoint):
    model, tokenizer = checkpoint.load(tiny_checkpoint)
    train(model, tokenizer, examples(), only("masked_frame", epochs=1, frame_input="visual_words"))
    assert (model.config.visual_branching, model.config.visual_depth, model.config.frame_input) == (
        3,
        2,
        "visual_words",
    )
    words = [model.visual_words(torch.from_numpy(example.features)) for example in examples().examples]
    assert len({word.unique().numpy().tobytes() for word in words}) == 6  # things of different looks
    fitted = model.visual_words.centroids.clone()
    train(model, tokenizer, examples(), only("masked_frame", epochs=1))  # what is there is not fitted again
    assert torch.equal(model.visual_words.centroids, fitted)
    bare, _ = checkpoint.load(tiny_checkpoint)
    with pytest.raises(ValueError, match="masked frames need visual words"):
        train(bare, tokenizer, examples(), only("masked_frame", visual_branching=0))


def test_anchors_do_not_depend_on_when_they_are_asked_for(tiny_checkpoint):
    model, tokenizer = checkpoint.load(tiny_checkpoint)
    texts = [f"{a} {b}" for a in LOOKS for b in [*LOOKS, ""] * 2][:70]
    one, two = (Objectives(model, tokenizer, texts, TrainingOptions()).anchor for _ in range(2))
    one(texts[:3])
    assert torch.equal(one(texts[2:9]), two(texts[2:9]))
    assert torch.equal(one(texts[60:]), two(texts)[60:])
