"""Session: the contract of runtimes. A session runs one graph of a network, arrays in, arrays out.

The encoder prepares the inputs and averages views. `model.runtime.runtimes` opens sessions.
"""

from __future__ import annotations

from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Precision = Literal["float32", "native"]


class Session(Protocol):
    """A graph loaded into one runtime. Any thread may call `run`."""

    runtime: str  # "torch", "openvino" or "onnx"
    precision: str  # of its multiplications: "float32" or "bfloat16"

    def run(self, *inputs: Floats) -> tuple[Floats, ...]:
        """Compute the outputs of the graph.

        Args:
            inputs: float32, in the graph's order; for a backbone, pixels (T, 3, H, W), normalized to -1..1.

        Returns:
            The outputs, float32, in the graph's order; for a backbone, features (T, F).
        """
