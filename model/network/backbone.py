"""Backbones, frames -> frame features: a table of convolutional networks, and the vision towers of transformers.

The shipped model uses EfficientNet-Lite2. The default of a new configuration is MobileNetV2 (Sandler et al., CVPR
2018): 2.2 million parameters, 1,280 features per frame. Networks are built with random weights;
`model.network.weights` reads published ones.

All take frames in -1..1 and return one feature per frame; networks trained with another normalization convert inside.

S3D (Xie et al., ECCV 2018), the backbone of the VideoBERT paper, takes clips. Frames are cut into clips of
`clip_frames`, the last padded by repeating its last frame, and each frame gets the feature of its clip, so that
features still correspond to frames in time; an encoder computes each clip once.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torchvision import models
from transformers import AutoConfig, AutoModel

from model.network import efficientnet_lite2
from model.preprocessing import MEAN, STD

Colours = tuple[list[float], list[float]]  # mean and standard deviation of red, green and blue, 0..1

_IMAGENET: Colours = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
_KINETICS: Colours = ([0.43216, 0.394666, 0.37645], [0.22803, 0.22145, 0.216989])
TOWERS = "towers"  # backbone name of a network over the features of a frozen two-tower model
TORCHVISION = "torchvision:"  # name prefix of networks that load torchvision's weights unchanged


@dataclass(frozen=True)
class Cnn:
    """An entry of the table of convolutional networks."""

    feature_dim: int
    build: Callable[[], nn.Module]  # TORCHVISION networks: frames -> features; others: frames -> maps
    colours: Colours | None = None  # normalization it was trained with; None: -1..1
    head: str = ""  # classifier layer, left out of published weights
    min_frames: int = 1  # shortest clip; above 1 the network takes clips


class Backbone(nn.Module):
    """A network of the table without its classifier; maps are averaged over the picture.

    Raises:
        ValueError: the name is not in the table, or `clip_frames` does not fit the network.
    """

    def __init__(self, name: str, *, clip_frames: int = 1) -> None:
        super().__init__()
        if name not in CNNS:
            raise ValueError(f"backbone must be one of {', '.join(CNNS)}, vision, got {name!r}")
        cnn, short = CNNS[name], name.removeprefix(TORCHVISION)
        self.feature_dim, self.whole_clips, self.clip_frames = cnn.feature_dim, cnn.min_frames > 1, clip_frames
        if clip_frames < cnn.min_frames or (clip_frames > 1 and not self.whole_clips):
            allowed = f"at least {cnn.min_frames}" if self.whole_clips else "1"
            raise ValueError(f"clip_frames of {short} must be {allowed}, got {clip_frames}")
        self.colours = Recolour(*cnn.colours) if cnn.colours else nn.Identity()
        # Stored checkpoints use both attribute names.
        self.blocks = None if name.startswith(TORCHVISION) else cnn.build()
        self.network = cnn.build() if name.startswith(TORCHVISION) else None

    def forward(self, frames: Tensor) -> Tensor:
        """Compute features float (T, F) of frames float (T, 3, S, S), -1..1."""
        frames = self.colours(frames)
        if self.blocks is not None:
            return self.blocks(frames).mean(dim=(2, 3))  # type: ignore[no-any-return]
        assert self.network is not None
        if not self.whole_clips:
            return self.network(frames)  # type: ignore[no-any-return]
        clips = -(-len(frames) // self.clip_frames)
        filling = frames[-1:].expand(clips * self.clip_frames - len(frames), -1, -1, -1)
        cut = torch.cat([frames, filling]).unflatten(0, (clips, self.clip_frames))  # (W, clip, 3, S, S)
        features = self.network(cut.transpose(1, 2))  # (W, 3, clip, S, S) -> (W, F)
        return features.repeat_interleave(self.clip_frames, dim=0)[: len(frames)]  # type: ignore[no-any-return]


class VisionTower(nn.Module):
    """The vision tower of a transformers model; `described` is a configuration's field `vision`."""

    def __init__(self, described: Mapping[str, Any]) -> None:
        super().__init__()
        config = AutoConfig.for_model(**described["config"])
        self.feature_dim = int(getattr(config, "hidden_size", 0) or config.hidden_sizes[-1])
        self.colours = Recolour(described["mean"], described["std"])
        self.network = AutoModel.from_config(config)

    def forward(self, frames: Tensor) -> Tensor:
        """Compute float (T, F) of float (T, 3, S, S), -1..1: the pooled output, or the mean over the picture."""
        outputs = self.network(pixel_values=self.colours(frames))
        pooled = getattr(outputs, "pooler_output", None)
        return outputs.last_hidden_state.mean(dim=1) if pooled is None else pooled.flatten(1)  # type: ignore[no-any-return]


class TowerFeatures(nn.Module):
    """Placeholder for a backbone where a frozen two-tower model computes frame features; see `TowerGate`."""

    def __init__(self, described: Mapping[str, Any]) -> None:
        super().__init__()
        self.feature_dim = int(described["dim"])


