"""Frames as networks take them."""

import numpy as np
import pytest
import torch

import model.network  # noqa: F401 - lets torchvision be imported
from model.preprocessing import prepare_frames, prepare_views


def test_frames_are_scaled_cropped_and_normalized():
    frames = np.zeros((2, 3, 40, 80), np.uint8)
    frames[:, :, :, 20:60] = 255  # the middle square is white
    prepared = prepare_frames(frames, 20)
    assert prepared.shape == (2, 3, 20, 20)
    assert prepared.dtype == np.float32
    assert prepared[:, :, :, 2:18].min() == 1.0
    assert prepare_frames(np.zeros((1, 3, 20, 20), np.uint8), 20).max() == -1.0


def test_whole_frames_keep_their_edges_and_their_shape():
    frames = np.zeros((2, 3, 360, 640), np.uint8)
    frames[:, :, :, :20] = 255  # what the crop would leave out
    prepared = prepare_frames(frames, 224, fit="whole")
    assert prepared.shape == (2, 3, 160, 288)
    assert prepared[:, :, :, :6].min() == 1.0
    assert prepare_frames(frames, 224).max() == -1.0
    assert prepare_frames(np.zeros((1, 3, 224, 224), np.uint8), 224, fit="whole").shape[2:] == (224, 224)
    with pytest.raises(ValueError, match="fit must be one of middle, whole, got 'all'"):
        prepare_frames(frames, 224, fit="all")


@pytest.mark.parametrize("shape", [(40, 71), (71, 40), (48, 48), (20, 80), (96, 131), (33, 47)])
def test_pictures_are_those_of_torchvision(shape):
    """With which the shipped weights were trained; a rounding of one level is allowed."""
    from torchvision.transforms.v2 import functional

    small = np.random.default_rng(0).integers(0, 256, (2, 3, 8, 8), dtype=np.uint8)
    frames = functional.resize(torch.from_numpy(small), list(shape), antialias=True)
    expected = functional.center_crop(functional.resize(frames, [48], antialias=True), [48, 48])
    found = (prepare_frames(frames.numpy(), 48) + 1) * 127.5
    assert np.abs(found - expected.numpy()).max() <= 1.01


def test_a_frame_may_be_looked_at_in_two_views():
    frames = np.zeros((2, 3, 360, 640), np.uint8)
    assert [view.shape[2:] for view in prepare_views(frames, 224, fit="both")] == [(224, 224), (160, 288)]
    assert [view.shape[2:] for view in prepare_views(frames, 224, fit="whole")] == [(160, 288)]
    assert len(prepare_views(frames[..., :360], 224, fit="both")) == 1  # a square, of which both are the same
    with pytest.raises(ValueError, match="fit must be one of middle, whole, both, got 'all'"):
        prepare_views(frames, 224, fit="all")


def test_frames_of_another_dtype_are_refused():
    with pytest.raises(ValueError, match=r"uint8 \(T, 3, H, W\), got float32 \(1, 3, 8, 8\)"):
        prepare_frames(np.zeros((1, 3, 8, 8), np.float32), 8)
