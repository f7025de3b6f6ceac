"""Choice of the runtime."""

import pytest
import torch

from model.network.backbone import Backbone
from model.runtime.runtimes import RUNTIME_VARIABLE, open_session, runtime

CPU = torch.device("cpu")


def test_the_fastest_runtime_that_takes_a_network_is_chosen(monkeypatch):
    backbone = Backbone("efficientnet_lite2").eval()
    assert open_session(backbone, CPU).runtime == "openvino"
    assert open_session(Backbone("mobilenet_v2"), CPU).runtime == "torch"
    monkeypatch.setenv(RUNTIME_VARIABLE, "onnx")
    assert open_session(backbone, CPU).runtime == "onnx"


def test_an_unknown_runtime_is_refused(monkeypatch):
    monkeypatch.setenv(RUNTIME_VARIABLE, "tensorrt")
    with pytest.raises(ValueError, match="must be one of openvino, onnx, got 'tensorrt'"):
        runtime()
