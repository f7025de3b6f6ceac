"""Draw the visual words of a checkpoint: one row per word with the photos nearest to its centroid.

    python -m recipes.contact_sheet --checkpoint videobert-mini --media photos --captions captions.jsonl --out sheet.png

After the figure of cluster centroids in Sun et al., ICCV 2019. The most frequent words are drawn.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageOps

from indexer.features.examples import PHOTO_ENDINGS, photo_frame, read_photo
from model.encoder.load import load_videobert
from model.training.dataset import read_captions

TILE = 112  # pixels, a square
MARGIN = 44  # pixels left of a row, for the number of its word


def nearest_members(
    features: NDArray[np.float16], words: NDArray[np.int64], centroids: NDArray[np.float32], *, rows: int, columns: int
) -> list[tuple[int, list[int]]]:
    """Find the most frequent words, and the members nearest to their centroids.

    Args:
        features: (N, F).
        words: (N,), the word of each feature.
        centroids: (W, F).
        rows: maximum number of words.
        columns: maximum number of members per word.

    Returns:
        Pairs of a word and indices into `features`, nearest first.
    """
    counts = np.bincount(words, minlength=len(centroids))
    chosen = [int(word) for word in np.argsort(-counts, kind="stable")[:rows] if counts[word]]
    nearest = []
    for word in chosen:
        members = np.flatnonzero(words == word)
        distances = np.square(features[members].astype(np.float32) - centroids[word]).sum(axis=1)
        nearest.append((word, members[np.argsort(distances, kind="stable")[:columns]].tolist()))
    return nearest


def sheet(rows: Sequence[tuple[int, Sequence[Image.Image]]]) -> Image.Image:
    """Draw one row per word, with its number on the left."""
    width = MARGIN + TILE * max(len(pictures) for _, pictures in rows)
    drawn = Image.new("RGB", (width, TILE * len(rows)), "white")
    pen = ImageDraw.Draw(drawn)
    for row, (word, pictures) in enumerate(rows):
        pen.text((6, row * TILE + TILE // 2 - 6), str(word), fill="black")
        for column, picture in enumerate(pictures):
            drawn.paste(picture.resize((TILE, TILE)), (MARGIN + column * TILE, row * TILE))
    return drawn


def main() -> None:
    """Parse arguments, compute features of the photos, and write the sheet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--media", type=Path, required=True)
    parser.add_argument("--captions", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--words", type=int, default=24, help="rows of the sheet")
    parser.add_argument("--photos", type=int, default=8, help="columns of the sheet")
    args = parser.parse_args()
    encoder = load_videobert(args.checkpoint)
    if not encoder.model.config.visual_branching:
        raise SystemExit(f"{args.checkpoint} has no visual words")
    rows, _ = read_captions(args.captions)
    paths = [args.media / row.media for row in rows if Path(row.media).suffix.lower() in PHOTO_ENDINGS]

    features = np.concatenate([encoder.features(photo_frame(read_photo(path))) for path in paths])
    tree = encoder.model.visual_words
    with torch.inference_mode():
        words = tree(torch.from_numpy(features).to(encoder.device)).cpu().numpy()
    centroids = tree.centroids.cpu().numpy()
    found = nearest_members(features, words, centroids, rows=args.words, columns=args.photos)
    square = (encoder.model.config.image_size,) * 2
    pictures = [(word, [ImageOps.fit(read_photo(paths[i]), square) for i in members]) for word, members in found]
    sheet(pictures).save(args.out)


if __name__ == "__main__":
    main()
