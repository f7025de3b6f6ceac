"""Which runtime a network runs in: torch, or for its graph OpenVINO or ONNX Runtime."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from model.runtime.session import Precision, Session

if TYPE_CHECKING:
    import torch
    from torch import nn

RUNTIME_VARIABLE = "VIDEOBERT_RUNTIME"
RUNTIMES = {"openvino": "openvino", "onnx": "onnxruntime"}  # and the package of each, in order of preference


def open_session(backbone: nn.Module, device: torch.device) -> Session:
    """Load a backbone into the fastest runtime that takes it.

    On a CPU, EfficientNet-Lite2 runs as a graph, 8 to 15 times as fast as in torch (`benchmarks/runtimes.py`);
    everything else runs in torch.
    """
    from model.network.efficientnet_lite2 import EfficientNetLite2
    from model.runtime.torch_session import TorchSession

    if device.type != "cpu" or not isinstance(getattr(backbone, "blocks", None), EfficientNetLite2) or not runtime():
        return TorchSession(backbone, device)
    from model.runtime.graph import backbone_graph

    weights = {f"backbone.{name}": tensor.numpy() for name, tensor in backbone.state_dict().items()}
    return open_graph(backbone_graph(weights).SerializeToString(), "native")


def open_graph(graph: Path | bytes, precision: Precision) -> Session:
    """Load an ONNX graph of `model.runtime.graph` into the runtime of this machine.

    Args:
        graph: a file, beside which the runtime may keep what it compiles, or its content.
        precision: "native" lets products be in bfloat16 where the CPU multiplies it.

    Raises:
        ValueError: `$VIDEOBERT_RUNTIME` names a runtime that is not installed, or none is.
    """
    chosen = runtime()
    if chosen == "openvino":
        from model.runtime.openvino_session import OpenVinoSession

        return OpenVinoSession(graph, precision)
    if chosen == "onnx":
        from model.runtime.onnx_session import OnnxSession

        return OnnxSession(graph)
    raise ValueError(f"no runtime for graphs is installed: pip install {RUNTIMES['openvino']}")


def runtime() -> str:
    """The runtime for graphs: `$VIDEOBERT_RUNTIME`, or the first of `RUNTIMES` that is installed; "" for none.

    Without the package `onnx`, which writes graphs, there is none: networks run in torch then.

    Raises:
        ValueError: the variable names something else, or what is not installed.
    """
    chosen = os.environ.get(RUNTIME_VARIABLE, "")
    if not find_spec("onnx"):
        return ""
    if not chosen:
        return next((name for name, package in RUNTIMES.items() if find_spec(package)), "")
    if chosen not in RUNTIMES:
        raise ValueError(f"${RUNTIME_VARIABLE} must be one of {', '.join(RUNTIMES)}, got {chosen!r}")
    if not find_spec(RUNTIMES[chosen]):
        raise ValueError(f"${RUNTIME_VARIABLE} is {chosen}, which needs: pip install {RUNTIMES[chosen]}")
    return chosen
