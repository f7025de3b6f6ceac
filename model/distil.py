"""Distilling the backbone: a CNN learns to see from a teacher's activations, without labels.

First block by block: each block gets the teacher's input of that block and must give the teacher's output (Wang et
al., "Progressive blockwise knowledge distillation", IJCAI 2018); every block is a shallow problem of its own, which
converges in a fraction of the time of the whole. Then in chains, at last from end to end: the student must reproduce
the outputs and the pooled features from what its own blocks give. Chains of late blocks learn from memory: what the
blocks before them and the teacher make of some thousand crops is worked out once, which is ten times as fast.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

import torch
from torch import Tensor, nn

from model.backbone import Backbone, bf16_is_native
from model.frames import MEAN, STD

Teacher = Callable[[Tensor], list[Tensor]]  # uint8 (N, 3, S, S) -> the output of each block, float (N, C, H, W)


@dataclass(frozen=True)
class Lesson:
    """What goes into the first block that learns, and what the teacher's blocks make of the same pictures."""

    inputs: Tensor  # float (N, C, H, W)
    targets: list[Tensor]  # float (N, C, H, W), one a block of the whole network; blocks not needed may be empty


def lessons(teacher: Teacher, batches: Iterator[Tensor], *, first: int = 0) -> Iterator[Lesson]:
    """Endless lessons from endless pictures, uint8 (N, 3, S, S), for blocks from `first` on.

    Blocks in the middle get the teacher's output of the block before.
    """
    for pixels in batches:
        targets = teacher(pixels)
        yield Lesson(_frames(pixels) if first == 0 else targets[first - 1], targets)


def remembered(
    backbone: Backbone, teacher: Teacher, batches: Iterator[Tensor], *, first: int, pictures: int, batch: int, seed: int
) -> Iterator[Lesson]:
    """Endless lessons from a fixed number of pictures, for a chain of the last blocks.

    The blocks before `first` no longer change, so that their output and the teacher's are worked out once and kept
    in half precision.
    """
    inputs: list[Tensor] = []
    targets: list[list[Tensor]] = []
    while sum(len(states) for states in inputs) < pictures:
        pixels = next(batches)
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=bf16_is_native()):
            inputs.append(backbone.eval().blocks[:first](_frames(pixels)).half())
        targets.append([output.half() for output in teacher(pixels)])
    kept = torch.cat(inputs)
    told = [torch.cat(outputs) for outputs in zip(*targets, strict=True)]
    generator = torch.Generator().manual_seed(seed)
    while True:
        for rows in torch.randperm(len(kept), generator=generator).split(batch):
            yield Lesson(kept[rows].float(), [output[rows].float() if len(output) else output for output in told])


@dataclass(frozen=True)
class DistilStep:
    """What a run reports after each step."""

    step: int
    unexplained: list[float]  # the share of the teacher's variance that each output misses; pooled features last


def distil_blocks(
    backbone: Backbone,
    lessons: Iterator[Lesson],
    *,
    steps: int,
    learning_rate: float = 4e-3,
    blocks: range | None = None,
    report: Callable[[DistilStep], None] = lambda step: None,
) -> None:
    """Train blocks independently on the teacher's own inputs.

    Args:
        backbone: its blocks correspond one to one to the teacher's.
        lessons: for the first of the blocks.
        blocks: which ones; all by default. Ranges may run in processes of their own.
    """
    chosen = blocks or range(len(backbone.blocks))
    backbone.train()
    optimizer = _optimizer([backbone.blocks[i] for i in chosen], learning_rate)
    for step, lesson in enumerate(islice(lessons, steps)):
        _set_rate(optimizer, learning_rate, step / steps)
        optimizer.zero_grad(set_to_none=True)
        unexplained = []
        for i in chosen:
            with torch.autocast("cpu", torch.bfloat16, enabled=bf16_is_native()):
                output = backbone.blocks[i](lesson.inputs if i == chosen.start else lesson.targets[i - 1])
            _relative_error(output, lesson.targets[i]).backward()
            unexplained.append(_unexplained(output, lesson.targets[i]))
        optimizer.step()
        report(DistilStep(step + 1, unexplained))


