"""Turn a checkpoint's direct frame head into its frame projection, and add a new direct frame head.

    python -m recipes.promote --checkpoint read --out promoted

The head embeds frames near their captions. As the frame projection it gives the temporal model and BERT tokens in that
space, scaled to about the norm of word tokens: longer ones would dominate positions and words in BERT. The projection
of their mean starts as the identity times the inverse of that scale. The new head is randomly initialized.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from torch import nn

from model.network import checkpoint
from model.network.heads import FrameReader
from model.network.videobert import VideoBertModel

_FRAMES = 256  # random inputs with the stored mean and deviation, to measure the norm of tokens


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
    """Move the direct frame head; ValueError if there is none or its width differs from the frame projection's."""
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
