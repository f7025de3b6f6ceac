"""Training VideoBERT on captioned frames: one readable loop.

Every step embeds a caption alone, the frames alone, and the frames with a subtitle that is right, wrong or missing, and
pulls together what belongs together; a classifier over [CLS] learns which captions and frames are aligned. The text
regime is held near the sentence encoder it started from, because the captions cover far fewer words than queries do.
"""

from __future__ import annotations

import copy
import math
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from model import losses
from model.backbone import bf16_is_native
from model.data import Batch, CaptionedSet, Corruption
from model.text import TextTokenizer
from model.videobert import Inputs, VideoBertModel


@dataclass(frozen=True)
class TrainingOptions:
    """What a run is made of; together with the data and the seed it reproduces the run."""

    epochs: int = 10
    batch_size: int = 128
    learning_rate: float = 5e-4  # of what starts at random
    bert_learning_rate: float = 3e-5  # of what starts from BERT; 0 freezes it, and with it what a query means
    weight_decay: float = 0.01
    max_words: int = 20  # tokens of a caption; a single long one would pad the whole batch
    warmup: float = 0.05  # share of the steps
    fused_weight: float = 1.0
    alignment_weight: float = 1.0
    anchor_weight: float = 1.0
    right_subtitles: float = 0.45  # share of the examples that get another caption of the same picture as subtitle
    wrong_subtitles: float = 0.15  # share that get a caption of another picture
    seed: int = 0


@dataclass(frozen=True)
class Step:
    """What a run reports after each step: losses averaged over the epoch so far."""

    epoch: int
    step: int
    steps: int
    losses: dict[str, float]
    seconds: float


