"""Frames as a video delivers them -> frames as a network takes them: scaled, fitted and normalized alike."""

from __future__ import annotations

import torch
from torch import Tensor
from torchvision.transforms.v2 import functional as transform

MEAN = STD = 0.5  # pixels 0..255 become -1..1


FITS = ("middle", "whole")
VIEWS = {"middle": ("middle",), "whole": ("whole",), "both": FITS}
_STRIDE = 32  # pixels of a side that convolutional networks reduce to one


def prepare_frames(frames: Tensor, size: int, *, fit: str = "middle") -> Tensor:
    """Bring frames to the size of a network's pictures, and normalize to -1..1.

    Args:
        frames: uint8 (T, 3, H, W), RGB.
        size: side S of the square that the backbone was trained on, pixels.
        fit: "middle" scales the shorter side and crops the middle square; "whole" keeps all of the picture in its own
            shape, with about as many pixels as the square, for backbones that average over the picture.

    Returns:
        float32 (T, 3, S, S), or (T, 3, H', W') of multiples of 32 where the whole is kept; channels-last in memory, as
        convolutions on a CPU like it.

    Raises:
        ValueError: frames are of another shape or dtype, or `fit` is none of the two.
    """
    if frames.ndim != 4 or frames.shape[1] != 3 or frames.dtype != torch.uint8:
        raise ValueError(f"frames must be uint8 (T, 3, H, W), got {frames.dtype} {tuple(frames.shape)}")
    if fit not in FITS:
        raise ValueError(f"fit must be one of {', '.join(FITS)}, got {fit!r}")
    if fit == "whole":
        frames = transform.resize(frames, whole_size(frames.shape[2], frames.shape[3], size), antialias=True)
    else:
        if min(frames.shape[2:]) != size:
            frames = transform.resize(frames, [size], antialias=True)
        frames = transform.center_crop(frames, [size, size])
    scaled = (frames.float() / 255 - MEAN) / STD
    return scaled.contiguous(memory_format=torch.channels_last)


def prepare_views(frames: Tensor, size: int, *, fit: str) -> list[Tensor]:
    """What a network looks at to see frames: one view of them, or where `fit` is "both" the middle and the whole.

    The middle is larger and the whole holds what stands at the sides. Of a square picture both are the same, so there
    is one view of it. Arguments, returned tensors and errors as in `prepare_frames`.
    """
    if fit not in VIEWS:
        raise ValueError(f"fit must be one of {', '.join(VIEWS)}, got {fit!r}")
    square = frames.ndim == 4 and frames.shape[2] == frames.shape[3]
    return [prepare_frames(frames, size, fit=each) for each in VIEWS[fit][: 1 if square else None]]


def whole_size(height: int, width: int, side: int) -> list[int]:
    """Height and width nearest to the shape of a picture with about `side` * `side` pixels, in multiples of 32."""
    scale = side / (height * width) ** 0.5
    return [max(round(length * scale / _STRIDE), 1) * _STRIDE for length in (height, width)]
