"""Backbones with weights of others: what they see, how S3D's clips keep their times, and training on them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torchvision import models as torchvision_models
from transformers import (
    CLIPImageProcessor,
    Dinov2Config,
    Dinov2Model,
    ResNetConfig,
    ResNetModel,
    ViTConfig,
    ViTModel,
)
from typer.testing import CliRunner

from indexer.features.examples import look_at
from indexer.features.extraction import whole_clips
from indexer.media.frames import Frames
from model.encoder.load import load
from model.encoder.videobert import VideoBertEncoder
from model.network import checkpoint
from model.network.backbone import Backbone, build_backbone
from model.network.videobert import VideoBertConfig, VideoBertModel
from model.network.weights import find_weights
from model.registry import lock
from model.training.dataset import Captioned
from model.training.initialization import begin
from model.training.options import TrainingOptions
from model.training.recipe import read_recipe
from search import Library
from search.cli.app import app
from tests.support.media import render
from tests.support.tiny_model import tiny_config
from tests.support.towers import save_towers

SIZE = {"height": 32, "width": 32}


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where fetched models lie."""
    monkeypatch.setenv("VIDEOBERT_MODELS", str(tmp_path / "models"))
    (tmp_path / "models").mkdir()
    return tmp_path / "models"


def put(shelf: Path, name: str, tensors: dict[str, torch.Tensor]) -> None:
    """A fetched file of torchvision."""
    (shelf / name).mkdir()
    save_file({key: tensor.contiguous() for key, tensor in tensors.items()}, shelf / name / "model.safetensors")
    lock.write(shelf / name, source="", revision="", licence="")


def save_tower(kind: str, folder: Path) -> Path:
    torch.manual_seed(0)
    small = {"hidden_size": 24, "intermediate_size": 48, "num_hidden_layers": 1, "num_attention_heads": 4}
    if kind in ("clip", "siglip"):
        return save_towers(kind, folder)
    model = {
        "vit": lambda: ViTModel(ViTConfig(**small, image_size=32, patch_size=8)),
        "dinov2": lambda: Dinov2Model(Dinov2Config(**small, image_size=32, patch_size=8)),
        "resnet": lambda: ResNetModel(
            ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic")
        ),
    }[kind]()
    model.save_pretrained(folder / kind)
    CLIPImageProcessor(size={"shortest_edge": 32}, crop_size=SIZE, image_mean=[0.1, 0.2, 0.3]).save_pretrained(
        folder / kind
    )
    return folder / kind


@pytest.mark.parametrize(("kind", "width"), [("clip", 24), ("siglip", 24), ("vit", 24), ("dinov2", 24), ("resnet", 16)])
def test_a_vision_tower_becomes_part_of_the_checkpoint(kind, width, model: VideoBertModel, tokenizer, tmp_path: Path):
    tower = save_tower(kind, tmp_path)
    begun, fresh = begin(model, {"backbone": f"vision:{tower}"}, seed=0)
    assert "backbone" not in fresh
    assert begun.config.image_size == 32
    checkpoint.save(begun, tokenizer, tmp_path / "mine")
    for path in tower.iterdir():
        path.unlink()  # the checkpoint needs nothing else
    encoder = load(tmp_path / "mine")
    assert encoder.feature_dim == width
    frames = np.random.default_rng(0).integers(0, 256, (3, 3, 40, 56), dtype=np.uint8)
    seen = encoder.features(frames)
    assert seen.shape == (3, width)
    before = VideoBertEncoder(begun, tokenizer, fingerprint="").features(frames)
    np.testing.assert_allclose(seen, before, rtol=0, atol=0.02 * np.abs(before).max())  # stored in half precision
    assert encoder.embed_segments([seen], ["a dog"]).shape == (1, encoder.dim)
    assert encoder.feature_fingerprint != VideoBertEncoder(model, tokenizer, fingerprint="").feature_fingerprint


def test_class_names_go_with_the_backbone_whose_features_they_read(tmp_path: Path):
    start = VideoBertModel(tiny_config(class_names=("red square", "dog")))
    begun, fresh = begin(start, {"backbone": f"vision:{save_tower('dinov2', tmp_path)}"}, seed=0)
    assert not begun.config.class_names
    assert "class_names" not in fresh
    assert begun.frame_projection[0].normalized_shape == (24,)