def distil_chain(
    backbone: Backbone,
    lessons: Iterator[Lesson],
    *,
    steps: int,
    learning_rate: float = 1e-3,
    blocks: range | None = None,
    compared: range | None = None,
    pooled_weight: float = 4.0,
    report: Callable[[DistilStep], None] = lambda step: None,
) -> None:
    """Train consecutive blocks together: each gets what the one before it gives, so errors that add up are seen.

    Normalization keeps the statistics of the blocks' own training: those of a batch of few pictures, whose positions
    resemble each other, are noise that grows from block to block.

    Args:
        lessons: for the first block of the chain.
        blocks: the chain; all blocks by default.
        compared: blocks whose outputs must meet the teacher's; the whole chain by default.
        pooled_weight: of the pooled features, where the chain reaches the end.
    """
    chain = blocks or range(len(backbone.blocks))
    compared = compared or chain
    backbone.eval()
    optimizer = _optimizer([backbone.blocks[i] for i in chain], learning_rate)
    for step, lesson in enumerate(islice(lessons, steps)):
        _set_rate(optimizer, learning_rate, step / steps)
        state = lesson.inputs
        pairs = []
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16_is_native()):
            for i in chain:
                state = backbone.blocks[i](state)
                if i in compared:
                    pairs.append((state, lesson.targets[i]))
        loss = torch.stack([_relative_error(*pair) for pair in pairs]).mean()
        if chain.stop == len(backbone.blocks):
            pairs.append((_pooled(state), _pooled(lesson.targets[-1])))
            loss = loss + pooled_weight * _relative_error(*pairs[-1])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        report(DistilStep(step + 1, [_unexplained(*pair) for pair in pairs]))


def _pooled(maps: Tensor) -> Tensor:
    return maps.float().mean(dim=(2, 3), keepdim=True)


def _frames(pixels: Tensor) -> Tensor:
    return ((pixels.float() / 255 - MEAN) / STD).contiguous(memory_format=torch.channels_last)


def match_statistics(backbone: Backbone, targets: list[Tensor], blocks: range) -> None:
    """Prepare fresh blocks for `distil_blocks` with one batch of the teacher's outputs.

    Args:
        targets: the output of each block, float (N, C, H, W).
        blocks: which blocks to prepare.
    """
    # The last normalization of each block starts at the mean and spread it must produce: an optimizer with bounded
    # steps would spend most of its time on the way there.
    for i in blocks:
        target = targets[i]
        if getattr(backbone.blocks[i], "use_res_connect", False):
            target = target - targets[i - 1]
        last = [module for module in backbone.blocks[i].modules() if isinstance(module, nn.BatchNorm2d)][-1]
        last.weight.data.copy_(target.std(dim=(0, 2, 3)).clamp(min=0.05))
        last.bias.data.copy_(target.mean(dim=(0, 2, 3)))


def _relative_error(output: Tensor, target: Tensor) -> Tensor:
    """Squared error in units of each channel's variance, with a floor so that dead channels do not shout."""
    variance = target.var(dim=(0, 2, 3), keepdim=True) + 0.05 * target.var()
    return ((output.float() - target) ** 2 / variance).mean()


def _unexplained(output: Tensor, target: Tensor) -> float:
    return float(((output.detach().float() - target) ** 2).mean() / target.var())


def _optimizer(modules: list[nn.Module], learning_rate: float) -> torch.optim.AdamW:
    parameters = [parameter for module in modules for parameter in module.parameters()]
    return torch.optim.AdamW(
        [
            {"params": [p for p in parameters if p.ndim > 1], "weight_decay": 1e-4, "pace": 1},
            # Normalization parameters live on the scale of activations, which weights do not.
            {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0, "pace": 4},
        ],
        lr=learning_rate,
    )


def _set_rate(optimizer: torch.optim.AdamW, peak: float, progress: float) -> None:
    rate = peak * min(1.0, 20 * progress + 0.02) * (0.5 * (1 + math.cos(math.pi * progress)) + 0.002)
    for group in optimizer.param_groups:
        group["lr"] = rate * group["pace"]
