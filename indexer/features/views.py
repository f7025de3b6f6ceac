"""Other looks at a query clip, for what was done to a copy of a video: mirrored, framed by bars, filmed from a screen.

Bars change what a network sees of a picture more than a new encoding does, so a clip is looked at without them as well.
The picture behind them is larger then, as it is in the video that the library holds. Of a screen that was filmed, the
middle alone is looked at too, where the screen mostly stands.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexer.features.extraction import in_clips
from indexer.media.frames import Frames
from model.encoder.contract import Encoder

_DARK = 32  # of 255: black as video means it, with the ringing of an encoder
_NARROWEST = 0.03  # of the picture's side; what is narrower makes no difference
_MOST = 0.8  # of the side that bars may take together
_CLOSE = 0.6  # of the picture's sides that are left of it from close by
_LOOKED_AT = 64  # frames from the beginning that decide where the bars are


@dataclass(frozen=True)
class View:
    """A clip as it looks after something was undone."""

    features: NDArray[np.float16]  # (T, F)
    embeddings: NDArray[np.float32]  # (N, D), one a segment, unit length
    mirrored: bool
    trimmed: bool  # bars were cut away
    close: bool  # only the middle of the picture


class Views:
    """Looks at frames on their way to whoever looks at them as they are."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._features: dict[tuple[bool, bool, bool], list[NDArray[np.float16]]] = {}
        self._picture: tuple[slice, slice] | None = None  # what the bars leave of the rows and columns
        self._decided = False

    def watching(self, stream: Iterable[tuple[Frames, Sequence[bool]]]) -> Iterator[tuple[Frames, list[bool]]]:
        """Chunks of frames, each looked at before it is handed on."""
        for frames, cuts in in_clips(stream, self._encoder.clip_frames):
            if not self._decided:
                self._picture, self._decided = inside_bars(frames.data[:_LOOKED_AT]), True
            self._look(frames.data, trimmed=False)
            if self._picture is not None:
                self._look(frames.data[:, :, *self._picture], trimmed=True)
            self._keep(_middle(frames.data), close=True)
            yield frames, cuts

    def seen(self, lengths: Sequence[int]) -> tuple[View, ...]:
        """The views of a clip whose segments have so many frames each."""
        return tuple(self._view(*which, lengths) for which in self._features)

    def _look(self, data: NDArray[np.uint8], *, trimmed: bool) -> None:
        if trimmed:
            self._keep(data, trimmed=True)
        self._keep(data[..., ::-1], mirrored=True, trimmed=trimmed)

    def _keep(
        self, data: NDArray[np.uint8], *, mirrored: bool = False, trimmed: bool = False, close: bool = False
    ) -> None:
        features = self._encoder.features(np.ascontiguousarray(data))
        self._features.setdefault((mirrored, trimmed, close), []).append(features)

    def _view(self, mirrored: bool, trimmed: bool, close: bool, lengths: Sequence[int]) -> View:
        features = np.concatenate(self._features[mirrored, trimmed, close])
        parts = np.split(features, np.cumsum(lengths)[:-1])
        embeddings = self._encoder.embed_segments(parts, [""] * len(parts))
        return View(features, embeddings, mirrored, trimmed, close)


def _middle(data: NDArray[np.uint8]) -> NDArray[np.uint8]:
    top, left = (round(side * (1 - _CLOSE) / 2) for side in data.shape[2:])
    return data[:, :, top : data.shape[2] - top, left : data.shape[3] - left]


def inside_bars(data: NDArray[np.uint8]) -> tuple[slice, slice] | None:
    """The rows and columns of a picture that black bars leave free; None where there are none.

    Args:
        data: uint8 (T, 3, H, W). A row or column is of a bar if it is dark in all frames. A film that is dark all over
            has no bars, for nothing would be left.
    """
    brightest = data.max(axis=(0, 1))  # (H, W)
    rows, columns = _lit(brightest, axis=1), _lit(brightest, axis=0)
    if rows is None or columns is None:
        return None
    height, width = brightest.shape
    whole = (
        rows.stop - rows.start > (1 - _NARROWEST) * height and columns.stop - columns.start > (1 - _NARROWEST) * width
    )
    return None if whole else (rows, columns)


def _lit(brightest: NDArray[np.uint8], axis: int) -> slice | None:
    """From the first to the last line of pixels that is not dark; None where too few are left.

    A line counts as dark if nine tenths of it are, for a logo or a subtitle may stand on a bar.
    """
    lit = np.flatnonzero(np.quantile(brightest, 0.9, axis=axis) > _DARK)
    if not len(lit) or lit[-1] + 1 - lit[0] < (1 - _MOST) * brightest.shape[1 - axis]:
        return None
    return slice(int(lit[0]), int(lit[-1]) + 1)
