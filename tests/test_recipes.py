"""What puts checkpoints together for the recipes of the shipped one."""

import sys

import torch
from safetensors.torch import save_file

from model import checkpoint
from recipes import assemble, average


def run(main, monkeypatch, **options: object) -> None:
    monkeypatch.setattr(
        sys, "argv", ["recipe", *(text for name, at in options.items() for text in (f"--{name}", f"{at}"))]
    )
    main()


def test_a_new_backbone_keeps_the_rest_but_for_what_it_saw(tiny_checkpoint, tmp_path, monkeypatch):
    trained, tokenizer = checkpoint.load(tiny_checkpoint)
    trained.add_masked_words()
    trained.add_visual_words(3, 2, frame_input="features")
    checkpoint.save(trained, tokenizer, tmp_path / "trained")
    seeing = {name: torch.full_like(weight, 2) for name, weight in trained.backbone.state_dict().items()}
    save_file(seeing, tmp_path / "backbone.safetensors")
    parts = {"rest": tmp_path / "trained", "backbone": tmp_path / "backbone.safetensors"}
    run(assemble.main, monkeypatch, **parts, out=tmp_path / "start")
    before, _ = checkpoint.load(tmp_path / "trained")
    after, _ = checkpoint.load(tmp_path / "start")
    assert (after.config.visual_branching, after.config.masked_words) == (0, True)
    held = before.state_dict()
    for name, weight in after.state_dict().items():
        assert torch.equal(weight, torch.full_like(weight, 2) if name.startswith("backbone.") else held[name])
    assert {name.split(".")[0] for name in held.keys() - after.state_dict().keys()} == {
        "visual_words",
        "masked_frames",
        "hidden_frame",
    }


def test_one_part_of_a_checkpoint_becomes_the_mean_of_before_and_after(tiny_checkpoint, tmp_path, monkeypatch):
    model, tokenizer = checkpoint.load(tiny_checkpoint)
    model.add_masked_words()
    for name, bias in (("before", 1.0), ("after", 3.0)):
        torch.nn.init.constant_(model.masked_words.bias, bias)
        torch.nn.init.constant_(model.frame_gain, bias)
        checkpoint.save(model, tokenizer, tmp_path / name)
    folders = {name: tmp_path / name for name in ("before", "after", "out")}
    run(average.main, monkeypatch, **folders, part="masked_words")
    mean, _ = checkpoint.load(tmp_path / "out")
    assert set(mean.masked_words.bias.tolist()) == {2.0}
    assert set(mean.frame_gain.tolist()) == {3.0}
