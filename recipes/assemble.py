"""Second stage of videobert-mini: an untrained checkpoint from its parts, for `videobert train` to start from.

    python -m recipes.assemble --bert all-MiniLM-L6-v2 --backbone backbone.safetensors --out start

`--bert` is a folder with `model.safetensors` and `tokenizer.json` of all-MiniLM-L6-v2 (Apache-2.0). The backbone is the
result of `recipes.distil_backbone`. Everything else is initialised at random.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from safetensors.torch import load_file

from model import checkpoint
from model.text import TextTokenizer
from model.videobert import VideoBertConfig, VideoBertModel


def main() -> None:
    """Read the arguments and write the checkpoint."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bert", type=Path, required=True)
    parser.add_argument("--backbone", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    model = VideoBertModel(VideoBertConfig())
    model.load_bert(args.bert)
    model.backbone.load_state_dict(load_file(args.backbone))
    checkpoint.save(model, TextTokenizer.from_folder(args.bert), args.out)


if __name__ == "__main__":
    main()
