"""One part of a checkpoint, averaged with what it was before the last stage.

    python -m recipes.average --before worded --after trained --part masked_words --out videobert-mini

The mean of weights that were trained on from one another keeps what both know (Wortsman et al., "Robust fine-tuning of
zero-shot models", 2022): the head for masked words learned language before, and to look at frames after.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from model import checkpoint


def main() -> None:
    """Read the arguments and write the checkpoint."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("before", "after", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--part", required=True, help="beginning of the weights' names")
    args = parser.parse_args()
    before, _ = checkpoint.load(args.before)
    after, tokenizer = checkpoint.load(args.after)
    earlier = before.state_dict()
    with torch.no_grad():
        for name, weight in after.state_dict().items():
            if name.startswith(args.part):
                weight.copy_((weight + earlier[name]) / 2)
    checkpoint.save(after, tokenizer, args.out)


if __name__ == "__main__":
    main()
