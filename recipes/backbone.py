"""Train the backbone's last blocks together with both frame readers on captions.

    python -m recipes.backbone --checkpoint ready --captions captions.jsonl --videos pictures \
        --weight flickr8k=1.9 --maps maps --out seeing --resume

Earlier blocks are frozen, so their maps of each picture's middle and of random crops are computed once and cached as
float16 in the folder `--maps` (27 kB per crop). Caption embeddings are fixed too, so further captions of the set serve
as negatives at no cost, and so do pictures of previous steps (Wang et al., "Cross-batch memory for embedding learning",
CVPR 2020). The state is saved every hundred steps, and `--resume` continues from it.
"""

from __future__ import annotations

import argparse
import hashlib
import math
import random
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from indexer.features.examples import photo_parts, read_photo
from model.network import checkpoint
from model.network.backbone import Backbone
from model.network.efficientnet_lite2 import EfficientNetLite2
from model.network.tokenizer import TextTokenizer
from model.network.videobert import VideoBertModel
from model.runtime.graph import backbone_graph
from model.runtime.openvino_session import OpenVinoSession
from model.training.dataset import Captioned, read_captions, texts_of
from model.training.losses import soft_target
from model.training.objectives import Anchor
from recipes.last_blocks import FIRST, SIDE, LastBlocks

MAX_WORDS = 32
MEMORY = 2048  # negatives besides the batch: captions of other rows, and pictures of previous steps
SOFT_LABELS = 0.2
SAVE_STEPS = 100
CHANNELS = 208  # of the input maps of the first trained block


@dataclass(frozen=True)
class Options:
    """Options of a run; learning rates are peak values."""

    steps: int
    batch: int
    learning_rate: float  # of the blocks
    reader_learning_rate: float
    ema: float = 0.99
    seed: int = 0


@dataclass(frozen=True)
class Row:
    """A photo or video: its captions, and the indices of its pictures among the maps."""

    texts: list[str]
    pictures: range
    weight: float  # relative frequency of being drawn


def main() -> None:
    """Read the arguments, compute the maps, train, and write the checkpoint."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("checkpoint", "captions", "videos", "maps", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--weight", action="append", default=[], help="FOLDER=TIMES: how often to draw its pictures")
    parser.add_argument("--views", type=int, default=4, help="views per picture: the middle and random crops")
    parser.add_argument("--steps", type=int, default=540)
    parser.add_argument("--batch", type=int, default=512)
    parser.add_argument("--learning-rate", type=float, default=1.5e-4)
    parser.add_argument("--reader-learning-rate", type=float, default=3e-4)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--resume", action="store_true")
    args = parser.parse_args()
    model, tokenizer = checkpoint.load(args.checkpoint)
    captioned, problems = read_captions(args.captions)
    sys.stderr.writelines(f"{problem}\n" for problem in problems)
    maps = cached_maps(network_of(model), captioned, args.videos, args.maps, views=args.views)
    weights = {folder: float(times) for folder, _, times in (each.partition("=") for each in args.weight)}
    options = Options(args.steps, args.batch, args.learning_rate, args.reader_learning_rate, seed=args.seed)
    state = args.maps / "state.pt"
    if not args.resume:
        state.unlink(missing_ok=True)
    train(model, tokenizer, rows_of(captioned, weights), maps, options, state=state, report=show)
    checkpoint.save(model, tokenizer, args.out)


def show(step: int, loss: float) -> None:
    """Report every twentieth step."""
    if step % 20 == 0:
        sys.stderr.write(f"step {step}: loss {loss:.3f}\n")


def network_of(model: VideoBertModel) -> EfficientNetLite2:
    """Return the model's backbone; ValueError if it is another network or the model lacks a frame reader."""
    blocks = model.backbone.blocks if isinstance(model.backbone, Backbone) else None
    if not isinstance(blocks, EfficientNetLite2) or not model.config.glance_width or not model.config.class_names:
        raise ValueError(
            f"needs efficientnet_lite2, class names and a direct frame head, got {model.config.backbone}, "
            f"{len(model.config.class_names)} names and glance_width {model.config.glance_width}"
        )
    if model.config.image_size != SIDE * 32:
        raise ValueError(f"image_size must be {SIDE * 32}, got {model.config.image_size}")
    return blocks


def rows_of(captioned: Sequence[Captioned], weights: dict[str, float]) -> list[Row]:
    """Return the rows in order. Their weight is the root of their number of pictures, times that of their folder."""
    rows, first = [], 0
    for row in captioned:
        count = 1 + len(row.following)
        times = weights.get(Path(row.media).parts[0], 1.0)
        rows.append(Row(texts_of(row), range(first, first + count), times * count**0.5))
        first += count
    return rows


