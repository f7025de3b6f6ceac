"""Interpolate two checkpoints, before and after a training stage, or one part of them.

    python -m recipes.average --before seeing --after trained --part masked_words --out videobert-mini
    python -m recipes.average --before refined --after believing --share 0.7 --out videobert-mini

Averaging weights before and after fine-tuning keeps the knowledge of both (Wortsman et al., "Robust fine-tuning of
zero-shot models", 2022). New weights are taken from the second checkpoint.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from model.network import checkpoint


def main() -> None:
    """Read the arguments and write the checkpoint."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("before", "after", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--part", default="", help="prefix of the weights' names; all by default")
    parser.add_argument("--share", type=float, default=0.5, help="weight of the second checkpoint, 0 to 1")
    args = parser.parse_args()
    before, _ = checkpoint.load(args.before)
    after, tokenizer = checkpoint.load(args.after)
    earlier = before.state_dict()
    with torch.no_grad():
        for name, weight in after.state_dict().items():
            if name.startswith(args.part) and name in earlier and not torch.equal(weight, earlier[name]):
                weight.copy_(args.share * weight + (1 - args.share) * earlier[name])
    checkpoint.save(after, tokenizer, args.out)


if __name__ == "__main__":
    main()
