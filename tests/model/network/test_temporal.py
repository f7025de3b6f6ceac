"""Temporal models."""

import numpy as np
import pytest
import torch

from model.network.temporal import TemporalModel, sinusoidal_positions


def test_sinusoidal_positions_follow_the_paper():
    table = sinusoidal_positions(5, 8)
    assert table[3, 0] == pytest.approx(np.sin(3))
    assert table[3, 3] == pytest.approx(np.cos(3 / 10000 ** (2 / 8)))


def test_no_temporal_model_is_the_identity():
    frames = torch.randn(1, 4, 24)
    mask = torch.tensor([[True, True, True, False]])
    assert torch.equal(TemporalModel("none", 24)(frames, mask), frames * mask[..., None])
