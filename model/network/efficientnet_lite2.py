"""EfficientNet-Lite2: the backbone of `videobert-mini`, 1,280 features per frame.

After Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", ICML 2019, in its variant
for devices, "EfficientNet-Lite" (2020): no squeeze-and-excitation, ReLU6 instead of swish, stem and head not scaled.
4.8 million parameters; a 256-pixel square costs 1.05 billion multiply-adds.
"""

from __future__ import annotations

from torch import Tensor, nn

FEATURE_DIM = 1280
_STEM, _EPSILON = 32, 1e-3
# (channels, blocks, kernel, stride, expansion) of each stage: B0's table at width 1.1 and depth 1.2.
_STAGES = (
    (16, 1, 3, 1, 1),
    (24, 3, 3, 2, 6),
    (48, 3, 5, 2, 6),
    (88, 4, 3, 2, 6),
    (120, 4, 5, 1, 6),
    (208, 5, 5, 2, 6),
    (352, 1, 3, 1, 6),
)


class EfficientNetLite2(nn.Sequential):
    """The network without its classifier: the stem, 21 blocks, the head.

    float (T, 3, H, W), -1..1, sides in multiples of 32 -> (T, 1280, H / 32, W / 32).
    """

    def __init__(self, *blocks: nn.Module) -> None:
        super().__init__(*(blocks or _blocks()))


class InvertedResidual(nn.Module):
    """Expansion, depthwise convolution, projection (Sandler et al., "MobileNetV2", CVPR 2018)."""

    def __init__(self, channels: int, width: int, *, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = channels * expansion
        self.use_res_connect = stride == 1 and channels == width
        widen = list(_layer(channels, wide, kernel=1)) if expansion > 1 else []
        around = list(_layer(wide, wide, kernel=kernel, stride=stride, groups=wide))
        narrow = list(_layer(wide, width, kernel=1))[:-1]  # linear: a ReLU would destroy information in narrow channels
        self.layers = nn.Sequential(*widen, *around, *narrow)

    def forward(self, maps: Tensor) -> Tensor:
        """Compute maps (T, C', H / stride, W / stride) of maps (T, C, H, W)."""
        out = self.layers(maps)
        return maps + out if self.use_res_connect else out  # type: ignore[no-any-return]


def _blocks() -> list[nn.Module]:
    blocks: list[nn.Module] = [_layer(3, _STEM, kernel=3, stride=2)]
    channels = _STEM
    for width, repeats, kernel, stride, expansion in _STAGES:
        for repeat in range(repeats):
            step = stride if repeat == 0 else 1
            blocks.append(InvertedResidual(channels, width, kernel=kernel, stride=step, expansion=expansion))
            channels = width
    return [*blocks, _layer(channels, FEATURE_DIM, kernel=1)]


def _layer(channels: int, width: int, *, kernel: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    convolution: nn.Module
    if stride == 1:
        convolution = nn.Conv2d(channels, width, kernel, padding=kernel // 2, groups=groups, bias=False)
    else:
        # TensorFlow's "SAME" for even sides: the odd row and column of padding are below and to the right.
        before, after = (kernel - 2) // 2, kernel // 2
        convolution = nn.Sequential(
            nn.ZeroPad2d((before, after, before, after)),
            nn.Conv2d(channels, width, kernel, stride=stride, groups=groups, bias=False),
        )
    return nn.Sequential(convolution, nn.BatchNorm2d(width, eps=_EPSILON), nn.ReLU6())
