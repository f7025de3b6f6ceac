"""Let subtitles count for more, or less, in a segment's embedding.

    python -m recipes.subtitle_weight --checkpoint headed --factor 1.75 --out videobert-mini

A segment's point is that of its frames plus the projection of its words. Training mixes right subtitles with wrong ones
and so settles on little; the indexer lets words count only as far as they describe the picture, so they may count more.
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
