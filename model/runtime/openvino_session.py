"""EfficientNet-Lite2 in OpenVINO, on a CPU.

The graph is built from the network's layers, which takes a tenth of a second; tracing it takes two seconds, and
OpenVINO's converter reports its use to its makers.
"""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import openvino as ov
from numpy.typing import NDArray
from openvino import opset13 as op
from torch import nn

from model.network.backbone import folded
from model.network.efficientnet_lite2 import EfficientNetLite2, InvertedResidual


class OpenVinoSession:
    """The network's mean over the picture, in bfloat16 where the CPU multiplies it (cosine to float32: 0.999).

    Not `pooled`, it gives the maps themselves.
    """

    runtime = "openvino"

    def __init__(self, network: EfficientNetLite2, *, pooled: bool = True) -> None:
        core = ov.Core()
        native = "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        self.precision = "bfloat16" if native else "float32"
        hint = {"INFERENCE_PRECISION_HINT": "bf16" if native else "f32"}
        self._request = core.compile_model(_graph(network, pooled=pooled), "CPU", hint).create_infer_request()
        self._lock = threading.Lock()  # a request computes one batch at a time

    def run(self, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        """float32 (T, 3, H, W), -1..1, sides in multiples of 32 -> float32 (T, 1280), or (T, C, h, w)."""
        with self._lock:
            return np.array(self._request.infer([np.ascontiguousarray(pixels)])[0])


def _graph(network: EfficientNetLite2, *, pooled: bool) -> ov.Model:
    pixels = op.parameter([-1, 3, -1, -1], np.float32, name="pixels")
    maps = _lower(folded(network), pixels)
    seen = op.reduce_mean(maps, [2, 3], keep_dims=False) if pooled else maps
    return ov.Model([seen], [pixels], "efficientnet_lite2")


def _lower(module: nn.Module, maps: Any) -> Any:
    if isinstance(module, nn.Sequential):
        pads = [0, 0]
        for layer in module:
            if isinstance(layer, nn.ZeroPad2d):
                pads = [layer.padding[0], layer.padding[1]]
            elif isinstance(layer, nn.Conv2d):
                maps, pads = _convolution(layer, maps, pads), [0, 0]
            else:
                maps = _lower(layer, maps)
        return maps
    if isinstance(module, InvertedResidual):
        out = _lower(module.layers, maps)
        return op.add(maps, out) if module.use_res_connect else out
    if isinstance(module, nn.ReLU6):
        return op.clamp(maps, 0.0, 6.0)
    if isinstance(module, nn.Identity):
        return maps
    raise TypeError(f"no OpenVINO operation for a {type(module).__name__}")


def _convolution(layer: nn.Conv2d, maps: Any, pads: list[int]) -> Any:
    """`pads`: zeros before and after each side, in place of the layer's own where it has none."""
    weight, bias = layer.weight.detach().numpy(), layer.bias
    padding = int(layer.padding[0])
    before, after = ([padding] * 2, [padding] * 2) if padding else ([pads[0]] * 2, [pads[1]] * 2)
    strides, dilations = list(layer.stride), [1, 1]
    if layer.groups == 1:
        maps = op.convolution(maps, op.constant(weight), strides, before, after, dilations)
    else:
        grouped = weight.reshape(layer.groups, -1, *weight.shape[1:])
        maps = op.group_convolution(maps, op.constant(grouped), strides, before, after, dilations)
    return maps if bias is None else op.add(maps, op.constant(bias.detach().numpy().reshape(1, -1, 1, 1)))
