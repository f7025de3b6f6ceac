"""Networks of the table of backbones, and folded copies of them."""

import pytest
import torch

from model.network.backbone import Backbone, folded


@pytest.mark.parametrize(("name", "width"), [("mobilenet_v2", 1280), ("resnet18", 512)])
def test_backbones_give_one_feature_vector_a_frame(name, width):
    backbone = Backbone(name).eval()
    assert backbone.feature_dim == width
    with torch.inference_mode():
        assert backbone(torch.zeros(2, 3, 64, 64)).shape == (2, width)


def test_the_default_backbone_pads_strided_maps_below_and_right_only():
    backbone = Backbone("mobilenet_v2").eval()
    picture = torch.zeros(1, 3, 64, 64)
    picture[:, :, 0, 0] = 1.0
    with torch.inference_mode():
        changed = (backbone.blocks[0](picture) != backbone.blocks[0](torch.zeros(1, 3, 64, 64))).any(dim=1)[0]
    assert changed.nonzero().tolist() == [[0, 0]]


@pytest.mark.parametrize("name", ["mobilenet_v2", "resnet18"])
def test_a_folded_network_sees_the_same_with_less(name):
    torch.manual_seed(0)
    backbone = Backbone(name).eval()
    for module in backbone.modules():
        if isinstance(module, torch.nn.BatchNorm2d):  # as after training, no longer the identity
            for tensor, low, high in ((module.running_mean, -0.5, 0.5), (module.running_var, 0.5, 2.0)):
                tensor.uniform_(low, high)
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.uniform_(module.bias, -0.5, 0.5)
    before = {name: tensor.clone() for name, tensor in backbone.state_dict().items()}
    looking = folded(backbone)
    picture = torch.rand(2, 3, 64, 64) * 2 - 1
    with torch.inference_mode():
        torch.testing.assert_close(looking(picture), backbone(picture), rtol=1e-3, atol=1e-4)
    left = sum(isinstance(module, torch.nn.BatchNorm2d) for module in looking.modules())
    assert left == {"mobilenet_v2": 0, "resnet18": 16}[name]  # ResNet's blocks are no chains
    mine, theirs = ({id(tensor) for tensor in net.parameters()} for net in (backbone, looking))
    assert bool(mine & theirs) == (name == "resnet18")  # what was not folded is not held twice
    for tensor, was in zip(backbone.state_dict().values(), before.values(), strict=True):
        assert torch.equal(tensor, was)
