"""Frames as a video delivers them -> frames as a network takes them: scaled, cropped and normalized alike."""

from __future__ import annotations

import torch
from torch import Tensor
from torchvision.transforms.v2 import functional as transform

MEAN = STD = 0.5  # pixels 0..255 become -1..1


def prepare_frames(frames: Tensor, size: int) -> Tensor:
    """Scale the shorter side to `size`, crop the middle, and normalize to -1..1.

    Args:
        frames: uint8 (T, 3, H, W), RGB.
        size: side S of the square that the backbone takes, pixels.

    Returns:
        float32 (T, 3, S, S), channels-last in memory, as convolutions on a CPU like it.

    Raises:
        ValueError: frames are of another shape or dtype.
    """
    if frames.ndim != 4 or frames.shape[1] != 3 or frames.dtype != torch.uint8:
        raise ValueError(f"frames must be uint8 (T, 3, H, W), got {frames.dtype} {tuple(frames.shape)}")
    if min(frames.shape[2:]) != size:
        frames = transform.resize(frames, [size], antialias=True)
    frames = transform.center_crop(frames, [size, size])
    scaled = (frames.float() / 255 - MEAN) / STD
    return scaled.contiguous(memory_format=torch.channels_last)
