"""Sixth stage of videobert-mini: the last blocks of the backbone learn from several teachers at once.

    run="python -m recipes.refine_backbone --start backbone.safetensors"
    $run look --images DIR --teacher a.tflite --teacher b.tflite --seed 0 --out 0.safetensors
    $run look --images DIR --teacher a.tflite --teacher b.tflite --seed 1 --out 1.safetensors
    $run learn --seen 0.safetensors --seen 1.safetensors --out refined.safetensors

`look` works out once what the first blocks and the teachers make of some thousand crops, half of them two photos laid
over each other: teachers are copied best where they are asked about more than there are photos of (Beyer et al.,
"Knowledge distillation: a good teacher is patient and consistent", 2022). Its lines may run side by side. `learn`
trains the other blocks until each teacher's pooled features, and what the teachers believe to see, can be read from
theirs by a linear layer, which is thrown away.
"""

from __future__ import annotations

import argparse
import math
import os
import random
from collections.abc import Iterator
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F

from model.backbone import Backbone, bf16_is_native
from model.frames import prepare_frames
from recipes.distil_backbone import SIZE, pictures
from recipes.teacher import TeacherNet

FIRST = 14  # block that learns first; those before keep what they learned from one teacher
LOOKED_AT = 16  # crops at a time
BELIEF_WEIGHT = 0.1
Seen = dict[str, Tensor]


def main() -> None:
    """Read the arguments and run one stage."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stage", choices=["look", "learn"])
    parser.add_argument("--images", type=Path, nargs="+", help="of `look`")
    parser.add_argument("--skip", type=Path, help="a file naming photos to leave out, one a line")
    parser.add_argument("--teacher", type=Path, action="append", help="of `look`")
    parser.add_argument("--crops", type=int, default=20_000)
    parser.add_argument("--seen", type=Path, action="append", help="of `learn`")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--start", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    backbone = Backbone("mobilenet_v2").to(memory_format=torch.channels_last).eval()
    backbone.load_state_dict(load_file(args.start))
    if args.stage == "look":
        skipped = set(args.skip.read_text().split()) if args.skip else set()
        photos = sorted(p for folder in args.images for p in folder.rglob("*.jpg") if p.name not in skipped)
        crops = pictures(photos, LOOKED_AT, random.Random(args.seed))
        teachers = [TeacherNet(path, first=18) for path in args.teacher]
        save_file(look(backbone, teachers, crops, args.crops), args.out)
    else:
        parts = [load_file(path) for path in args.seen]
        seen = {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
        learn(backbone, seen, epochs=args.epochs, batch=args.batch, learning_rate=args.learning_rate, out=args.out)


@torch.inference_mode()
def look(backbone: Backbone, teachers: list[TeacherNet], crops: Iterator[Tensor], count: int) -> Seen:
    """What goes into the blocks that learn, each teacher's pooled features, and the teachers' mean belief.

    Args:
        crops: endless uint8 (N, 3, S, S).
    """
    rows: dict[str, list[Tensor]] = {}
    before = torch.empty(0)
    for start in range(0, count, LOOKED_AT):
        pixels = next(crops)
        if len(before) and (start // LOOKED_AT) % 2:
            pixels = ((pixels.float() + before.float()) / 2).round().byte()
        before = pixels
        frames = prepare_frames(pixels, SIZE)
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16_is_native()):
            rows.setdefault("inputs", []).append(backbone.blocks[:FIRST](frames).half())
        judged = [teacher.judge(pixels) for teacher in teachers]
        for i, (pooled, _) in enumerate(judged):
            rows.setdefault(f"pooled.{i}", []).append(pooled.half())
        beliefs = [belief for _, belief in judged]
        rows.setdefault("beliefs", []).append(torch.stack(beliefs).mean(0).half())
        if start % (LOOKED_AT * 100) == 0:
            print(f"{start} of {count} crops", flush=True)
    return {name: torch.cat(parts).contiguous() for name, parts in rows.items()}


def learn(backbone: Backbone, seen: Seen, *, epochs: int, batch: int, learning_rate: float, out: Path) -> None:
    """Train the blocks from `FIRST` on; a part of the crops is held out, to be reported on and no more."""
    blocks, width = backbone.blocks[FIRST:], backbone.feature_dim
    names = sorted(name for name in seen if name.startswith("pooled."))
    variance = {name: seen[name].float().var(dim=0) + 0.05 * seen[name].float().var() for name in names}
    heads = nn.ModuleList(nn.Linear(width, seen[name].shape[1]) for name in names)
    classes = nn.Linear(width, seen["beliefs"].shape[1])
    nn.init.eye_(heads[0].weight)  # the first blocks learned from this teacher
    parts = [*blocks, *heads, classes]
    matrices = [p for part in parts for p in part.parameters() if p.ndim > 1]
    vectors = [p for part in parts for p in part.parameters() if p.ndim <= 1]
    optimizer = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": 1e-2}, {"params": vectors, "weight_decay": 0.0}]
    )

    def losses(rows: Tensor) -> list[Tensor]:
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16_is_native()):
            maps = blocks(seen["inputs"][rows].float().contiguous(memory_format=torch.channels_last))
        pooled = maps.float().mean(dim=(2, 3))
        missed = [
            ((head(pooled) - seen[name][rows].float()) ** 2 / variance[name]).mean()
            for head, name in zip(heads, names, strict=True)
        ]
        return [*missed, F.cross_entropy(classes(pooled), seen["beliefs"][rows].float())]

    held, learned = torch.arange(batch * 8), torch.arange(batch * 8, len(seen["inputs"]))
    steps = epochs * (len(learned) // batch)
    step = 0
    for epoch in range(epochs):
        for rows in learned[torch.randperm(len(learned))].split(batch)[: len(learned) // batch]:
            for group in optimizer.param_groups:
                group["lr"] = learning_rate * min(1.0, 20 * step / steps) * 0.5 * (1 + math.cos(math.pi * step / steps))
            optimizer.zero_grad(set_to_none=True)
            *missed, belief = losses(rows)
            (torch.stack(missed).mean() + BELIEF_WEIGHT * belief).backward()
            optimizer.step()
            step += 1
        with torch.inference_mode():
            told = torch.tensor([[float(x) for x in losses(rows)] for rows in held.split(batch)]).mean(0)
        print(f"epoch {epoch + 1}: missed", *(f"{x:.3f}" for x in told[:-1]), f"belief {told[-1]:.3f}", flush=True)
        save_file({name: tensor.contiguous() for name, tensor in backbone.state_dict().items()}, f"{out}.part")
        os.replace(f"{out}.part", out)


if __name__ == "__main__":
    main()
