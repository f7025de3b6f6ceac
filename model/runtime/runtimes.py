"""Choice of the runtime: torch for a network, OpenVINO or ONNX Runtime for its graph."""

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
RUNTIMES = {"openvino": "openvino", "onnx": "onnxruntime"}  # runtime: package, in order of preference


def open_session(backbone: nn.Module, device: torch.device) -> Session:
    """Load a backbone into the fastest runtime that supports it.

    On a CPU, EfficientNet-Lite2 runs as a graph, 8 to 15 times as fast as in torch (`benchmarks/runtimes.py`); other
    backbones run in torch.

    Raises:
        ValueError: `$VIDEOBERT_RUNTIME` names an unknown runtime, or one that is not installed.
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
        graph: a file, beside which the runtime may cache its compiled form, or the content of one.
        precision: "native" allows bfloat16 if the CPU supports it.

    Raises:
        ValueError: no runtime is installed, or `$VIDEOBERT_RUNTIME` names an unknown or missing one.
    """
    chosen = runtime()
    if chosen == "openvino":
        from model.runtime.openvino_session import OpenVinoSession

        return OpenVinoSession(graph, precision)
    if chosen == "onnx":
        from model.runtime.onnx_session import OnnxSession

        return OnnxSession(graph)
    raise ValueError(f"no runtime for ONNX graphs is installed: pip install {RUNTIMES['openvino']}")


def runtime() -> str:
    """Return the runtime for graphs: `$VIDEOBERT_RUNTIME`, or the first installed one of `RUNTIMES`; "" for none.

    Graphs need the package `onnx`; without it the result is "", and networks run in torch.

    Raises:
        ValueError: the variable names an unknown runtime, or one that is not installed.
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
