"""Teachers: classifiers of ImageNet, read only while something is distilled from them.

A TensorFlow Lite MobileNetV2 gives the outputs of its blocks and what it takes a picture for
(`pip install ai-edge-litert`), an ONNX file the latter (`pip install onnxruntime`). Neither the program nor a
checkpoint contains any of them.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ai_edge_litert.interpreter import Interpreter
from torch import Tensor
from torch.nn import functional as F

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


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
        self.logits = _logits(details, classes=self.interpreter.get_output_details()[0]["shape"][-1])

    def __call__(self, pixels: Tensor) -> list[Tensor]:
        """Run the teacher on each picture in turn."""
        maps: list[list[np.ndarray]] = [[] for _ in self.outputs]
        for picture in pixels.permute(0, 2, 3, 1).numpy():
            self.interpreter.set_tensor(self.input, np.ascontiguousarray(picture[None]))
            self.interpreter.invoke()
            for stack, index in list(zip(maps, self.outputs, strict=True))[self.first :]:
                stack.append(self.interpreter.get_tensor(index)[0])
        return [self._float(index, stack) for index, stack in zip(self.outputs, maps, strict=True)]

    def judge(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """What it makes of pictures, uint8 (N, 3, 224, 224), in the end.

        Returns:
            its pooled features, float (N, F), and how likely it holds each class, float (N, C).
        """
        pooled, logits = [], []
        for picture in pixels.permute(0, 2, 3, 1).numpy():
            self.interpreter.set_tensor(self.input, np.ascontiguousarray(picture[None]))
            self.interpreter.invoke()
            last, said = self.interpreter.get_tensor(self.outputs[-1])[0], self.interpreter.get_tensor(self.logits)
            pooled.append(self._float(self.outputs[-1], [last]).mean(dim=(2, 3)))
            logits.append(self._float(self.logits, [said.reshape(1, 1, -1)]).flatten(1))
        return torch.cat(pooled), torch.cat(logits).softmax(dim=-1)

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


def _logits(details: list[dict[str, Any]], *, classes: int) -> int:
    """Tensor index of what goes into the last softmax, which is itself kept in steps of 1/256."""
    return int([d["index"] for d in details if d["shape"][-1:].tolist() == [classes] and "BiasAdd" in d["name"]][-1])


def classifier(path: Path) -> Callable[[Tensor], Tensor]:
    """A teacher as what it takes pictures for: uint8 (N, 3, 224, 224) -> float (N, 1001), row 0 the background."""
    if path.suffix == ".onnx":
        return _onnx(path)
    net = TeacherNet(path)
    return lambda pixels: net.judge(pixels)[1]


def _onnx(path: Path) -> Callable[[Tensor], Tensor]:
    import onnxruntime  # the only teacher that needs it

    session = onnxruntime.InferenceSession(str(path))
    name = session.get_inputs()[0].name
    mean, std = (torch.tensor(of)[:, None, None] for of in (IMAGENET_MEAN, IMAGENET_STD))

    def judge(pixels: Tensor) -> Tensor:
        frames = ((pixels.float() / 255 - mean) / std).numpy()
        logits = torch.from_numpy(np.concatenate([session.run(None, {name: frame[None]})[0] for frame in frames]))
        return F.pad(logits.softmax(dim=-1), (1, 0))

    return judge
