"""Animated WebP, which FFmpeg cannot read: decoded by Pillow and handed on as a lossless video in memory."""

from __future__ import annotations

import io
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from indexer.media.files import open_file

if TYPE_CHECKING:
    from indexer.media.files import OpenFile
    from store.types import FileIdentity

_ANIMATED = 0x02  # of the flags in the extended header
_UNSAID_MS = 100  # duration of a frame that has none, as browsers show it


def is_animated_webp(file: OpenFile) -> bool:
    """Whether an open file is a WebP with several pictures."""
    head = file.read_at(0, 21)
    return head[:4] == b"RIFF" and head[8:16] == b"WEBPVP8X" and len(head) > 20 and bool(head[20] & _ANIMATED)


@lru_cache(1)
def webp_as_video(path: Path, identity: FileIdentity) -> bytes:
    """Return an animated WebP as Matroska.

    Args:
        path: of the file.
        identity: of the file, by which the last one is remembered.

    Raises:
        OSError, ValueError, SyntaxError: it is damaged.
    """
    import av
    from PIL import Image, ImageSequence

    output = io.BytesIO()
    with (
        open_file(path) as file,
        Image.open(file, formats=("WEBP",)) as picture,  # type: ignore[arg-type]
        av.open(output, "w", format="matroska") as container,
    ):
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height = picture.size
        opaque = picture.mode == "RGB"
        stream.pix_fmt = "bgr0" if opaque else "bgra"
        stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        at = 0
        for one in ImageSequence.Iterator(picture):
            pixels = np.asarray(one.convert("RGB" if opaque else "RGBA"))
            frame = av.VideoFrame.from_ndarray(pixels, "rgb24" if opaque else "rgba")
            duration = int(one.info.get("duration") or _UNSAID_MS)
            frame.pts, frame.time_base = at, stream.time_base
            for packet in stream.encode(frame):
                packet.duration = duration
                container.mux(packet)
            at += duration
        container.mux(stream.encode(None))
    return output.getvalue()