def train(
    model: VideoBertModel,
    tokenizer: TextTokenizer,
    examples: CaptionedSet,
    options: TrainingOptions,
    *,
    report: Callable[[Step], None] = lambda step: None,
) -> None:
    """Train in place; the backbone stays as it is, since examples hold its features.

    Args:
        report: called after every step.
    """
    device = model.device
    rng = random.Random(options.seed)
    torch.manual_seed(options.seed)
    corruption = Corruption(options.right_subtitles, options.wrong_subtitles)
    steps = options.epochs * max(len(examples) // options.batch_size, 1)
    optimizer = torch.optim.AdamW(_parameter_groups(model, options))
    peaks = [group["lr"] for group in optimizer.param_groups]
    anchor = _Anchor(model, tokenizer, options.max_words)
    bf16 = device.type == "cuda" or bf16_is_native()
    _set_modes(model, frozen=options.bert_learning_rate == 0)
    began, number = time.monotonic(), 0
    for epoch in range(options.epochs):
        totals: dict[str, float] = {}
        batches = examples.batches(
            options.batch_size, rng=rng, max_frames=model.config.max_frames, corruption=corruption
        )
        for count, batch in enumerate(batches, start=1):
            for group, peak in zip(optimizer.param_groups, peaks, strict=True):
                group["lr"] = peak * _schedule(number / steps, options.warmup)
            with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
                terms = _losses(model, tokenizer, anchor, batch, options)
            optimizer.zero_grad(set_to_none=True)
            torch.stack(list(terms.values())).sum().backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            number += 1
            for name, value in terms.items():
                totals[name] = totals.get(name, 0.0) + value.item()
            means = {name: total / count for name, total in totals.items()}
            report(Step(epoch, number, steps, means, time.monotonic() - began))
    model.eval()  # type: ignore[no-untyped-call]


def _losses(
    model: VideoBertModel, tokenizer: TextTokenizer, anchor: _Anchor, batch: Batch, options: TrainingOptions
) -> dict[str, Tensor]:
    device = model.device
    features = torch.from_numpy(batch.features).float().to(device)
    frame_mask = torch.from_numpy(batch.frame_mask).to(device)
    same = torch.from_numpy(batch.same).to(device)
    words, word_mask = (t.to(device) for t in tokenizer(batch.queries, max_tokens=options.max_words))
    anchors = anchor(batch.queries)
    frozen = options.bert_learning_rate == 0
    queries = anchors if frozen else model.embed(Inputs(words, word_mask, features[:, :0], frame_mask[:, :0]))
    silent = model.embed(Inputs(words[:, :0], word_mask[:, :0], features, frame_mask))
    # Sequences of words and frames are the long ones: half of the batch is seen with subtitles, a quarter is aligned.
    half, quarter = max(len(words) // 2, 2), max(len(words) // 4, 2)
    subtitles, said = (t.to(device) for t in tokenizer(batch.subtitles[:half], max_tokens=options.max_words))
    fused = model.embed(Inputs(subtitles, said, features[:half], frame_mask[:half]))
    scale = model.retrieval.scale
    rows = torch.arange(quarter, device=device) % len(words)  # every other one is shown with a wrong caption
    aligned = rows % 2 == 0
    wrong = _hard_negatives(queries.detach() @ silent.detach().T, same)
    shown = torch.where(aligned, rows, wrong[rows])
    belief = model.align(Inputs(words[shown], word_mask[shown], features[rows], frame_mask[rows]))
    return {
        "silent": losses.multi_positive_contrastive(queries, silent, same, scale),
        "fused": options.fused_weight
        * losses.multi_positive_contrastive(queries[:half], fused, same[:half, :half], scale),
        "alignment": options.alignment_weight * losses.alignment(belief, aligned),
        "anchor": options.anchor_weight * losses.anchoring(queries, anchors),
    }


def _set_modes(model: VideoBertModel, *, frozen: bool) -> None:
    """Training mode, except for what is not trained: the backbone, and BERT and the query's projection if frozen."""
    model.train()
    model.backbone.eval()
    if frozen:
        model.bert.eval()
    for part in (model.bert, model.retrieval.words):
        part.requires_grad_(not frozen)


def _hard_negatives(similarity: Tensor, same: Tensor) -> Tensor:
    """For each item the index of a query that is wrong but likely to be mistaken for right: int64 (N,).

    Drawn by the model's own similarities, as in ALBEF (Li et al., 2021).
    """
    likely = torch.softmax(10 * similarity.T.float(), dim=1) + 1e-6
    # The floor matters only where a whole batch shows the same, and there is nothing wrong to draw.
    return torch.multinomial(likely.masked_fill(same.T, 0.0).clamp(min=1e-12), 1).squeeze(1)


class _Anchor:
    """Text embeddings of the model as it was before training, computed once a text."""

    def __init__(self, model: VideoBertModel, tokenizer: TextTokenizer, max_words: int) -> None:
        self.max_words = max_words
        self.bert = copy.deepcopy(model)
        self.bert.eval()  # type: ignore[no-untyped-call]
        self.tokenizer = tokenizer
        self.known: dict[str, Tensor] = {}

    @torch.no_grad()
    def __call__(self, texts: list[str]) -> Tensor:
        """(N, D), unit length."""
        new = [text for text in dict.fromkeys(texts) if text not in self.known]
        if new:
            ids, mask = (t.to(self.bert.device) for t in self.tokenizer(new, max_tokens=self.max_words))
            nothing = torch.zeros(len(new), 0, self.bert.backbone.feature_dim, device=ids.device)
            self.known.update(zip(new, self.bert.embed(Inputs(ids, mask, nothing, mask[:, :0])), strict=True))
        return torch.stack([self.known[text] for text in texts])


def _parameter_groups(model: VideoBertModel, options: TrainingOptions) -> Iterator[dict[str, object]]:
    """Weights and the rest, from BERT and from scratch: four groups with their own rate and decay."""
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
    """Linear warm-up, then a cosine to nothing; `progress` runs from 0 to 1."""
    if progress < warmup:
        return (progress + 1e-3) / warmup
    return 0.5 * (1 + math.cos(math.pi * (progress - warmup) / (1 - warmup)))
