"""Compute training examples from captioned photos and clips: frame features, each file once.

A photo imitates a clip by a moving camera: the whole photo, then random crops. Child processes decode clips.
"""

from __future__ import annotations

import io
import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter, UnidentifiedImageError
from safetensors import safe_open
from safetensors.numpy import save_file

from indexer.features.extraction import whole_clips
from indexer.media.container import MediaError
from indexer.workers.decoders import Decoders
from model.encoder.batches import one_per_clip
from model.encoder.contract import Encoder
from model.encoder.videobert import VideoBertEncoder
from model.training.dataset import Captioned, Example
from store.types import same_features

PHOTO_ENDINGS = {".jpg", ".jpeg", ".png", ".webp", ".bmp"}
_MIN_CROP = 0.3  # share of a photo's area


def look_at(
    rows: Sequence[Captioned],
    folder: Path,
    encoder: VideoBertEncoder,
    *,
    views: int,
    seed: int = 0,
    tell: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[list[Example], list[str]]:
    """Compute the examples of a captions file's rows.

    Args:
        folder: that the rows' `media` are relative to.
        views: frames per photo.
        tell: called with the numbers of rows done and of all rows.

    Returns:
        examples in the order of the rows, and a message for every unreadable row.
    """
    rng = random.Random(seed)
    examples: list[Example] = []
    problems: list[str] = []
    with Decoders(workers=1, fps=encoder.fps) as decoders:
        for done, row in enumerate(rows, start=1):
            path = folder / row.media
            try:
                if row.following or path.suffix.lower() in PHOTO_ENDINGS:
                    pictures = [path, *(folder / file for file in row.following)]
                    features = np.concatenate([_photo_features(picture, views, encoder, rng) for picture in pictures])
                else:
                    features = _clip_features(path, row, decoders, encoder)
                examples.append(Example(features, row.captions, row.label, row.media, row.start, row.soft_labels))
            except (MediaError, OSError, UnidentifiedImageError) as error:
                problems.append(f"{row.media}: {error}")
            tell(done, len(rows))
    return examples, problems


def _photo_features(path: Path, views: int, encoder: VideoBertEncoder, rng: random.Random) -> NDArray[np.float16]:
    """Compute features of the photo and of random crops: float16 (views, F)."""
    photo = read_photo(path)
    frames = [photo_frame(photo)]
    if views > 1:
        parts = photo_parts(photo, views - 1, encoder.model.config.image_size, rng)
        # Views are no sequence, so they must not share a clip.
        frames += [parts] if encoder.clip_frames == 1 else np.split(parts, views - 1)
    return np.concatenate([encoder.features(part) for part in frames])


def read_photo(path: Path) -> Image.Image:
    """Read a photo as RGB. Raises OSError or UnidentifiedImageError."""
    with Image.open(path) as file:
        return file.convert("RGB")


def photo_frame(photo: Image.Image) -> NDArray[np.uint8]:
    """Convert a photo to one frame: uint8 (1, 3, H, W)."""
    return np.ascontiguousarray(np.asarray(photo).transpose(2, 0, 1))[None]


def photo_parts(photo: Image.Image, parts: int, size: int, rng: random.Random) -> NDArray[np.uint8]:
    """Crop a photo at random, and mirror, blur, compress or darken some crops: uint8 (parts, 3, size, size)."""
    boxes = [_part(photo, rng) for _ in range(parts)]
    pictures = [photo.resize((size, size), Image.Resampling.BILINEAR, box=box) for box in boxes]
    return np.stack([_like_video(picture, rng).transpose(2, 0, 1) for picture in pictures])


def _like_video(picture: Image.Image, rng: random.Random) -> NDArray[np.uint8]:
    if rng.random() < 0.5:
        picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if rng.random() < 0.3:
        picture = picture.filter(ImageFilter.GaussianBlur(rng.uniform(0.5, 2)))
    if rng.random() < 0.3:
        stored = io.BytesIO()
        picture.save(stored, "JPEG", quality=rng.randint(15, 60))
        picture = Image.open(stored).convert("RGB")
    pixels = np.asarray(picture)
    if rng.random() < 0.4:
        lit = pixels.astype(np.float32) * rng.uniform(0.6, 1.3) + rng.uniform(-20, 20)
        pixels = lit.clip(0, 255).astype(np.uint8)
    return pixels


def _part(photo: Image.Image, rng: random.Random) -> tuple[float, float, float, float]:
    side = rng.uniform(_MIN_CROP, 1.0) ** 0.5
    stretch = rng.uniform(0.75, 1.33)
    width, height = photo.width * min(1.0, side * stretch), photo.height * min(1.0, side / stretch)
    left, top = rng.uniform(0, photo.width - width), rng.uniform(0, photo.height - height)
    return left, top, left + width, top + height


def _clip_features(path: Path, row: Captioned, decoders: Decoders, encoder: Encoder) -> NDArray[np.float16]:
    chunks = [
        encoder.features(frames.data)
        for stream in decoders.streams([path], start_seconds=row.start, end_seconds=row.end)
        for frames, _ in whole_clips(stream, encoder.clip_frames)
    ]
    if not chunks:
        raise MediaError("no frame between the given times", stage="decode")
    return one_per_clip(np.concatenate(chunks), encoder.clip_frames)


def save_examples(path: Path, examples: Sequence[Example], problems: Sequence[str], *, key: str) -> None:
    """Save examples to a file, atomically; `key` identifies their captions and backbone."""
    features = np.concatenate([example.features for example in examples])
    rows = [(len(e.features), e.captions, e.label, e.media, e.start, dict(e.soft_labels)) for e in examples]
    metadata = {"key": key, "rows": json.dumps(rows), "problems": json.dumps(list(problems))}
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    save_file({"features": features}, part, metadata=metadata)
    part.replace(path)


def load_examples(path: Path, *, key: str) -> tuple[list[Example], list[str]]:
    """Load examples saved by `save_examples`.

    Raises:
        ValueError: their key differs.
    """
    with safe_open(path, framework="numpy") as file:
        metadata, features = file.metadata(), file.get_tensor("features")
    if not same_features(metadata["key"], key):
        raise ValueError(f"{path} was made from other captions or by another backbone; delete it or name another file")
    rows = json.loads(metadata["rows"])
    parts = np.split(features, np.cumsum([length for length, *_ in rows])[:-1])
    examples = [
        Example(part, tuple(captions), *rest)  # label, media, start, soft labels
        for part, (_, captions, *rest) in zip(parts, rows, strict=True)
    ]
    return examples, json.loads(metadata["problems"])
