"""Scale the weight of subtitles in a segment's embedding.

    python -m recipes.subtitle_weight --checkpoint headed --factor 1.75 --out videobert-mini

A segment's embedding is that of its frames plus the projection of its subtitles. Training mixes right and wrong
subtitles and learns a small weight; the indexer weights subtitles by how well they describe the frames, so the weight
can be larger.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from model.network import checkpoint


def main() -> None:
    """Read the arguments and write the checkpoint."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--factor", type=float, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    model, tokenizer = checkpoint.load(args.checkpoint)
    with torch.no_grad():
        for parameter in model.retrieval.subtitles.parameters():
            parameter.mul_(args.factor)
    checkpoint.save(model, tokenizer, args.out)


if __name__ == "__main__":
    main()
