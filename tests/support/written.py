"""Videos with text in the picture: drawn in some font, size and colour, turned, moving or blurred."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class Sign:
    """A text and when and how it is shown.

    Attributes:
        text: of one line.
        start: seconds.
        end: seconds.
        place: of its upper left corner, pixels.
        size: of the font, pixels.
        color: of its letters.
        turned: degrees, counter-clockwise.
        speed: pixels a second, across and down.
        blur: radius in pixels.
        edge: width in pixels of a line around its letters, as captions have it, black or white.
    """

    text: str
    start: float = 0.0
    end: float = 1e9
    place: tuple[int, int] = (40, 40)
    size: int = 32
    color: tuple[int, int, int] = (255, 255, 255)
    turned: float = 0.0
    speed: tuple[float, float] = (0.0, 0.0)
    blur: float = 0.0
    edge: int = 0

    def image(self) -> Image.Image:
        """The sign alone, RGBA."""
        font = _font("" if self.text.isascii() else CHINESE or "", self.size)
        left, top, right, bottom = font.getbbox(self.text)
        room = 4 + self.edge
        size = (int(right - left) + 2 * room, int(bottom - top) + 2 * room)
        edge = (255, 255, 255) if sum(self.color) < 300 else (0, 0, 0)
        sign = Image.new("RGBA", size, (*(edge if self.edge else self.color), 0))
        style: dict[str, Any] = {"fill": self.color, "stroke_width": self.edge, "stroke_fill": edge}
        ImageDraw.Draw(sign).text((room - left, room - top), self.text, font=font, **style)
        sign = sign.rotate(self.turned, expand=True, resample=Image.Resampling.BICUBIC)
        return sign.filter(ImageFilter.GaussianBlur(self.blur)) if self.blur else sign

    def draw(self, picture: Picture, seconds: float) -> Picture:
        """Draw it on a picture as it is at some time."""
        if not self.start <= seconds < self.end:
            return picture
        since = seconds - self.start
        at = (round(self.place[0] + since * self.speed[0]), round(self.place[1] + since * self.speed[1]))
        drawn, sign = Image.fromarray(picture), self.image()
        drawn.paste(sign.convert("RGB"), at, sign)
        return np.asarray(drawn)


def painted(signs: Sequence[Sign], background: Callable[[int], Picture], fps: float) -> Callable[[int], Picture]:
    """What `tests.support.media.render` paints: signs over a background."""

    def paint(index: int) -> Picture:
        picture = background(index)
        for sign in signs:
            picture = sign.draw(picture, index / fps)
        return picture

    return paint


def find_font(language: str) -> str | None:
    """A file of a font for a language, None where fontconfig knows none."""
    try:
        found = subprocess.run(
            ["fc-list", f":lang={language}", "file"], capture_output=True, text=True, check=True
        ).stdout.splitlines()
    except (OSError, subprocess.CalledProcessError):
        return None
    return min((line.rstrip(": ") for line in found), default=None)


@cache
def _font(path: str, size: int) -> ImageFont.FreeTypeFont:
    if path:
        return ImageFont.truetype(path, size)
    built_in = ImageFont.load_default(size)
    assert isinstance(built_in, ImageFont.FreeTypeFont)
    return built_in


CHINESE = find_font("zh")
needs_ocr = pytest.mark.skipif(find_spec("rapidocr") is None, reason="rapidocr is not installed")
