"""Frames as networks take them."""

import pytest
import torch

from model.network.preprocessing import prepare_frames, prepare_views


def test_frames_are_scaled_cropped_and_normalized():
    frames = torch.zeros(2, 3, 40, 80, dtype=torch.uint8)
    frames[:, :, :, 20:60] = 255  # the middle square is white
    prepared = prepare_frames(frames, 20)
    assert prepared.shape == (2, 3, 20, 20)
    assert prepared.dtype == torch.float32
    assert prepared[:, :, :, 2:18].min() == 1.0
    assert prepare_frames(torch.zeros(1, 3, 20, 20, dtype=torch.uint8), 20).max() == -1.0


def test_whole_frames_keep_their_edges_and_their_shape():
    frames = torch.zeros(2, 3, 360, 640, dtype=torch.uint8)
    frames[:, :, :, :20] = 255  # what the crop would leave out
    prepared = prepare_frames(frames, 224, fit="whole")
    assert prepared.shape == (2, 3, 160, 288)
    assert prepared[:, :, :, :6].min() == 1.0
    assert prepare_frames(frames, 224).max() == -1.0
    assert prepare_frames(torch.zeros(1, 3, 224, 224, dtype=torch.uint8), 224, fit="whole").shape[2:] == (224, 224)
    with pytest.raises(ValueError, match="fit must be one of middle, whole, got 'all'"):
        prepare_frames(frames, 224, fit="all")


def test_a_frame_may_be_looked_at_in_two_views():
    frames = torch.zeros(2, 3, 360, 640, dtype=torch.uint8)
    assert [view.shape[2:] for view in prepare_views(frames, 224, fit="both")] == [(224, 224), (160, 288)]
    assert [view.shape[2:] for view in prepare_views(frames, 224, fit="whole")] == [(160, 288)]
    assert len(prepare_views(frames[..., :360], 224, fit="both")) == 1  # a square, of which both are the same
    with pytest.raises(ValueError, match="fit must be one of middle, whole, both, got 'all'"):
        prepare_views(frames, 224, fit="all")


def test_frames_of_another_dtype_are_refused():
    with pytest.raises(ValueError, match=r"uint8 \(T, 3, H, W\), got torch.float32 \(1, 3, 8, 8\)"):
        prepare_frames(torch.zeros(1, 3, 8, 8), 8)
