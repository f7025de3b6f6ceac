"""The training loop of VideoBERT on captioned frames.

The randomness of a step depends only on the seed, the step's number and the number of the batch within the step. A
resumed run therefore gives the result of an uninterrupted one, and n processes with one batch each give the result of
one process with `accumulate` n.
"""

from __future__ import annotations

import hashlib
import math
import random
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from model.network.tokenizer import TextTokenizer
from model.network.videobert import VideoBertModel
from model.runtime.hardware import bf16_is_native
from model.training.dataset import CaptionedSet, Sampling
from model.training.distributed import Processes
from model.training.objectives import Anchor, Objectives
from model.training.options import TrainingOptions
from model.training.run import Run

__all__ = ["Step", "TrainingOptions", "made_of", "train"]
_ALONE = Processes()


@dataclass(frozen=True)
class Step:
    """The progress that a run reports after each step."""

    epoch: int
    step: int
    steps: int
    losses: dict[str, float]  # of each objective, unweighted, averaged over the epoch so far
    seconds_left: float


def train(
    model: VideoBertModel,
    tokenizer: TextTokenizer,
    examples: CaptionedSet,
    options: TrainingOptions,
    *,
    run: Run | None = None,
    processes: Processes = _ALONE,
    anchor: Anchor | None = None,
    report: Callable[[Step], None] = lambda step: None,
) -> None:
    """Train the model in place. The backbone is frozen, since examples hold its features.

    Parts that the objectives need and the model lacks (the head for masked words, visual words) are added first.

    Args:
        run: the folder in which the state is saved and from which it is resumed; None saves nothing.
        processes: the processes that train together; each calls this function with the same arguments.
        anchor: text embeddings before training, if several runs share them; computed here otherwise.
        report: called after every step.

    Raises:
        ValueError: there are fewer examples than batches in a step; or an objective needs visual words that the options
            do not define; or `belief_weight` is set and no example has soft labels.
    """
    parts = processes.count * options.accumulate
    if len(examples) < parts:
        raise ValueError(f"a step of {parts} batches needs at least as many examples, got {len(examples)}")
    if options.belief_weight and not examples.names:
        raise ValueError(f"belief_weight {options.belief_weight} needs rows with 'beliefs', and there are none")
    torch.manual_seed(options.seed)
    _add_what_is_missing(model, examples, options, fit=run is None or not run.resumed)
    processes.share(model)
    sentences = examples.label_sentences()
    objectives = Objectives(model, tokenizer, examples.texts(), options, label_sentences=sentences, anchor=anchor)
    sampling = Sampling(
        model.config.max_frames,
        options.drawn_frames,
        options.right_subtitles,
        options.wrong_subtitles,
        options.joined_sentences,
        options.largest_step,
    )
    _set_modes(model, bert_frozen=options.frozen, frames_frozen=options.frames_frozen)
    optimizer = torch.optim.AdamW(_parameter_groups(model, options))
    peaks = [group["lr"] for group in optimizer.param_groups]
    average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(options.ema)) if options.ema else None
    done = run.restore(model, optimizer, average) if run else 0

    device, bf16 = model.device, bf16_is_native(model.device)
    steps_an_epoch = max(len(examples) // (options.batch_size * parts), 1)
    steps = options.epochs * steps_an_epoch
    means = _Means()
    began = time.monotonic()
    for number in range(done, steps):
        epoch, place = divmod(number, steps_an_epoch)
        if place == 0 or number == done:
            order, means = examples.order(seed=options.seed, epoch=epoch), _Means()
        chosen = order[place * options.batch_size * parts : (place + 1) * options.batch_size * parts]
        for group, peak in zip(optimizer.param_groups, peaks, strict=True):
            group["lr"] = peak * _schedule(number / steps, options.warmup)
        optimizer.zero_grad(set_to_none=True)
        now = _Means()
        for part in range(processes.index * options.accumulate, (processes.index + 1) * options.accumulate):
            rng = _seed(options.seed, number, part)
            rows = chosen[len(chosen) * part // parts : len(chosen) * (part + 1) // parts]
            batch = examples.batch(rows, rng=rng, sampling=sampling)
            with torch.autocast(device.type, torch.bfloat16, enabled=bf16), _attention(device):
                terms = objectives(batch, step=number)
            loss = torch.stack([options.weights[name] * term for name, term in terms.items()]).sum()
            (loss / options.accumulate).backward()
            now.add({name: term.item() for name, term in terms.items()})
        processes.average_gradients(model.parameters())
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if average is not None:
            average.update_parameters(model)
        means.add(now.values)
        last = number + 1 == steps
        if run is not None:
            run.log(number + 1, list(options.weights), now.values)
            run.save(number + 1, model, optimizer, average, last=last)
        pace = (time.monotonic() - began) / (number + 1 - done)
        report(Step(epoch, number + 1, steps, means.values, pace * (steps - number - 1)))
    if average is not None:
        _take(model, average)
    model.eval()  # type: ignore[no-untyped-call]


def made_of(options: TrainingOptions, *, data: str, start: str, processes: Processes = _ALONE) -> dict[str, Any]:
    """Return everything that determines the result of a run, for `Run` to store and compare.

    Args:
        options: of the run.
        data: fingerprint of the data.
        start: fingerprint of the initial weights.
        processes: that train together.
    """
    # The number of batches in a step matters; how they are spread over processes does not.
    batches = {"batches_a_step": options.accumulate * processes.count}
    return {"start": start, "data": data} | batches | {k: v for k, v in asdict(options).items() if k != "accumulate"}


class _Means:
    """Running mean of each loss over the steps in which it was computed."""

    def __init__(self) -> None:
        self.sums: dict[str, float] = {}
        self.counts: dict[str, int] = {}

    def add(self, losses: dict[str, float]) -> None:
        for name, value in losses.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
            self.counts[name] = self.counts.get(name, 0) + 1

    @property
    def values(self) -> dict[str, float]:
        return {name: total / self.counts[name] for name, total in self.sums.items()}


def _attention(device: torch.device) -> AbstractContextManager[None]:
    """Use the plain attention kernel on a CPU: the fused one's backward pass is up to 7 times slower in bfloat16."""
    return sdpa_kernel(SDPBackend.MATH) if device.type == "cpu" else nullcontext()


def _seed(seed: int, step: int, part: int) -> random.Random:
    """Seed torch, and return a generator for draws in Python."""
    name = f"{seed} {step} {part}"
    torch.manual_seed(int.from_bytes(hashlib.blake2b(name.encode(), digest_size=7).digest()))
    return random.Random(name)


def _take(model: VideoBertModel, average: AveragedModel) -> None:
    """Copy the averages of trained weights only: the mean of a constant weight can be off by its last bits."""
    own = model.state_dict()
    frozen = {name for name, parameter in model.named_parameters() if not parameter.requires_grad}
    for name, weight in average.module.state_dict().items():
        if name not in frozen and not name.startswith("backbone."):
            own[name].copy_(weight)


def _add_what_is_missing(model: VideoBertModel, examples: CaptionedSet, options: TrainingOptions, *, fit: bool) -> None:
    """Add heads that the objectives need; visual words are fitted unless a saved state is about to be loaded."""
    config, device = model.config, model.device
    if options.masked_word_weight and not config.masked_words:
        model.add_masked_words()
    if options.visual_branching and not config.visual_branching:
        model.add_visual_words(options.visual_branching, options.visual_depth, frame_input=options.frame_input)
        if fit:
            model.fit_visual_words(np.concatenate([e.features for e in examples.examples]), seed=options.seed)
    if fit:
        model.fit_frame_readers(np.concatenate([e.features for e in examples.examples]))
    if options.masked_frame_weight and not config.visual_branching:
        raise ValueError("masked frames need visual words: set visual_branching and visual_depth")
    model.to(device)  # type: ignore[arg-type]


def _set_modes(model: VideoBertModel, *, bert_frozen: bool, frames_frozen: bool) -> None:
    """Set train or eval mode and `requires_grad`: the backbone and frozen parts are not trained.

    Frozen frame readers keep their dropout: they have memorized the training pictures, and with dropout their outputs
    resemble those of unseen pictures, which is what the heads have to learn from.
    """
    model.train()
    model.backbone.eval()
    if model.config.class_names:  # the backbone's classifier is frozen
        for parameter in model.class_names.parameters():
            parameter.requires_grad_(False)
    if bert_frozen:
        model.bert.eval()
    of_text = [*model.bert.parameters(), *model.retrieval.words.parameters()]
    read_frames = (model.frame_projection, model.temporal, model.retrieval.frames)
    of_frames = [model.frame_gain, *(parameter for part in read_frames for parameter in part.parameters())]
    if model.config.over_towers:  # cosines of towers count as in their own training
        model.retrieval.log_scale.requires_grad_(False)
    for parameters, frozen in ((of_text, bert_frozen), (of_frames, frames_frozen)):
        for parameter in parameters:
            parameter.requires_grad_(not frozen)


def _parameter_groups(model: VideoBertModel, options: TrainingOptions) -> Iterator[dict[str, object]]:
    """Yield four parameter groups, each with its rate and decay: BERT or new, matrices or biases and scales."""
    for module_is_bert, rate in ((True, options.bert_learning_rate), (False, options.learning_rate)):
        named = [
            (name, parameter)
            for name, parameter in model.named_parameters()
            if parameter.requires_grad
            and name.startswith("bert.") == module_is_bert
            and not name.startswith("backbone.")
        ]
        for is_matrix, decay in ((True, options.weight_decay), (False, 0.0)):
            chosen = [parameter for _, parameter in named if (parameter.ndim > 1) == is_matrix]
            if chosen:
                yield {"params": chosen, "lr": rate, "weight_decay": decay}


def _schedule(progress: float, warmup: float) -> float:
    """Linear warm-up, then cosine decay to 0; `progress` runs from 0 to 1."""
    if progress < warmup:
        return (progress + 1e-3) / warmup
    return 0.5 * (1 + math.cos(math.pi * (progress - warmup) / (1 - warmup)))
