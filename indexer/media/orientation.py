"""How a coded picture is turned and mirrored to stand upright: the display matrix of a stream, in all its eight cases.

Every reader of this package asks here, so that features, thumbnails, stills, cuts and previews agree whatever the
container. The matrix is the one of ISO/IEC 14496-12; FFmpeg gives frames that of MP4 and QuickTime, of the projection
of Matroska and WebM, and of H.264 and HEVC themselves.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from av import VideoFrame

_ONE = 2**16  # of the 16.16 numbers of a matrix
_CORNER = 2**30  # the last number of a matrix, 2.30


@dataclass(frozen=True)
class Orientation:
    """A coded picture is mirrored left to right first, where it is, and turned then."""

    rotation: int  # clockwise degrees: 0, 90, 180 or 270
    mirrored: bool

    @classmethod
    def of(cls, frame: VideoFrame) -> Self:
        """Read the matrix of a decoded frame; one that turns by other angles counts as the nearest of the eight."""
        data: Any = frame.side_data.get("DISPLAYMATRIX")
        if data is None:
            return cls(0, mirrored=False)
        right_x, right_y, _, down_x, down_y, *_ = struct.unpack("=9i", memoryview(data))
        mirrored = right_x * down_y < right_y * down_x
        if mirrored:
            right_x, right_y = -right_x, -right_y
        angle = math.degrees(math.atan2(right_y - down_x, right_x + down_y))
        return cls(round(angle / 90) * 90 % 360, mirrored=mirrored)

    @property
    def sideways(self) -> bool:
        """Whether width and height change places."""
        return self.rotation in (90, 270)

    def upright(self, picture: NDArray[Any]) -> NDArray[Any]:
        """A coded picture (H, W, C) as it is shown, a view of it."""
        return np.rot90(picture[:, ::-1] if self.mirrored else picture, -(self.rotation // 90))

    def matrix(self) -> tuple[int, ...]:
        """The nine numbers of a display matrix."""
        cosine, sine = ((1, 0), (0, 1), (-1, 0), (0, -1))[self.rotation // 90]
        side = -1 if self.mirrored else 1
        return side * cosine * _ONE, side * sine * _ONE, 0, -sine * _ONE, cosine * _ONE, 0, 0, 0, _CORNER
