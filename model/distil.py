"""Distilling the backbone: a CNN learns to see from a teacher's activations, without labels.

First block by block: each block gets the teacher's input of that block and must give the teacher's output (Wang et
al., "Progressive blockwise knowledge distillation", IJCAI 2018); every block is a shallow problem of its own, which
converges in a fraction of the time of the whole. Then in chains, at last from end to end: the student must reproduce
the outputs and the pooled features from what its own blocks give.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from model.backbone import Backbone, bf16_is_native
from model.frames import MEAN, STD

Teacher = Callable[[Tensor], list[Tensor]]  # uint8 (N, 3, S, S) -> the output of each block, float (N, C, H, W)


@dataclass(frozen=True)
class DistilStep:
    """What a run reports after each step."""

    step: int
    unexplained: list[float]  # the share of the teacher's variance that each output misses; pooled features last


def distil_blocks(
    backbone: Backbone,
    teacher: Teacher,
    batches: Iterator[Tensor],
    *,
    steps: int,
    learning_rate: float = 4e-3,
    blocks: range | None = None,
    report: Callable[[DistilStep], None] = lambda step: None,
) -> None:
    """Train blocks independently on the teacher's own inputs.

    Args:
        backbone: its blocks correspond one to one to the teacher's.
        teacher: gives the output of every block.
        batches: endless uint8 (N, 3, S, S).
        blocks: which ones; all by default. Ranges may run in processes of their own.
    """
    chosen = blocks or range(len(backbone.blocks))
    backbone.train()
    optimizer = _optimizer([backbone.blocks[i] for i in chosen], learning_rate)
    for step, (frames, targets) in enumerate(_taught(teacher, batches, steps)):
        _set_rate(optimizer, learning_rate, step / steps)
        optimizer.zero_grad(set_to_none=True)
        unexplained = []
        for i in chosen:
            with torch.autocast("cpu", torch.bfloat16, enabled=bf16_is_native()):
                output = backbone.blocks[i](frames if i == 0 else targets[i - 1])
            _relative_error(output, targets[i]).backward()
            unexplained.append(_unexplained(output, targets[i]))
        optimizer.step()
        report(DistilStep(step + 1, unexplained))


def distil_chain(
    backbone: Backbone,
    teacher: Teacher,
    batches: Iterator[Tensor],
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
        blocks: the chain; all blocks by default. It starts from the frames, or from the teacher's output before it.
        compared: blocks whose outputs must meet the teacher's; the whole chain by default.
        pooled_weight: of the pooled features, where the chain reaches the end.
    """
    chain = blocks or range(len(backbone.blocks))
    compared = compared or chain
    backbone.eval()
    optimizer = _optimizer([backbone.blocks[i] for i in chain], learning_rate)
    for step, (frames, targets) in enumerate(_taught(teacher, batches, steps)):
        _set_rate(optimizer, learning_rate, step / steps)
        state = frames if chain.start == 0 else targets[chain.start - 1]
        pairs = []
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16_is_native()):
            for i in chain:
                state = backbone.blocks[i](state)
                if i in compared:
                    pairs.append((state, targets[i]))
        loss = torch.stack([_relative_error(*pair) for pair in pairs]).mean()
        if chain.stop == len(backbone.blocks):
            pairs.append((_pooled(state), _pooled(targets[-1])))
            loss = loss + pooled_weight * _relative_error(*pairs[-1])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        report(DistilStep(step + 1, [_unexplained(*pair) for pair in pairs]))


def _pooled(maps: Tensor) -> Tensor:
    return maps.float().mean(dim=(2, 3), keepdim=True)


def _taught(teacher: Teacher, batches: Iterator[Tensor], steps: int) -> Iterator[tuple[Tensor, list[Tensor]]]:
    for _ in range(steps):
        pixels = next(batches)
        frames = (pixels.float() / 255 - MEAN) / STD
        yield frames.contiguous(memory_format=torch.channels_last), teacher(pixels)


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
