"""A query clip: a video file from anywhere, or a part of it, looked at the way the library's videos were."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from indexer.encode import drafts
from indexer.media import MediaError
from indexer.pipeline import IndexOptions
from indexer.worker import Decoders
from model.encoder import Encoder

_PICTURE_PIXELS = 1024  # longest side that is kept: more than any model looks at


@dataclass(frozen=True)
class Clip:
    """A clip cut into segments, without its words: likeness is a matter of pictures."""

    pts_seconds: NDArray[np.float64]  # (T,), from the beginning of the clip, which may be a part of its file
    features: NDArray[np.float16]  # (T, F)
    lengths: tuple[int, ...]  # frames of each of the N segments, T in all
    embeddings: NDArray[np.float32]  # (N, D), one a segment, unit length


def read_clip(path: Path, encoder: Encoder, *, start: float | None = None, end: float | None = None) -> Clip:
    """Decode a clip in a child process and look at it.

    Args:
        start: seconds; from the beginning where None.
        end: seconds; to the end where None.

    Raises:
        MediaError: the file is missing, is no video, or holds no frame between `start` and `end`.
    """
    if not path.is_file():
        raise MediaError(f"no such file: {path}", stage="open")
    options = IndexOptions()
    with Decoders(workers=1, fps=encoder.fps) as decoders:
        for stream in decoders.streams([path], start_seconds=start, end_seconds=end):
            found = drafts(
                stream,
                encoder,
                duration=stream.header.info.duration if end is None else end,
                max_segment_seconds=options.max_segment_seconds,
            )
    features, mask = encoder.pad_frames([draft.features for draft in found])
    return Clip(
        # The frame on screen at `start` may have appeared a little earlier.
        np.maximum(np.concatenate([draft.pts_seconds for draft in found]) - (start or 0.0), 0.0),
        np.concatenate([draft.features for draft in found]),
        tuple(len(draft.features) for draft in found),
        encoder.embed_segments(features, mask, [""] * len(found)),
    )


def read_picture(path: Path, encoder: Encoder) -> Clip:
    """Look at a still picture as a clip of one frame, turned as its EXIF says.

    Raises:
        MediaError: the file is missing or is no picture.
    """
    if not path.is_file():
        raise MediaError(f"no such file: {path}", stage="open")
    try:
        with Image.open(path) as opened:
            opened.draft("RGB", (_PICTURE_PIXELS, _PICTURE_PIXELS))
            picture = ImageOps.exif_transpose(opened).convert("RGB")
            picture.thumbnail((_PICTURE_PIXELS, _PICTURE_PIXELS))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise MediaError(f"{path} cannot be read as a picture: {error}", stage="decode") from error
    frames = np.repeat(np.asarray(picture).transpose(2, 0, 1)[None], encoder.clip_frames, axis=0)
    features = encoder.features(frames)
    embedding = encoder.embed_segments(*encoder.pad_frames([features]), [""])
    return Clip(np.zeros(len(features)), features, (len(features),), embedding)
