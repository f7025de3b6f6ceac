"""The contract of sessions: every runtime gives the features of the network in float32."""

import numpy as np
import pytest
import torch

from model.network.backbone import Backbone
from model.runtime.graph import backbone_graph
from model.runtime.onnx_session import OnnxSession
from model.runtime.openvino_session import OpenVinoSession
from model.runtime.runtimes import RUNTIME_VARIABLE, open_session, runtime
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


@pytest.fixture(params=["torch", "openvino", "openvino from a file", "onnx"])
def session(request, backbone, graph, tmp_path):
    if request.param == "torch":
        return TorchSession(backbone, CPU)
    if request.param == "onnx":
        return OnnxSession(graph)
    if request.param == "openvino":
        return OpenVinoSession(graph, "native")
    (tmp_path / "backbone.onnx").write_bytes(graph)
    return OpenVinoSession(tmp_path / "backbone.onnx", "float32")


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


def test_a_session_does_not_hand_out_its_own_memory(session):
    pixels = np.zeros((1, 3, 32, 32), np.float32)
    (first,) = session.run(pixels)
    before = first.copy()
    session.run(pixels + 1)
    assert np.array_equal(first, before)


def test_the_fastest_runtime_that_takes_a_network_is_chosen(backbone, monkeypatch):
    assert open_session(backbone, CPU).runtime == "openvino"
    assert open_session(Backbone("mobilenet_v2"), CPU).runtime == "torch"
    monkeypatch.setenv(RUNTIME_VARIABLE, "onnx")
    assert open_session(backbone, CPU).runtime == "onnx"


def test_an_unknown_runtime_is_refused(monkeypatch):
    monkeypatch.setenv(RUNTIME_VARIABLE, "tensorrt")
    with pytest.raises(ValueError, match="must be one of openvino, onnx, got 'tensorrt'"):
        runtime()
