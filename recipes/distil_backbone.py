"""First stage of videobert-mini: a CNN from random initialisation learns to see from a teacher.

    run="python -m recipes.distil_backbone --images DIR --teacher teacher.tflite"
    $run single --blocks 0-6  --out early.safetensors          # every block for itself
    $run single --blocks 7-18 --out late.safetensors
    $run chain --blocks 0-6  --start early.safetensors --out early.safetensors
    $run chain --blocks 7-18 --start late.safetensors --out late.safetensors
    $run chain --blocks 0-18 --start early.safetensors --start late.safetensors --out backbone.safetensors
    $run chain --blocks 14-18 --start backbone.safetensors --remember 9000 --out backbone.safetensors

Lines of the same kind may run side by side. `--remember` trains the last blocks on what the ones before them make of a
fixed number of crops, ten times as fast. Every 100 steps the weights are written, and `--start` goes on from them.
"""

from __future__ import annotations

import argparse
import os
import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor

from model.backbone import Backbone
from model.distil import DistilStep, distil_blocks, distil_chain, lessons, match_statistics, remembered
from recipes.teacher import TeacherNet

SIZE = 224  # pixels


def pictures(paths: list[Path], batch: int, rng: random.Random) -> Iterator[Tensor]:
    """Endless uint8 (batch, 3, SIZE, SIZE): random crops of random photos, mirrored half of the time."""
    while True:
        crops = [_crop(rng.choice(paths), rng) for _ in range(batch)]
        yield torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2)


def _crop(path: Path, rng: random.Random) -> np.ndarray:
    photo = Image.open(path).convert("RGB")
    area, stretch = rng.uniform(0.4, 1.0) ** 0.5, float(np.exp(rng.uniform(-0.25, 0.25)))
    width, height = min(1.0, area * stretch) * photo.width, min(1.0, area / stretch) * photo.height
    left, top = rng.uniform(0, photo.width - width), rng.uniform(0, photo.height - height)
    crop = photo.resize((SIZE, SIZE), Image.Resampling.BILINEAR, box=(left, top, left + width, top + height))
    if rng.random() < 0.5:
        crop = crop.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return np.asarray(crop)


def main() -> None:
    """Read the arguments and run one stage."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stage", choices=["single", "chain"])
    parser.add_argument("--images", type=Path, nargs="+", required=True)
    parser.add_argument("--teacher", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--start", type=Path, action="append", default=[], help="weights to go on from")
    parser.add_argument("--skip", type=Path, help="a file naming photos to leave out, one a line")
    parser.add_argument("--blocks", default="0-18", help="first-last")
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--learning-rate", type=float)
    parser.add_argument("--remember", type=int, metavar="CROPS", help="of a chain of the last blocks")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    backbone = Backbone("mobilenet_v2").to(memory_format=torch.channels_last)
    for weights in args.start:
        backbone.load_state_dict(load_file(weights), strict=False)
    skipped = set(args.skip.read_text().split()) if args.skip else set()
    photos = sorted(p for folder in args.images for p in folder.rglob("*.jpg") if p.name not in skipped)
    batches = pictures(photos, args.batch, random.Random(args.seed))
    first, last = map(int, args.blocks.split("-"))
    blocks = range(first, last + 1)
    prefixes = tuple(f"blocks.{i}." for i in blocks)

    def report(step: DistilStep) -> None:
        if step.step % 100 == 0 or step.step == args.steps:
            print(step.step, *(f"{share:.3f}" for share in step.unexplained), flush=True)
            whole = bool(args.remember)  # the blocks before belong to what was learned
            weights = {k: v.contiguous() for k, v in backbone.state_dict().items() if whole or k.startswith(prefixes)}
            save_file(weights, f"{args.out}.part")
            os.replace(f"{args.out}.part", args.out)

    rate = {} if args.learning_rate is None else {"learning_rate": args.learning_rate}
    if args.stage == "single":
        teacher = TeacherNet(args.teacher, first=max(first - 1, 0))
        if not args.start:
            match_statistics(backbone, teacher(next(batches)), blocks)
        taught = lessons(teacher, batches, first=first)
        distil_blocks(backbone, taught, steps=args.steps, blocks=blocks, report=report, **rate)
    else:
        # From end to end the largest maps are left alone: their errors show later.
        compared = range(6, 19) if len(blocks) == 19 else blocks
        teacher = TeacherNet(args.teacher, first=compared.start - (first > 0 and not args.remember))
        taught = (
            remembered(
                backbone, teacher, batches, first=first, pictures=args.remember, batch=args.batch, seed=args.seed
            )
            if args.remember
            else lessons(teacher, batches, first=first)
        )
        distil_chain(backbone, taught, steps=args.steps, blocks=blocks, compared=compared, report=report, **rate)


if __name__ == "__main__":
    main()
