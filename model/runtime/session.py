"""Session: a backbone loaded for one runtime, pixels in, features out.

The encoder prepares pixels and averages views; a session multiplies.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from model.network.efficientnet_lite2 import EfficientNetLite2
from model.runtime.torch_session import TorchSession


class Session(Protocol):
    """A backbone loaded for one runtime; thread-safe."""

    runtime: str  # "torch" or "openvino"
    precision: str  # of its products: "float32" or "bfloat16"

    def run(self, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        """Compute features.

        Args:
            pixels: float32 (T, 3, H, W), normalized to -1..1.

        Returns:
            float32 (T, F).
        """


def open_session(backbone: nn.Module, device: torch.device) -> Session:
    """Load a backbone into the fastest runtime that takes it.

    On a CPU, EfficientNet-Lite2 runs in OpenVINO, 8 to 15 times as fast as in torch (`benchmarks/runtimes.py`);
    everything else runs in torch.
    """
    network = getattr(backbone, "blocks", None)
    if device.type == "cpu" and isinstance(network, EfficientNetLite2) and find_spec("openvino"):
        from model.runtime.openvino_session import OpenVinoSession

        return OpenVinoSession(network)
    return TorchSession(backbone, device)