class Recolour(nn.Module):
    """Convert frames from -1..1 to the normalization that a network was trained with."""

    def __init__(self, mean: list[float], std: list[float]) -> None:
        super().__init__()
        self.mean, self.std = mean, std  # not buffers: loading leaves buffers missing in a checkpoint undefined

    def forward(self, frames: Tensor) -> Tensor:
        """Standardize frames (T, 3, S, S), -1..1."""
        mean, std = frames.new_tensor(self.mean)[:, None, None], frames.new_tensor(self.std)[:, None, None]
        return (frames * STD + MEAN - mean) / std


def build_backbone(
    name: str, *, clip_frames: int, vision: Mapping[str, Any] | None, towers: Mapping[str, Any] | None = None
) -> Backbone | VisionTower | TowerFeatures:
    """Build the backbone of a configuration, with random weights.

    Args:
        name: of the table, "vision" or "towers".
        clip_frames: frames per clip, 1 for networks of single frames.
        vision: description of the vision tower, for "vision".
        towers: description of the two towers, for "towers".

    Raises:
        ValueError: there is no such network, or the other arguments do not fit it.
    """
    if name not in ("vision", TOWERS):
        return Backbone(name, clip_frames=clip_frames)
    if clip_frames != 1:
        raise ValueError(f"clip_frames of {name} must be 1, got {clip_frames}: it takes single frames")
    if name == TOWERS:
        if towers is None:
            raise ValueError("the backbone 'towers' needs the description of two towers in the field towers")
        return TowerFeatures(towers)
    if vision is None:
        raise ValueError("the backbone 'vision' needs the description of a tower in the field vision")
    return VisionTower(vision)


def _mobilenet_v2() -> nn.Sequential:
    blocks: nn.Sequential = models.mobilenet_v2(weights=None).features
    # Strided convolutions pad only below and to the right, so that the feature map of an even-sized picture is centred
    # on it instead of shifted half a step up and left.
    for parent in list(blocks.modules()):
        for name, conv in list(parent.named_children()):
            if isinstance(conv, nn.Conv2d) and conv.stride == (2, 2):
                conv.padding = (0, 0)
                setattr(parent, name, nn.Sequential(nn.ZeroPad2d((0, 1, 0, 1)), conv))
    return blocks


def _resnet(build: Callable[..., models.ResNet]) -> Callable[[], nn.Sequential]:
    def blocks() -> nn.Sequential:
        net = build(weights=None)
        stem = nn.Sequential(net.conv1, net.bn1, net.relu, net.maxpool)
        return nn.Sequential(stem, net.layer1, net.layer2, net.layer3, net.layer4)

    return blocks


def _headless(name: str, head: str) -> Callable[[], nn.Module]:
    def network() -> nn.Module:
        net: nn.Module = models.get_model(name, weights=None)
        setattr(net, head, nn.Identity())
        return net

    return network


def _published(name: str, feature_dim: int, head: str, colours: Colours, *, min_frames: int = 1) -> Cnn:
    return Cnn(feature_dim, _headless(name, head), colours, head, min_frames)


CNNS = {
    "efficientnet_lite2": Cnn(efficientnet_lite2.FEATURE_DIM, efficientnet_lite2.EfficientNetLite2),
    "mobilenet_v2": Cnn(1280, _mobilenet_v2),
    "resnet18": Cnn(512, _resnet(models.resnet18)),
    "resnet50": Cnn(2048, _resnet(models.resnet50)),
    "torchvision:mobilenet_v3_large": _published("mobilenet_v3_large", 960, "classifier", _IMAGENET),
    "torchvision:resnet50": _published("resnet50", 2048, "fc", _IMAGENET),
    "torchvision:s3d": _published("s3d", 1024, "classifier", _KINETICS, min_frames=16),
}


def folded(network: nn.Module) -> nn.Module:
    """Return a copy for inference, with batch normalization folded into the convolution before it.

    In inference its statistics are constant, a scale and a shift that the convolution's weights can absorb (Jacob et
    al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference", 2018, section
    3.2). Only layers that follow each other in an `nn.Sequential` are folded. Other weights are shared with `network`.
    """
    shared = {id(tensor): tensor for tensor in (*network.parameters(), *network.buffers())}
    network = copy.deepcopy(network, shared).eval()
    for chain in [module for module in network.modules() if isinstance(module, nn.Sequential)]:
        for first, second in pairwise(range(len(chain))):
            before = chain[first]  # the convolution, or padding followed by the convolution
            parent, place = (before, -1) if isinstance(before, nn.Sequential) and len(before) else (chain, first)
            convolution, normalization = parent[place], chain[second]
            if isinstance(convolution, nn.Conv2d) and isinstance(normalization, nn.BatchNorm2d):
                parent[place] = fuse_conv_bn_eval(convolution, normalization)
                chain[second] = nn.Identity()
    return network
