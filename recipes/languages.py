"""Captioned pictures -> `languages.safetensors`, the map from multilingual-e5-small into the query space of an encoder.

    python -m recipes.languages --captions captions.jsonl --videos pictures --features train.safetensors \
        --out model/checkpoints/videobert-mini/languages.safetensors
    python -m recipes.languages … --model clip-vit-b32 --out FOLDER-OF-THE-MODEL/languages.safetensors

All captions are English; `captions.jsonl` is what `videobert train` reads. A caption's mapped point is drawn to the
vectors of its pictures, as the encoder embeds them, to the encoder's own point of it among those of others, and to that
point itself. `--features` is what `videobert train` kept of the same captions; without
it every picture is looked at, once. The map begins as
a linear one, solved by ridge regression.
"""

from __future__ import annotations

import argparse
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from indexer.features.examples import load_examples, look_at
from model.encoder.load import load, load_videobert
from model.encoder.multilingual import MAP_FILE, SENTENCE, SPREAD, LanguageMap, english
from model.encoder.sentences import load_sentences
from model.encoder.videobert import VideoBertEncoder
from model.registry.registry import DEFAULT_MODEL
from model.training.dataset import read_captions
from search.training.training import features_key

_NOISE = 0.05  # deviation, of each number of a centred point
_DROPOUT = 0.1
_SHARPNESS = 25.0  # of all contrasts
_SOFT = 0.2  # share of the target that follows how alike the captions are
_RIDGE = 0.01


@dataclass(frozen=True)
class Pairs:
    """N captions: what e5 and the encoder make of them, and their pictures."""

    sentences: Tensor  # (N, H)
    queries: Tensor  # (N, D)
    pictures: Tensor  # (P, D)
    shown: Tensor  # (N,), the picture of each
    at: Tensor  # (D,), the encoder's point of `SENTENCE`


class Perceptron(nn.Module):
    """The map in training; see `LanguageMap`."""

    def __init__(self, pairs: Pairs, wide: int) -> None:
        super().__init__()
        dim, out = pairs.sentences.shape[1], pairs.queries.shape[1]
        self.register_buffer("mean", pairs.sentences.mean(0))
        self.mean: Tensor
        self.wide, self.drop = nn.Linear(dim, wide), nn.Dropout(_DROPOUT)
        self.narrow, self.path = nn.Linear(wide, out, bias=False), nn.Linear(dim, out, bias=False)
        nn.init.zeros_(self.narrow.weight)
        x = (pairs.sentences - self.mean) * SPREAD
        ridge = _RIDGE * len(x) * x.var(0).mean() * torch.eye(dim)
        with torch.no_grad():
            self.path.weight.copy_(torch.linalg.solve(x.T @ x + ridge, x.T @ pairs.queries).T)

    def forward(self, sentences: Tensor) -> Tensor:
        """(N, H) -> (N, D), unit length."""
        x = (sentences - self.mean) * SPREAD
        if self.training:
            x = x + _NOISE * torch.randn_like(x)
        return F.normalize(self.narrow(self.drop(F.relu(self.wide(x)))) + self.path(x), dim=-1)


def main() -> None:
    """Read the arguments and write the map."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--captions", type=Path, required=True)
    parser.add_argument("--videos", type=Path, required=True)
    parser.add_argument("--features", type=Path)
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--texts", type=int, default=26_624, help="captions that are drawn, each picture's in turn")
    parser.add_argument("--steps", type=int, default=900)
    parser.add_argument("--batch", type=int, default=512)
    parser.add_argument("--wide", type=int, default=768)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path(MAP_FILE))
    args = parser.parse_args()
    pairs = gathered(args.captions, args.videos, args.features, args.model, args.texts, seed=args.seed)
    trained(pairs, steps=args.steps, batch=args.batch, wide=args.wide, seed=args.seed).save(args.out)


def gathered(captions: Path, videos: Path, features: Path | None, model: str, most: int, *, seed: int) -> Pairs:
    """Embed pictures and at most so many captions, one of every picture before a second of any."""
    encoder = load(model)
    if features is not None:
        examples, problems = load_examples(features, key=features_key(captions, load_videobert(model)))
    else:  # with one view of a picture, any encoder will do
        whole = cast(VideoBertEncoder, encoder)
        examples, problems = look_at(read_captions(captions)[0], videos, whole, views=1)
    for problem in problems:
        print(problem)
    pictures = encoder.embed_segments([each.features for each in examples], [""] * len(examples))
    drawn = in_turn([each.captions for each in examples], random.Random(seed))[:most]
    texts = [text for text, _ in drawn]
    return Pairs(
        torch.from_numpy(load_sentences().embed(texts)),
        torch.from_numpy(english(encoder).embed_text(texts)),
        torch.from_numpy(pictures),
        torch.tensor([picture for _, picture in drawn]),
        torch.from_numpy(english(encoder).embed_text([SENTENCE])[0]),
    )


def in_turn(captions: Sequence[Sequence[str]], rng: random.Random) -> list[tuple[str, int]]:
    """Every caption with the number of its picture: one of each picture, then another of each."""
    decks = [(i, rng.sample(list(dict.fromkeys(texts)), len(set(texts)))) for i, texts in enumerate(captions)]
    rounds = range(max((len(deck) for _, deck in decks), default=0))
    found: dict[str, int] = {}
    for turn in rounds:
        for i, deck in rng.sample(decks, len(decks)):
            if turn < len(deck):
                found.setdefault(deck[turn], i)
    return list(found.items())


def trained(pairs: Pairs, *, steps: int, batch: int, wide: int, seed: int) -> LanguageMap:
    """Train a map."""
    torch.manual_seed(seed)
    network = Perceptron(pairs, wide)
    optimizer = torch.optim.AdamW(network.parameters(), lr=2e-3, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min(1.0, (step + 1) / 100) * 0.5 * (1 + math.cos(math.pi * step / steps))
    )
    for _ in range(steps):
        rows = torch.randint(len(pairs.sentences), (batch,))
        loss = _loss(network(pairs.sentences[rows]), pairs.queries[rows], pairs.shown[rows], pairs.pictures)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    weights = {name: weight.detach().numpy() for name, weight in network.state_dict().items()}
    return LanguageMap(weights | {"at": pairs.at.numpy()})


def _loss(mapped: Tensor, queries: Tensor, shown: Tensor, pictures: Tensor) -> Tensor:
    same = (shown[:, None] == shown[None]).float()
    alike = torch.softmax(_SHARPNESS * queries @ queries.T, dim=-1)
    target = (1 - _SOFT) * same / same.sum(1, keepdim=True) + _SOFT * alike
    of_pictures = _contrast(mapped @ pictures[shown].T, target)
    of_texts = _contrast(mapped @ queries.T, torch.eye(len(mapped)))
    return of_pictures + of_texts + 10 * (1 - (mapped * queries).sum(1)).mean()


def _contrast(cosines: Tensor, target: Tensor) -> Tensor:
    """Symmetric, against soft targets (N, N)."""
    logits = _SHARPNESS * cosines
    there = -(target * logits.log_softmax(1)).sum(1).mean()
    back = -(target.T / target.T.sum(1, keepdim=True) * logits.T.log_softmax(1)).sum(1).mean()
    return (there + back) / 2
