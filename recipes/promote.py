"""A checkpoint whose direct reader of frames now feeds the Transformers, with a fresh one beside it.

    python -m recipes.promote --checkpoint read --out promoted

The reader puts frames where their captions are. As the frame projection it hands the temporal model and BERT tokens
that already are in that space, about as long as those of words: beside longer ones, BERT would see neither positions
nor words. The projection of their mean begins at the identity, times what makes up for that. The fresh reader begins at
random, to learn for itself.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from torch import nn

from model.network import checkpoint
from model.network.heads import FrameReader
from model.network.videobert import VideoBertModel

_FRAMES = 256  # drawn from the inputs' mean and deviation, to measure tokens by


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
    torch.manual_seed(seed)
    model.eval()  # type: ignore[no-untyped-call]
    tokens = model.frame_projection
    assert isinstance(tokens, FrameReader)
    tokens.load_state_dict(model.glance.read.state_dict())
    frames = tokens.mean + tokens.deviation * torch.randn(_FRAMES, len(tokens.mean))
    words = model.bert.embeddings.word_embeddings.weight
    shorter = float(words.norm(dim=-1).mean() / tokens(frames).norm(dim=-1).mean())
    for layer in (tokens.narrow, tokens.path):
        layer.weight.mul_(shorter)
        layer.bias.mul_(shorter)
    model.frame_gain.mul_(shorter)
    model.retrieval.frames.weight.copy_(torch.eye(len(model.retrieval.frames.weight)) / shorter)
    nn.init.zeros_(model.retrieval.frames.bias)
    model.glance = VideoBertModel(config).glance
    return model


if __name__ == "__main__":
    main()
