"""A still picture from a file, turned as its EXIF says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from indexer.media.container import MediaError
from indexer.media.files import open_file

_LONGEST_SIDE = 1024  # pixels that are kept: more than any model looks at
# Formats of photos and screenshots; others of Pillow's are rare and some start programs of their own.
_FORMATS = ("AVIF", "BMP", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP")


def read_pixels(path: Path) -> NDArray[np.uint8]:
    """Decode a picture, or the first one of several: uint8 (3, H, W), RGB, its longer side at most 1024 pixels.

    Raises:
        MediaError: the file is no picture, or it is one that cannot be decoded.
    """
    try:
        with open_file(path) as file, Image.open(file, formats=_FORMATS) as opened:  # type: ignore[arg-type]
            opened.draft("RGB", (_LONGEST_SIDE, _LONGEST_SIDE))
            picture = ImageOps.exif_transpose(opened).convert("RGB")
            picture.thumbnail((_LONGEST_SIDE, _LONGEST_SIDE))
    except UnidentifiedImageError:
        raise MediaError("it cannot be read as a picture: the format is unknown", stage="open") from None
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise MediaError(f"it cannot be read as a picture: {error}", stage="decode") from error
    return np.ascontiguousarray(np.asarray(picture).transpose(2, 0, 1))
