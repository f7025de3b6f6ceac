"""Session: a graph of a network loaded for one runtime, arrays in, arrays out.

The encoder prepares inputs and averages views; a session multiplies. `model.runtime.runtimes` opens one.
"""

from __future__ import annotations

from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Precision = Literal["float32", "native"]


class Session(Protocol):
    """A graph loaded for one runtime; thread-safe."""

    runtime: str  # "torch", "openvino" or "onnx"
    precision: str  # of its products: "float32" or "bfloat16"

    def run(self, *inputs: Floats) -> tuple[Floats, ...]:
        """Compute.

        Args:
            inputs: in the order of the graph; of a backbone, pixels float32 (T, 3, H, W), normalized to -1..1.

        Returns:
            the outputs in the order of the graph; of a backbone, features float32 (T, F).
        """
