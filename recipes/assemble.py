"""Second stage of videobert-mini: an untrained checkpoint from its parts, for `videobert train` to start from.

    python -m recipes.assemble --bert all-MiniLM-L6-v2 --backbone backbone.safetensors --out start

`--bert` is a folder with `model.safetensors` and `tokenizer.json` of all-MiniLM-L6-v2 (Apache-2.0). The backbone is the
result of `recipes.distil_backbone`, or that of a checkpoint whose `model.safetensors` is named. Everything else is
initialised at random.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from safetensors.torch import load_file

from model import checkpoint
from model.text import TextTokenizer
from model.videobert import VideoBertConfig, VideoBertModel

_POSITIONS = 128  # of words, frames and marks together, 75 at most; BERT's 512 would be 0.3 MB more
_BACKBONE = "backbone."  # how a checkpoint calls it


def main() -> None:
    """Read the arguments and write the checkpoint."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bert", type=Path, required=True)
    parser.add_argument("--backbone", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    model = VideoBertModel(VideoBertConfig(max_position_embeddings=_POSITIONS))
    model.load_bert(args.bert)
    weights = load_file(args.backbone)
    if any(name.startswith(_BACKBONE) for name in weights):
        weights = {name.removeprefix(_BACKBONE): part for name, part in weights.items() if name.startswith(_BACKBONE)}
    model.backbone.load_state_dict(weights)
    checkpoint.save(model, TextTokenizer.from_folder(args.bert), args.out)


if __name__ == "__main__":
    main()