def cached_maps(
    network: EfficientNetLite2, captioned: Sequence[Captioned], folder: Path, cache: Path, *, views: int
) -> NDArray[np.float16]:
    """Return maps of every picture's middle and random crops, (P, views, C, 64), from the folder `cache` if present."""
    cache.mkdir(parents=True, exist_ok=True)
    files = [folder / file for row in captioned for file in (row.media, *row.following)]
    key = hashlib.blake2b("\n".join(map(str, files)).encode(), digest_size=8).hexdigest()
    path = cache / f"{key}-{views}.npy"
    if path.exists():
        return np.load(path, mmap_mode="r")  # type: ignore[no-any-return]
    weights = {f"backbone.blocks.{name}": each.numpy() for name, each in network.state_dict().items()}
    session = OpenVinoSession(backbone_graph(weights, blocks=FIRST).SerializeToString(), "native")
    part = path.with_suffix(".part")
    maps = np.lib.format.open_memmap(part, "w+", np.float16, (len(files), views, CHANNELS, SIDE**2))
    for i, file in enumerate(files):
        (outputs,) = session.run(pixels_of(file, views=views, rng=random.Random(f"{file.name} {views}")))
        maps[i] = outputs.reshape(views, CHANNELS, SIDE**2)
    maps.flush()
    part.replace(path)
    return maps


def pixels_of(file: Path, *, views: int, rng: random.Random) -> NDArray[np.float32]:
    """Return the middle of a picture and random crops of it: float32 (views, 3, 256, 256), -1..1."""
    photo, size = read_photo(file), SIDE * 32
    side = min(photo.size)
    left, top = (photo.width - side) // 2, (photo.height - side) // 2
    middle = np.asarray(photo.resize((size, size), box=(left, top, left + side, top + side))).transpose(2, 0, 1)
    parts = photo_parts(photo, views - 1, size, rng) if views > 1 else middle[None][:0]
    return np.concatenate([middle[None], parts]).astype(np.float32) / 127.5 - 1


def train(
    model: VideoBertModel,
    tokenizer: TextTokenizer,
    rows: Sequence[Row],
    maps: NDArray[np.float16],
    options: Options,
    *,
    state: Path,
    report: Callable[[int, float], None] = lambda step, loss: None,
) -> None:
    """Train the blocks and both readers in place; the result is the moving average of their weights.

    Args:
        model: the network.
        tokenizer: of the captions.
        rows: photos and videos.
        maps: of all pictures, float16 (P, views, C, 64).
        options: of the run.
        state: file in which the run is saved; continued if it exists.
        report: called with the number of completed steps and the last loss.
    """
    torch.manual_seed(options.seed)
    blocks = LastBlocks(network_of(model))
    readers = nn.ModuleList([model.glance.read, model.frame_projection]).train()
    scale = nn.Parameter(torch.tensor(math.log(20.0)))
    model.class_names.requires_grad_(False)
    learned = [*blocks.parameters(), *readers.parameters(), scale]
    optimizer = torch.optim.AdamW(
        [
            {"params": list(blocks.parameters()), "lr": options.learning_rate, "weight_decay": 0.0},
            {"params": list(readers.parameters()), "lr": options.reader_learning_rate, "weight_decay": 0.05},
            {"params": [scale], "lr": 1e-3, "weight_decay": 0.0},
        ],
        betas=(0.9, 0.98),
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate(step, options.steps))
    averages = [parameter.detach().clone() for parameter in learned]
    anchor = Anchor(model, tokenizer, sorted({text for row in rows for text in row.texts}), MAX_WORDS)
    anchor.keep(state.with_name("texts.safetensors"))
    memory, done = Memory(), 0
    if state.exists():
        saved = torch.load(state, weights_only=True)
        done = saved["step"]
        optimizer.load_state_dict(saved["optimizer"])
        schedule.load_state_dict(saved["schedule"])
        with torch.no_grad():
            for parameter, average, weight, mean in zip(
                learned, averages, saved["weights"], saved["averages"], strict=True
            ):
                parameter.copy_(weight)
                average.copy_(mean)
        memory.take(*saved["memory"])
    weights = torch.tensor([row.weight for row in rows])
    for step in range(done, options.steps):
        rng = random.Random(f"{options.seed} {step}")
        torch.manual_seed(rng.getrandbits(48))
        drawn = torch.multinomial(weights, options.batch, replacement=True)
        others = torch.randperm(len(rows))[:MEMORY]
        features = blocks(_drawn_maps(maps, [rows[i] for i in drawn.tolist()], rng)).float()
        described = model.described(features)
        points = torch.stack([F.normalize(read(described).float(), dim=-1) for read in readers])
        captions = anchor([rng.choice(rows[i].texts) for i in [*drawn.tolist(), *others.tolist()]])
        loss = contrast(points, captions, torch.cat([drawn, others]), memory, scale.exp().clamp(max=100))
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(learned, 5.0)
        optimizer.step()
        schedule.step()
        memory.take(points.detach(), captions[: len(drawn)], drawn)
        share = min(options.ema, (1 + step) / (10 + step))
        for average, parameter in zip(averages, learned, strict=True):
            average.lerp_(parameter.detach(), 1 - share)
        if (step + 1) % SAVE_STEPS == 0:
            _save(state, step + 1, learned, averages, optimizer, schedule, memory)
        report(step + 1, loss.item())
    with torch.no_grad():
        for parameter, average in zip(learned, averages, strict=True):
            parameter.copy_(average)
    blocks.put_back()
    model.eval()  # type: ignore[no-untyped-call]


