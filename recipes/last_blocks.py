"""The last blocks of EfficientNet-Lite2 as matrix products, for training on a CPU.

Maps of 8x8 are small: with channels first, a 1x1 convolution is one matrix product, and a depthwise convolution is a
product with a 64x64 matrix per channel, built from the kernel's taps. In bfloat16 this trains 110 pictures per second
and core, four times as many as convolutions. Normalization is folded into the weights; its statistics are constant.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from model.network.efficientnet_lite2 import EfficientNetLite2, InvertedResidual

FIRST = 17  # first trained block: four of the last stage but one, the last stage, and the head are trained
SIDE = 8  # side of their input maps, for a 256-pixel square


class LastBlocks(nn.Module):
    """Blocks 17 to 22: maps (C, N, 64) of 8x8 positions -> features (N, 1280), the mean over positions."""

    def __init__(self, network: EfficientNetLite2) -> None:
        super().__init__()
        *blocks, head = list(network)[FIRST:]
        self.blocks = nn.ModuleList(_Residual(block) for block in blocks if isinstance(block, InvertedResidual))
        self.head = _Pointwise(*_convolutions(head)[0])

    def forward(self, maps: Tensor) -> Tensor:
        """Compute features (N, 1280) of maps (C, N, 64), float32 or bfloat16, in the same dtype."""
        for block in self.blocks:
            maps = block(maps)
        return _relu6(self.head(maps)).mean(dim=-1).t()

    @torch.no_grad()
    def put_back(self) -> None:
        """Write the weights back into the network."""
        for layer in self.modules():
            if isinstance(layer, _Layer):
                layer.put_back()


class _Layer(nn.Module):
    """A convolution and its normalization as one weight and one bias."""

    def __init__(self, convolution: nn.Conv2d, norm: nn.BatchNorm2d) -> None:
        super().__init__()
        self.taken_from = (convolution, norm)  # a tuple, so that they are not submodules
        scale = self._scale()
        self.weight = nn.Parameter((convolution.weight * scale[:, None, None, None]).flatten(1).detach())
        self.bias = nn.Parameter((norm.bias - norm.running_mean * scale).detach())  # type: ignore[operator]

    def _scale(self) -> Tensor:
        _, norm = self.taken_from
        assert norm.running_var is not None
        return norm.weight / (norm.running_var + norm.eps).sqrt()

    def put_back(self) -> None:
        convolution, norm = self.taken_from
        assert norm.running_mean is not None
        scale = self._scale()
        convolution.weight.copy_((self.weight / scale[:, None]).view_as(convolution.weight))
        norm.bias.copy_(self.bias + norm.running_mean * scale)


class _Pointwise(_Layer):
    def forward(self, maps: Tensor) -> Tensor:
        channels, pictures, places = maps.shape
        weight, bias = self.weight.to(maps.dtype), self.bias.to(maps.dtype)
        out = torch.addmm(bias[:, None], weight, maps.reshape(channels, pictures * places))
        return out.reshape(-1, pictures, places)


class _Depthwise(_Layer):
    taps: Tensor

    def __init__(self, convolution: nn.Conv2d, norm: nn.BatchNorm2d) -> None:
        super().__init__(convolution, norm)
        self.register_buffer("taps", _taps(convolution.kernel_size[0]), persistent=False)

    def forward(self, maps: Tensor) -> Tensor:
        matrices = (self.weight.to(maps.dtype) @ self.taps.to(maps.dtype)).reshape(-1, SIDE**2, SIDE**2)
        return torch.baddbmm(self.bias.to(maps.dtype)[:, None, None], maps, matrices)


class _Residual(nn.Module):
    def __init__(self, block: InvertedResidual) -> None:
        super().__init__()
        widen, around, narrow = _convolutions(block.layers)
        self.widen, self.around, self.narrow = _Pointwise(*widen), _Depthwise(*around), _Pointwise(*narrow)
        self.has_path = block.use_res_connect

    def forward(self, maps: Tensor) -> Tensor:
        out: Tensor = self.narrow(_relu6(self.around(_relu6(self.widen(maps)))))
        return maps + out if self.has_path else out


def _convolutions(layers: nn.Module) -> list[tuple[nn.Conv2d, nn.BatchNorm2d]]:
    """Return the convolutions of a chain, each with its normalization."""
    convolutions = [layer for layer in layers.children() if isinstance(layer, nn.Conv2d)]
    norms = [layer for layer in layers.children() if isinstance(layer, nn.BatchNorm2d)]
    return list(zip(convolutions, norms, strict=True))


def _taps(kernel: int) -> Tensor:
    """Return float32 (kernel², 64²): 1 in row `tap`, column `from * 64 + to` where the tap maps `from` to `to`."""
    taps = torch.zeros(kernel, kernel, SIDE, SIDE, SIDE, SIDE)
    around = range(-(kernel // 2), kernel // 2 + 1)
    for y in range(SIDE):
        for x in range(SIDE):
            for dy in around:
                for dx in around:
                    if 0 <= y + dy < SIDE and 0 <= x + dx < SIDE:
                        taps[dy + kernel // 2, dx + kernel // 2, y + dy, x + dx, y, x] = 1
    return taps.reshape(kernel**2, SIDE**4)


def _relu6(maps: Tensor) -> Tensor:
    return F.hardtanh(maps, 0.0, 6.0)
