"""Frames -> frame features: the convolutional networks that look at one frame at a time.

The shipped model has EfficientNet-Lite2. The default of a new configuration is MobileNetV2 (Sandler et al., CVPR 2018):
2.2 million parameters, 1,280 features a frame. Networks are built without anybody's weights.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torchvision import models

from model.network import efficientnet_lite2

FEATURE_DIMS = {
    "efficientnet_lite2": efficientnet_lite2.FEATURE_DIM,
    "mobilenet_v2": 1280,
    "resnet18": 512,
    "resnet50": 2048,
}


class Backbone(nn.Module):
    """A CNN without its classifier, averaged over the picture.

    `blocks` are the stages in order.
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        if name not in _BUILDERS:
            raise ValueError(f"backbone must be one of {', '.join(_BUILDERS)}, got {name!r}")
        self.feature_dim = FEATURE_DIMS[name]
        self.blocks = _BUILDERS[name]()

    def forward(self, frames: Tensor) -> Tensor:
        """(T, 3, S, S) float, -1..1 -> (T, F) float."""
        return self.blocks(frames).mean(dim=(2, 3))  # type: ignore[no-any-return]


def _mobilenet_v2() -> nn.Sequential:
    blocks: nn.Sequential = models.mobilenet_v2(weights=None).features
    # Strided convolutions pad only below and to the right, so that a feature map of an even-sized picture covers it
    # evenly instead of leaning half a step up and left.
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


_BUILDERS: dict[str, Callable[[], nn.Sequential]] = {
    "efficientnet_lite2": efficientnet_lite2.EfficientNetLite2,
    "mobilenet_v2": _mobilenet_v2,
    "resnet18": _resnet(models.resnet18),
    "resnet50": _resnet(models.resnet50),
}


def folded(network: nn.Module) -> nn.Module:
    """A copy of a network that only looks: normalization is part of the convolution before it.

    Its statistics are fixed by then, so it is a scale and a shift, which the weights can hold as well (Jacob and
    others, "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference", 2018,
    section 3.2). Only chains are folded, whose members follow each other in an `nn.Sequential`. What is not
    folded shares its weights with the network.
    """
    shared = {id(tensor): tensor for tensor in (*network.parameters(), *network.buffers())}
    network = copy.deepcopy(network, shared).eval()
    for chain in [module for module in network.modules() if isinstance(module, nn.Sequential)]:
        for first, second in pairwise(range(len(chain))):
            before = chain[first]  # the convolution, or padding and then the convolution
            parent, place = (before, -1) if isinstance(before, nn.Sequential) and len(before) else (chain, first)
            convolution, normalization = parent[place], chain[second]
            if isinstance(convolution, nn.Conv2d) and isinstance(normalization, nn.BatchNorm2d):
                parent[place] = fuse_conv_bn_eval(convolution, normalization)
                chain[second] = nn.Identity()
    return network


def bf16_is_native() -> bool:
    """Whether this CPU multiplies bfloat16 in hardware, so that autocast saves time instead of costing it."""
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
