"""Decoded frames -> network inputs: resize, crop, normalize."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

MEAN = STD = 0.5  # pixels 0..255 become -1..1

FITS = ("middle", "whole")
VIEWS = {"middle": ("middle",), "whole": ("whole",), "both": FITS}
_STRIDE = 32  # output stride of convolutional networks, pixels


def prepare_frames(frames: NDArray[np.uint8], size: int, *, fit: str = "middle") -> NDArray[np.float32]:
    """Resize frames to the input size of a network, and normalize them to -1..1.

    Args:
        frames: uint8 (T, 3, H, W), RGB.
        size: side S of the square that the backbone was trained on, pixels.
        fit: "middle" scales the shorter side to S and crops the middle square; "whole" keeps the whole picture and its
            aspect ratio, with about S * S pixels, for backbones that average over the picture.

    Returns:
        float32 (T, 3, S, S), or for "whole" (T, 3, H', W'), multiples of 32.

    Raises:
        ValueError: frames have another shape or dtype, or `fit` is neither of the two.
    """
    if frames.ndim != 4 or frames.shape[1] != 3 or frames.dtype != np.uint8:
        raise ValueError(f"frames must be uint8 (T, 3, H, W), got {frames.dtype} {frames.shape}")
    if fit not in FITS:
        raise ValueError(f"fit must be one of {', '.join(FITS)}, got {fit!r}")
    height, width = frames.shape[2:]
    if fit == "whole":
        target, box = whole_size(height, width, size), (0.0, 0.0, float(width), float(height))
    else:
        target, box = (size, size), _middle(height, width, size)
    pictures = np.empty((len(frames), *target, 3), np.uint8)
    for picture, frame in zip(pictures, frames.transpose(0, 2, 3, 1), strict=True):
        # Resize only the cropped part.
        image = Image.fromarray(np.ascontiguousarray(frame))
        picture[:] = np.asarray(image.resize(target[::-1], Image.Resampling.BILINEAR, box=box))
    pixels = pictures.transpose(0, 3, 1, 2).astype(np.float32)
    pixels /= np.float32(255 * STD)
    pixels -= np.float32(MEAN / STD)
    return pixels


def prepare_views(frames: NDArray[np.uint8], size: int, *, fit: str) -> list[NDArray[np.float32]]:
    """Prepare one view of frames or, if `fit` is "both", two: the middle and the whole.

    The middle shows more detail, the whole also shows the sides. For square frames they are equal, so one is made.
    Arguments, returned arrays and errors are those of `prepare_frames`.
    """
    if fit not in VIEWS:
        raise ValueError(f"fit must be one of {', '.join(VIEWS)}, got {fit!r}")
    square = frames.ndim == 4 and frames.shape[2] == frames.shape[3]
    return [prepare_frames(frames, size, fit=each) for each in VIEWS[fit][: 1 if square else None]]


def whole_size(height: int, width: int, side: int) -> tuple[int, int]:
    """Return a height and a width in multiples of 32, of about this aspect ratio and about `side` * `side` pixels."""
    scale = side / (height * width) ** 0.5
    rows, columns = (max(round(length * scale / _STRIDE), 1) * _STRIDE for length in (height, width))
    return rows, columns


def _middle(height: int, width: int, size: int) -> tuple[float, float, float, float]:
    """The box (left, top, right, bottom) in source pixels of the middle square of the picture scaled to `size`."""
    scaled = (int(size * height / min(height, width)), int(size * width / min(height, width)))
    top, left = (round((length - size) / 2) for length in scaled)
    down, across = height / scaled[0], width / scaled[1]
    return left * across, top * down, (left + size) * across, (top + size) * down
