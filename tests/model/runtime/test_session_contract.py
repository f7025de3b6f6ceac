"""The contract of `Session`, over every runtime: add a new one to `SESSIONS`.

Every session gives the features of the network in float32, up to the rounding of its precision.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch

from model.network.backbone import Backbone
from model.runtime.graph import backbone_graph
from model.runtime.onnx_session import OnnxSession
from model.runtime.openvino_session import OpenVinoSession
from model.runtime.session import Session
from model.runtime.torch_session import TorchSession

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    """EfficientNet-Lite2 with statistics of made-up pictures: numbers stay in the range of a trained network."""
    torch.manual_seed(0)
    backbone = Backbone("efficientnet_lite2").train()
    with torch.no_grad():
        for _ in range(2):
            backbone(torch.rand(4, 3, 64, 64) * 2 - 1)
    return backbone.eval()


@pytest.fixture(scope="module")
def graph(backbone) -> bytes:
    weights = {f"backbone.{name}": tensor.numpy() for name, tensor in backbone.state_dict().items()}
    return backbone_graph(weights).SerializeToString()


def saved(graph: bytes, folder: Path) -> Path:
    (folder / "backbone.onnx").write_bytes(graph)
    return folder / "backbone.onnx"


SESSIONS: dict[str, Callable[[Backbone, bytes, Path], Session]] = {
    "torch": lambda backbone, graph, folder: TorchSession(backbone, CPU),
    "openvino": lambda backbone, graph, folder: OpenVinoSession(graph, "native"),
    "openvino from a file": lambda backbone, graph, folder: OpenVinoSession(saved(graph, folder), "float32"),
    "onnx": lambda backbone, graph, folder: OnnxSession(graph),
}


@pytest.fixture(params=SESSIONS)
def session(request, backbone, graph, tmp_path) -> Session:
    return SESSIONS[request.param](backbone, graph, tmp_path)


@pytest.mark.parametrize("shape", [(3, 64, 64), (1, 32, 96), (2, 96, 64)])
def test_session_contract(session, backbone, shape):
    frames, height, width = shape
    pixels = np.random.default_rng(0).uniform(-1, 1, (frames, 3, height, width)).astype(np.float32)
    with torch.inference_mode():
        expected = backbone(torch.from_numpy(pixels)).numpy()
    (features,) = session.run(pixels)
    assert (features.shape, features.dtype) == ((frames, 1280), np.float32)
    cosines = (features * expected).sum(1) / np.linalg.norm(features, axis=1) / np.linalg.norm(expected, axis=1)
    assert cosines.min() >= 0.9995
    assert session.precision in ("float32", "bfloat16")
    assert session.runtime.isidentifier()


def test_outputs_do_not_share_memory_between_runs(session):
    pixels = np.zeros((1, 3, 32, 32), np.float32)
    (first,) = session.run(pixels)
    before = first.copy()
    session.run(pixels + 1)
    assert np.array_equal(first, before)


def test_any_thread_may_run_a_session(session):
    pictures = [np.full((1, 3, 32, 32), value, np.float32) for value in np.linspace(-1, 1, 8)]
    expected = [session.run(picture)[0] for picture in pictures]
    with ThreadPoolExecutor(4) as threads:
        results = list(threads.map(lambda picture: session.run(picture)[0], pictures * 2))
    np.testing.assert_array_equal(results, expected * 2)