def test_a_tower_sees_what_it_would_see_in_its_own_library(tmp_path: Path):
    tower = save_tower("vit", tmp_path)
    weights = find_weights(f"vision:{tower}")
    backbone = build_backbone("vision", clip_frames=1, vision=weights.fields["vision"]).eval()
    backbone.load_state_dict(weights.state)
    pixels = np.random.default_rng(0).integers(0, 256, (2, 3, 32, 32), dtype=np.uint8)
    look = CLIPImageProcessor.from_pretrained(tower)
    with torch.inference_mode():
        expected = ViTModel.from_pretrained(tower).eval()(**look(list(torch.from_numpy(pixels)), return_tensors="pt"))
        found = backbone(torch.from_numpy(pixels).float() / 255 * 2 - 1)
    torch.testing.assert_close(found, expected.pooler_output, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(
    ("name", "build", "width"),
    [
        ("mobilenet-v3-imagenet", torchvision_models.mobilenet_v3_large, 960),
        ("resnet50-imagenet", torchvision_models.resnet50, 2048),
    ],
)
def test_networks_of_torchvision_without_their_heads(name, build, width, shelf: Path):
    torch.manual_seed(0)
    whole = build(weights=None).eval()
    put(shelf, name, whole.state_dict())
    weights = find_weights(name)
    backbone = build_backbone(weights.fields["backbone"], clip_frames=1, vision=None).eval()
    backbone.load_state_dict(weights.state)
    frames = torch.rand(2, 3, 64, 64)
    mean, std = (torch.tensor(values)[:, None, None] for values in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
    whole.fc = whole.classifier = torch.nn.Identity()
    with torch.inference_mode():
        found = backbone(frames * 2 - 1)
        torch.testing.assert_close(found, whole((frames - mean) / std), atol=1e-4, rtol=1e-3)
    assert found.shape == (2, width)


@pytest.fixture(scope="module")
def s3d() -> Backbone:
    torch.manual_seed(0)
    backbone = Backbone("torchvision:s3d", clip_frames=16).eval()
    for layer in backbone.modules():  # at random its features are too small to tell apart
        if isinstance(layer, torch.nn.BatchNorm3d):
            torch.nn.init.constant_(layer.weight, 2.0)
    return backbone


def test_s3d_gives_the_frames_of_a_clip_its_feature(s3d: Backbone):
    frames = torch.rand(20, 3, 224, 224) * 2 - 1
    with torch.inference_mode():
        features = s3d(frames)
        assert features.shape == (20, 1024)
        assert torch.equal(features[0], features[15])
        assert torch.equal(features[16], features[19])
        assert not torch.equal(features[15], features[16])
        filled = torch.cat([frames[16:], frames[-1:].expand(12, -1, -1, -1)])
        torch.testing.assert_close(s3d(filled)[:4], features[16:], atol=1e-4, rtol=1e-3)
        assert s3d(frames[:0]).shape == (0, 1024)


def test_a_clip_depends_on_no_chunk():
    data = np.arange(11, dtype=np.uint8)[:, None, None, None].repeat(3, axis=1).repeat(2, axis=2).repeat(2, axis=3)
    pts, cuts = np.arange(11) / 4, [False] * 10 + [True]
    stream = [(Frames(data[a:b], pts[a:b]), cuts[a:b]) for a, b in ((0, 3), (3, 4), (4, 10), (10, 11))]
    chunks = list(whole_clips(stream, 4))
    assert [len(frames) for frames, _ in chunks] == [4, 4, 3]
    assert np.concatenate([frames.data for frames, _ in chunks]).tolist() == data.tolist()
    assert np.concatenate([frames.pts_seconds for frames, _ in chunks]).tolist() == pts.tolist()
    assert [cut for _, part in chunks for cut in part] == cuts


def test_an_encoder_of_clips_reads_each_clip_once(tokenizer, tmp_path: Path):
    video = render(tmp_path / "film.mp4", frames=50)
    config = tiny_config(backbone="torchvision:s3d", clip_frames=16, fps=12.0, image_size=224, max_frames=4)
    encoder = VideoBertEncoder(VideoBertModel(config), tokenizer, fingerprint="clips", name="clips")
    calls: list[int] = []

    def remember(frames: torch.Tensor) -> torch.Tensor:
        clips = -(-len(frames) // 16)
        calls.append(len(frames))
        return (
            torch.arange(len(calls) * 10, len(calls) * 10 + clips)
            .float()
            .repeat_interleave(16)[: len(frames), None]
            .expand(-1, 1024)
        )

    encoder.model.backbone.forward = remember
    with Library(tmp_path / "library", encoder=encoder) as library:
        assert library.index([video]).indexed == 1
        segment = library.show(video)[1][0]
        pts, features = library.catalog.segments.frame_features(segment.id)
    assert np.diff(pts) == pytest.approx(1 / 12, abs=0.05)  # the encoder's own pace
    assert calls == [16, 8]  # whole clips, though the decoder gave other chunks
    assert features[:, 0].tolist() == [10] * 16 + [20] * 8
    padded, mask = encoder.pad([features])
    assert (padded[0, :, 0].tolist(), mask.tolist()) == ([10, 20], [[True, True]])
    clip, photo = (Captioned(name, ("a dog",)) for name in ("film.mp4", "photo.png"))
    Image.fromarray(np.zeros((40, 40, 3), np.uint8)).save(tmp_path / "photo.png")
    calls.clear()
    examples, problems = look_at([clip, photo], tmp_path, encoder, views=3)
    assert problems == []
    assert [len(example.features) for example in examples] == [2, 3]
    assert calls == [16, 8, 1, 1, 1]  # every view of a photo is a clip of its own


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"backbone": "torchvision:vgg16"}, "torchvision:resnet50, torchvision:s3d, vision, got 'torchvision:vgg16'"),
        ({"backbone": "torchvision:s3d", "clip_frames": 8}, "clip_frames of s3d must be at least 16, got 8"),
        ({"backbone": "torchvision:resnet50", "clip_frames": 8}, "clip_frames of resnet50 must be 1, got 8"),
        ({"clip_frames": 8}, "clip_frames of mobilenet_v2 must be 1, got 8"),
        ({"backbone": "vision"}, "needs the description of a tower"),
        ({"backbone": "alexnet"}, "backbone must be one of efficientnet_lite2, mobilenet_v2"),
    ],
)
def test_backbones_that_do_not_exist_are_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        VideoBertModel(tiny_config(**fields))


