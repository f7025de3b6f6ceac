"""Frames that show nothing: black, one colour, snow, test cards. They are alike in all films, and mean nothing.

The catalog holds features, not pictures, so such pictures are painted and looked at by the same network; a frame whose
features are nearly those of one of them shows nothing either.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from model.encoder.videobert import Encoder

# Cosine with a painted picture. `python -m benchmarks.duplicates blank` prints what it catches and what it spares.
NEARLY = 0.82

_HEIGHT, _WIDTH = 224, 398  # pixels, 16 : 9 at the size that frames are decoded to
_GREYS = (0, 8, 16, 32, 64, 96, 128, 160, 192, 224, 235, 255)
_COLOURS = ((255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (0, 255, 255), (255, 0, 255), (0, 0, 96))
_BARS = np.array([(1, 1, 1), (1, 1, 0), (0, 1, 1), (0, 1, 0), (1, 0, 1), (1, 0, 0), (0, 0, 1), (0, 0, 0)])


@lru_cache(maxsize=1)
def blank_features(encoder: Encoder) -> NDArray[np.float16]:
    """What the network makes of pictures that show nothing: (B, F), kept while the same encoder is asked for."""
    frames = np.stack([np.broadcast_to(one, (_HEIGHT, _WIDTH, 3)).transpose(2, 0, 1) for one in _pictures()])
    clips = np.repeat(np.ascontiguousarray(frames), encoder.clip_frames, axis=0)
    return encoder.features(clips)[:: encoder.clip_frames]


def blank(rows: NDArray[np.float32], painted: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which frames show nothing.

    Args:
        rows: float32 (T, F), unit rows.
        painted: float32 (B, F), unit rows of pictures that show nothing, centred in the same way.

    Returns:
        bool (T,).
    """
    return np.asarray((rows @ painted.T).max(axis=1) >= NEARLY)


def _pictures() -> Iterator[NDArray[np.uint8]]:
    """Pictures that broadcast to (H, W, 3)."""
    for colour in (*((grey, grey, grey) for grey in _GREYS), *_COLOURS):
        yield np.array(colour, np.uint8)[None, None]
    for grain in (1, 2, 4):
        noise = np.random.default_rng(0).integers(0, 256, (-(-_HEIGHT // grain), -(-_WIDTH // grain), 1), np.uint8)
        yield noise.repeat(grain, axis=0).repeat(grain, axis=1)[:_HEIGHT, :_WIDTH]
    for level in (191, 255):
        yield _columns(_BARS * level)
        yield _columns(_BARS[:7] * level)
        yield _card(level)
    yield np.linspace(0, 255, _WIDTH).astype(np.uint8)[None, :, None]
    yield _grid()


def _columns(colours: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Upright bars of equal width: (1, W, 3)."""
    which = np.arange(_WIDTH) * len(colours) // _WIDTH
    return colours[which].astype(np.uint8)[None]


def _card(level: int) -> NDArray[np.uint8]:
    """Bars as SMPTE EG 1 has them: seven colours, below them a row of blues, below that steps of grey."""
    picture = np.broadcast_to(_columns(_BARS[:7] * level), (_HEIGHT, _WIDTH, 3)).copy()
    top, bottom = round(_HEIGHT * 0.67), round(_HEIGHT * 0.75)
    picture[top:bottom] = _columns(_BARS[[6, 7, 4, 7, 2, 7, 0]] * level)
    steps = [(0, 33, 76), (255, 255, 255), (50, 0, 106), (19, 19, 19), (9, 9, 9), (19, 19, 19)]
    picture[bottom:] = _columns(np.array(steps))
    return picture


def _grid() -> NDArray[np.uint8]:
    """White lines on grey, and a circle."""
    picture = np.full((_HEIGHT, _WIDTH, 3), 96, np.uint8)
    picture[::28] = picture[:, ::28] = 255
    down, across = np.ogrid[:_HEIGHT, :_WIDTH]
    distance = np.hypot(down - _HEIGHT / 2, across - _WIDTH / 2)
    picture[abs(distance - 100) < 3] = 255
    return picture
