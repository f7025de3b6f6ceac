"""A TensorFlow Lite MobileNetV2 as teacher: the outputs of its blocks.

It is read only while the backbone is distilled (`pip install ai-edge-litert`); neither the program nor a checkpoint
contains any of it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from ai_edge_litert.interpreter import Interpreter
from torch import Tensor


class TeacherNet:
    """Called with uint8 (N, 3, 224, 224), gives the output of each block as float32 (N, C, H, W).

    Outputs of blocks before `first` are left empty: they are the largest, and not every stage needs them.
    """

    def __init__(self, path: Path, *, first: int = 0) -> None:
        self.interpreter = Interpreter(str(path), num_threads=1, experimental_preserve_all_tensors=True)
        self.interpreter.allocate_tensors()
        details = self.interpreter.get_tensor_details()
        self.outputs = _block_outputs(details)
        self.first = first
        self.quantization = {detail["index"]: detail["quantization"] for detail in details}
        self.input = self.interpreter.get_input_details()[0]["index"]

    def __call__(self, pixels: Tensor) -> list[Tensor]:
        """Run the teacher on each picture in turn."""
        maps: list[list[np.ndarray]] = [[] for _ in self.outputs]
        for picture in pixels.permute(0, 2, 3, 1).numpy():
            self.interpreter.set_tensor(self.input, np.ascontiguousarray(picture[None]))
            self.interpreter.invoke()
            for stack, index in list(zip(maps, self.outputs, strict=True))[self.first :]:
                stack.append(self.interpreter.get_tensor(index)[0])
        return [self._float(index, stack) for index, stack in zip(self.outputs, maps, strict=True)]

    def _float(self, index: int, maps: list[np.ndarray]) -> Tensor:
        if not maps:
            return torch.empty(0)
        scale, zero = self.quantization[index]
        return ((torch.from_numpy(np.stack(maps)).float() - zero) * scale).permute(0, 3, 1, 2)


def _block_outputs(details: list[dict[str, Any]]) -> list[int]:
    """Tensor index of the stem, of the 17 inverted residuals and of the last 1x1 convolution."""
    maps = [d for d in details if len(d["shape"]) == 4 and d["shape"][0] == 1 and d["shape"][1] > 1]
    stem = next(i for i, d in enumerate(maps) if tuple(d["shape"][1:]) == (112, 112, 32))
    chain = [maps[stem]]
    for detail, following in zip(maps[stem + 1 : -1], maps[stem + 2 :], strict=True):
        linear = detail["quantization"][1] != -128  # a projection; what is clipped at zero is inside a block
        if linear and "add/add" not in following["name"]:
            chain.append(detail)
    return [detail["index"] for detail in [*chain, maps[-1]]]
