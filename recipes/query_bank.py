"""Add a query bank to a checkpoint: embeddings of training captions, from which search computes hubness.

    python -m recipes.query_bank --checkpoint trained --captions captions.jsonl --out videobert-mini

It has one caption of each of `--count` random rows (querybank normalization, Bogolin et al., CVPR 2022). The text of
the captions is not stored.
"""

from __future__ import annotations

import argparse
import random
from pathlib import Path

import torch

from model.network import checkpoint
from model.network.tokenizer import TextTokenizer
from model.network.videobert import VideoBertModel
from model.training.dataset import read_captions
from recipes.assemble import embedded

_AT_ONCE = 64


def main() -> None:
    """Read the arguments and write the checkpoint."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("checkpoint", "captions", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    rows, _ = read_captions(args.captions)
    captions = [row.captions for row in rows if row.captions]
    rng = random.Random(args.seed)
    drawn = [rng.choice(texts) for texts in rng.sample(captions, min(args.count, len(captions)))]
    model, tokenizer = checkpoint.load(args.checkpoint)
    give_query_bank(model, tokenizer, drawn)
    checkpoint.save(model, tokenizer, args.out)


def give_query_bank(model: VideoBertModel, tokenizer: TextTokenizer, captions: list[str]) -> None:
    """Replace the model's query bank by the embeddings of these captions."""
    parts = [captions[first : first + _AT_ONCE] for first in range(0, len(captions), _AT_ONCE)]
    bank = torch.cat([embedded(model, tokenizer, part) for part in parts])
    model.register_buffer("query_bank", bank)
    model.config.query_bank_size = len(bank)


if __name__ == "__main__":
    main()
