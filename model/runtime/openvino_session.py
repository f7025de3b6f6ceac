"""Session of OpenVINO on a CPU, the default runtime."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import numpy as np

os.environ.setdefault("OPENVINO_TELEMETRY", "0")

import openvino as ov

from model.runtime.session import Floats, Precision


class OpenVinoSession:
    """A compiled graph, in bfloat16 if `precision` allows it and the CPU supports it (cosine to float32: 0.999)."""

    runtime = "openvino"

    def __init__(self, graph: Path | bytes, precision: Precision) -> None:
        core = ov.Core()
        native = precision == "native" and "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        self.precision = "bfloat16" if native else "float32"
        options: dict[str, Any] = {
            "INFERENCE_PRECISION_HINT": "bf16" if native else "f32",
            "PERFORMANCE_HINT": "LATENCY",
        }
        if isinstance(graph, Path):  # the compiled graph is cached beside it
            options["CACHE_DIR"] = str(graph.parent)
            compiled = core.compile_model(str(graph), "CPU", options)
        else:
            compiled = core.compile_model(core.read_model(graph), "CPU", options)
        self._request = compiled.create_infer_request()
        self._outputs = len(compiled.outputs)
        self._lock = threading.Lock()  # a request computes one batch at a time

    def run(self, *inputs: Floats) -> tuple[Floats, ...]:
        """Compute the outputs; see `Session.run`."""
        with self._lock:
            outputs = self._request.infer([np.ascontiguousarray(each) for each in inputs])
            return tuple(np.array(outputs[number]) for number in range(self._outputs))
