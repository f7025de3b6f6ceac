"""Session of ONNX Runtime on a CPU, for machines without OpenVINO."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime

from model.runtime.session import Floats


class OnnxSession:
    """A graph in ONNX Runtime, float32."""

    runtime = "onnx"
    precision = "float32"

    def __init__(self, graph: Path | bytes) -> None:
        options = onnxruntime.SessionOptions()
        # Searching and indexing run at the same time, so idle threads must sleep instead of spinning.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        content = str(graph) if isinstance(graph, Path) else graph
        self._session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        self._names = [each.name for each in self._session.get_inputs()]

    def run(self, *inputs: Floats) -> tuple[Floats, ...]:
        """Compute the outputs; see `Session.run`."""
        given = {name: np.ascontiguousarray(each) for name, each in zip(self._names, inputs, strict=True)}
        return tuple(self._session.run(None, given))