def test_weights_that_are_not_there_say_so(shelf: Path, tmp_path: Path):
    with pytest.raises(FileNotFoundError, match="`videobert models fetch s3d-kinetics400` downloads it"):
        find_weights("s3d-kinetics400")
    with pytest.raises(ValueError, match=r"a backbone is one of s3d-kinetics400, .*got 'bert-large'"):
        find_weights("bert-large")
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match=r"no config\.json in .*empty: not a vision tower"):
        find_weights(f"vision:{tmp_path / 'empty'}")


def test_training_on_a_vision_tower_from_the_command_line(tiny_checkpoint: Path, tmp_path: Path):
    tower = save_tower("dinov2", tmp_path)
    for number in range(3):
        render(tmp_path / f"{number}.mp4", frames=25 + number)
    (tmp_path / "my.jsonl").write_text(
        "\n".join(json.dumps({"media": f"{n}.mp4", "captions": ["a dog"]}) for n in range(3))
    )
    (tmp_path / "recipe.toml").write_text(f"epochs = 1\n[network]\nbackbone = {json.dumps(f'vision:{tower}')}\n")
    arguments = ["train", "--captions", tmp_path / "my.jsonl", "--videos", tmp_path, "--start", tiny_checkpoint]
    arguments += ["--output", tmp_path / "out", "--recipe", tmp_path / "recipe.toml"]
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert done.exit_code == 0, done.output
    assert "initialized at random: frame_projection\n" in done.stderr
    indexed = CliRunner().invoke(
        app, ["index", str(tmp_path / "0.mp4"), "-L", str(tmp_path / "library"), "--model", str(tmp_path / "out")]
    )
    assert indexed.exit_code == 0, indexed.output


def test_the_configuration_of_the_paper():
    recipe = read_recipe("videobert-paper")
    options = TrainingOptions(**recipe.options)
    assert options.visual_branching**options.visual_depth == 20_736
    assert set(options.weights) >= {"alignment", "masked_words", "masked_frames"}
    network = dict(recipe.network)
    assert (network.pop("bert"), network.pop("backbone")) == ("bert-large", "s3d-kinetics400")
    assert network["clip_frames"] / network["fps"] == 1.5  # seconds a token
    with torch.device("meta"):
        model = VideoBertModel(VideoBertConfig(**network, backbone="torchvision:s3d"))
        model.add_visual_words(options.visual_branching, options.visual_depth, frame_input=options.frame_input)
    assert model.backbone.feature_dim == 1024
    assert len(model.visual_words) == 20_736
    assert sum(weight.numel() for weight in model.bert.parameters()) == pytest.approx(335e6, rel=0.01)  # BERT large
