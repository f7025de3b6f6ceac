"""A checkpoint whose direct reader of frames now feeds the Transformers, with a fresh one beside it.

    python -m recipes.promote --checkpoint read --out promoted

The reader puts frames where their captions are. As the frame projection it hands the temporal model and BERT tokens
that already are in that space; the projection of their mean begins at the identity. The fresh reader begins at random,
to learn for itself.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from torch import nn

from model.network import checkpoint
from model.network.videobert import VideoBertModel


def main() -> None:
    """Read the arguments and write the checkpoint."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    model, tokenizer = checkpoint.load(args.checkpoint)
    checkpoint.save(promoted(model, seed=args.seed), tokenizer, args.out)


@torch.no_grad()
def promoted(model: VideoBertModel, *, seed: int) -> VideoBertModel:
    """Move the direct reader; ValueError where there is none, or its width is another than the frame projection's."""
    config = model.config
    if not config.glance_width or config.glance_width != config.frame_width:
        raise ValueError(f"glance_width must be frame_width, {config.frame_width}, got {config.glance_width}")
    model.frame_projection.load_state_dict(model.glance.read.state_dict())
    nn.init.eye_(model.retrieval.frames.weight)
    nn.init.zeros_(model.retrieval.frames.bias)
    torch.manual_seed(seed)
    model.glance = VideoBertModel(config).glance
    return model


if __name__ == "__main__":
    main()
