"""A checkpoint from its parts, for `videobert train` to start from.

    python -m recipes.assemble --bert all-MiniLM-L6-v2 --backbone backbone.safetensors --out start
    python -m recipes.assemble --rest trained --backbone refined.safetensors --out start

`--bert` is a folder with `model.safetensors` and `tokenizer.json` of all-MiniLM-L6-v2 (Apache-2.0); everything else is
initialised at random. `--rest` is a checkpoint that keeps all but its backbone and its visual words, which are of what
the backbone saw. The backbone is the result of `recipes.distil_backbone` or `recipes.refine_backbone`, or that of a
checkpoint whose `model.safetensors` is named.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from safetensors.torch import load_file

from model import checkpoint
from model.start import begin
from model.text import TextTokenizer
from model.videobert import VideoBertConfig, VideoBertModel

_POSITIONS = 128  # of words, frames and marks together, 75 at most; BERT's 512 would be 0.3 MB more
_BACKBONE = "backbone."  # how a checkpoint calls it


def main() -> None:
    """Read the arguments and write the checkpoint."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    rest = parser.add_mutually_exclusive_group(required=True)
    rest.add_argument("--bert", type=Path)
    rest.add_argument("--rest", type=Path)
    parser.add_argument("--backbone", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    if args.rest:
        trained, tokenizer = checkpoint.load(args.rest)
        without = {"visual_branching": 0, "visual_depth": 0, "frame_input": "features"}
        model, _ = begin(trained, without, seed=args.seed)
    else:
        model = VideoBertModel(VideoBertConfig(max_position_embeddings=_POSITIONS))
        tokenizer = TextTokenizer.from_folder(args.bert)
        model.load_bert(args.bert)
    weights = load_file(args.backbone)
    if any(name.startswith(_BACKBONE) for name in weights):
        weights = {name.removeprefix(_BACKBONE): part for name, part in weights.items() if name.startswith(_BACKBONE)}
    model.backbone.load_state_dict(weights)
    checkpoint.save(model, tokenizer, args.out)


if __name__ == "__main__":
    main()
