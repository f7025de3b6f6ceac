"""What puts checkpoints together for the recipes of the shipped one."""

import copy
import json
import sys

import numpy as np
import pytest
import torch

from model.encoder.load import load
from model.network import checkpoint
from model.network.efficientnet_lite2 import EfficientNetLite2
from model.network.videobert import VideoBertModel
from model.training.dataset import read_captions
from recipes import assemble, average, captions, promote, query_bank, subtitle_weight
from tests.support.tiny_model import tiny_config


def run(main, monkeypatch, **options: object) -> None:
    monkeypatch.setattr(
        sys, "argv", ["recipe", *(text for name, at in options.items() for text in (f"--{name}", f"{at}"))]
    )
    main()


def test_published_weights_become_backbone_and_classifier():
    source = EfficientNetLite2()
    published = {f"_layer{i}": torch.full_like(tensor, i % 7) for i, tensor in enumerate(source.state_dict().values())}
    published |= {"_fc.weight": torch.full((3, 1280), 0.5), "_fc.bias": torch.full((3,), 0.25)}
    model = VideoBertModel(tiny_config(backbone="efficientnet_lite2", class_names=("cat", "dog", "red square")))
    assemble.load_published(model, published)
    loaded = model.backbone.blocks.state_dict().values()
    assert [float(tensor.flatten()[0]) for tensor in loaded] == [i % 7 for i in range(len(published) - 2)]
    assert set(model.class_names.classifier.weight.unique().tolist()) == {0.5}
    assert set(model.class_names.classifier.bias.tolist()) == {0.25}


def test_weights_other_than_the_published_ones_are_refused(tmp_path):
    (tmp_path / "other.pth").write_bytes(b"other")
    with pytest.raises(ValueError, match=r"must have SHA-256 9656183e.*, got "):
        assemble.published(tmp_path / "other.pth")


def test_names_are_embedded_as_queries_are(tiny_checkpoint):
    model, tokenizer = checkpoint.load(tiny_checkpoint)
    points = assemble.embedded(model, tokenizer, ["a red square", "a dog"])
    expected = load(tiny_checkpoint).embed_text(["a red square", "a dog"])
    assert torch.allclose(points, torch.from_numpy(expected), atol=1e-5)


def test_pictures_of_a_video_become_one_row_and_those_of_a_label_one_each(tmp_path, monkeypatch, capsys):
    scenes = {
        "captions": {"v1": ["a dog runs .", "a dog"], "v2": ["a cat"], "squares": ["a red square"], "c": ["a circle"]},
        "pictures": [
            {"file": "1a.webp", "video": "v1", "source": "msrvtt", "split": "train"},
            {"file": "1b.webp", "video": "v1", "source": "msrvtt", "split": "train"},
            {"file": "2.webp", "video": "v2", "source": "msrvtt", "split": "heldback"},
            {"file": "s1.webp", "video": "squares", "source": "things", "split": "train", "label": "red square"},
            {"file": "s2.webp", "video": "squares", "source": "things", "split": "train", "label": "red square"},
            {"file": "c.webp", "video": "c", "source": "coco", "split": "train"},
        ],
    }
    flickr = {
        "f.jpg": {"captions": ["A dog , running ."], "split": "train"},
        "t.jpg": {"captions": [], "split": "test"},
    }
    (tmp_path / "scenes.json").write_text(json.dumps(scenes))
    (tmp_path / "flickr.json").write_text(json.dumps(flickr))
    sources = {"flickr": tmp_path / "flickr.json", "scenes": tmp_path / "scenes.json", "split": "train"}
    run(captions.main, monkeypatch, **sources, out=tmp_path / "rows.jsonl")
    rows, problems = read_captions(tmp_path / "rows.jsonl")
    assert problems == []
    assert [(row.media, row.following, row.captions, row.label) for row in rows] == [
        ("f.jpg", (), ("A dog, running",), ""),
        ("s1.webp", (), (), "red square"),
        ("s2.webp", (), (), "red square"),
        ("1a.webp", ("1b.webp",), ("a dog runs", "a dog"), ""),
        ("c.webp", (), ("a circle",), ""),
    ]
    run(captions.main, monkeypatch, **sources, without="flickr8k", out=tmp_path / "fewer.jsonl")
    assert len(read_captions(tmp_path / "fewer.jsonl")[0]) == 4
    with pytest.raises(SystemExit, match="2"):
        run(captions.main, monkeypatch, **sources, without="flikr8k", out=tmp_path / "none.jsonl")
    assert "--without takes coco, flickr8k, msrvtt, things, got flikr8k" in capsys.readouterr().err
    assert not (tmp_path / "none.jsonl").exists()


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


def test_a_promoted_reader_feeds_the_transformers_and_a_fresh_one_stands_beside_it():
    shape = {"class_names": ("cat", "dog"), "frame_width": 16, "glance_width": 16}
    model = VideoBertModel(tiny_config(**shape)).eval()
    model.fit_frame_readers(np.random.default_rng(0).normal(1, 1, (50, 1280)).astype(np.float16))
    reader = copy.deepcopy(model.glance.read)
    frames = reader.mean + reader.deviation * torch.randn(100, len(reader.mean))
    with torch.no_grad():
        changed = promote.promoted(model, seed=1)
        tokens = changed.frame_projection(frames)
        points = torch.nn.functional.normalize(changed.retrieval.frames(tokens), dim=-1)
        assert torch.allclose(points, reader(frames), atol=1e-4)
        words = changed.bert.embeddings.word_embeddings.weight
        assert 0.5 < tokens.norm(dim=-1).mean() / words.norm(dim=-1).mean() < 2
    assert not changed.glance.read.is_fitted
    with pytest.raises(ValueError, match="glance_width must be frame_width, 16, got 8"):
        promote.promoted(VideoBertModel(tiny_config(**(shape | {"glance_width": 8}))), seed=1)


def test_a_query_bank_travels_with_the_checkpoint(tiny_checkpoint, tmp_path, monkeypatch):
    lines = [{"media": f"{word}.png", "captions": [f"a {word}"]} for word in ("cat", "dog", "circle")]
    lines.append({"media": "x.png", "label": "square"})  # no caption, so it is not drawn
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    folders = {"checkpoint": tiny_checkpoint, "captions": tmp_path / "rows.jsonl", "out": tmp_path / "banked"}
    run(query_bank.main, monkeypatch, **folders)
    bank = load(tmp_path / "banked").query_bank
    expected = load(tiny_checkpoint).embed_text(["a cat", "a dog", "a circle"])
    assert bank.shape == (3, 24)
    assert (bank @ expected.T).max(axis=1) == pytest.approx(np.ones(3), abs=1e-3)
    assert load(tiny_checkpoint).query_bank.shape == (0, 24)


def test_the_weight_of_subtitles_changes_nothing_else(tiny_checkpoint, tmp_path, monkeypatch):
    before, _ = checkpoint.load(tiny_checkpoint)
    run(subtitle_weight.main, monkeypatch, checkpoint=tiny_checkpoint, factor=1.5, out=tmp_path / "out")
    after, _ = checkpoint.load(tmp_path / "out")
    for name, weight in after.state_dict().items():
        factor = 1.5 if name.startswith("retrieval.subtitles.") else 1
        torch.testing.assert_close(weight, factor * before.state_dict()[name], atol=1e-3, rtol=1e-3)