class Memory:
    """Embeddings of the pictures of the last steps, with their captions and rows: negatives, with few exceptions."""

    def __init__(self) -> None:
        self.points = torch.zeros(0)  # (readers, M, D)
        self.captions = torch.zeros(0)  # (M, D)
        self.rows = torch.zeros(0, dtype=torch.int64)

    def take(self, points: Tensor, captions: Tensor, rows: Tensor) -> None:
        """Prepend those of a step and drop the oldest."""
        if len(self.rows):
            points = torch.cat([points, self.points], dim=1)
            captions, rows = torch.cat([captions, self.captions]), torch.cat([rows, self.rows])
        self.points, self.captions, self.rows = points[:, :MEMORY], captions[:MEMORY], rows[:MEMORY]


def contrast(points: Tensor, captions: Tensor, rows: Tensor, memory: Memory, scale: Tensor) -> Tensor:
    """Return the contrastive loss in both directions, averaged over readers: scalar.

    Args:
        points: (readers, N, D), embeddings of the batch's pictures.
        captions: (N + M, D): one caption of each picture, then captions of other rows.
        rows: int64 (N + M,), the row of each caption.
        memory: pictures of previous steps.
        scale: inverse temperature.
    """
    count = points.shape[1]
    own, own_rows = captions[:count], rows[:count]
    of_texts = soft_target(own_rows[:, None] == rows[None, :], own, SOFT_LABELS, captions)
    if len(memory.rows):
        pictures = torch.cat([points, memory.points], dim=1)
        their_captions, their_rows = torch.cat([own, memory.captions]), torch.cat([own_rows, memory.rows])
    else:
        pictures, their_captions, their_rows = points, own, own_rows
    of_pictures = soft_target(own_rows[:, None] == their_rows[None, :], own, SOFT_LABELS, their_captions)
    losses = []
    for of_batch, shown in zip(points, pictures, strict=True):
        losses.append(-(of_texts * F.log_softmax(scale * of_batch @ captions.T, dim=1)).sum(1).mean())
        losses.append(-(of_pictures * F.log_softmax(scale * own @ shown.T, dim=1)).sum(1).mean())
    return torch.stack(losses).sum() / len(points)


def _drawn_maps(maps: NDArray[np.float16], rows: Sequence[Row], rng: random.Random) -> Tensor:
    """Draw one view of one picture of each row: bfloat16 (C, N, 64)."""
    drawn = [maps[rng.choice(row.pictures), rng.randrange(maps.shape[1])] for row in rows]
    return torch.from_numpy(np.stack(drawn)).to(torch.bfloat16).transpose(0, 1).contiguous()


def _rate(step: int, steps: int) -> float:
    return min(1.0, (step + 1) / 20) * 0.5 * (1 + math.cos(math.pi * step / steps))


def _save(
    state: Path,
    step: int,
    learned: list[nn.Parameter],
    averages: list[Tensor],
    optimizer: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LambdaLR,
    memory: Memory,
) -> None:
    part = state.with_suffix(".part")
    saved: dict[str, object] = {"step": step, "weights": [weight.detach() for weight in learned], "averages": averages}
    saved |= {"optimizer": optimizer.state_dict(), "schedule": schedule.state_dict()}
    torch.save(saved | {"memory": (memory.points, memory.captions, memory.rows)}, part)
    part.replace(state)


if __name__ == "__main__":
    main()
