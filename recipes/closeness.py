"""How close the backbone came to its teacher: what can be read from the features of either.

    python -m recipes.closeness --captions captions.jsonl --held test.jsonl --photos photos \
        --teacher teacher.tflite --kept closeness

`captions.jsonl` and `test.jsonl` are what `recipes/captions.py` writes. Both networks look at the same middle square of
every photo. *Linear probe*: a linear layer names the labelled photos of all labels that have at least ten, right on a
fifth that was held out. *Perceptron*: two layers learn in four passes to put photos where the checkpoint's text encoder
puts their captions; then all captions of the held-out photos ask for theirs. What was looked at is kept.
"""

from __future__ import annotations

import argparse
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional as F

from indexer.captioned import photo_views
from model import losses
from model.classification import fit
from model.data import LABEL_TEMPLATES, Captioned, read_captions
from model.encoder import VideoBertEncoder
from model.registry import DEFAULT_MODEL
from recipes.teacher import TeacherNet

SIZE = 224  # pixels
LEAST = 10  # photos of a label in the linear probe
EPOCHS, BATCH, WIDTH, DROPOUT, RATE = 4, 256, 1280, 0.6, 1e-3

Look = Callable[[NDArray[np.uint8]], NDArray[np.float16]]


def main() -> None:
    """Read the arguments and print one line a network."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("captions", "held", "photos", "teacher", "kept"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--model", default=DEFAULT_MODEL)
    args = parser.parse_args()
    args.kept.mkdir(parents=True, exist_ok=True)
    encoder, teacher = VideoBertEncoder.load(args.model), TeacherNet(args.teacher, first=18)
    rows, held = (read_captions(path)[0] for path in (args.captions, args.held))

    def teach(pixels: NDArray[np.uint8]) -> NDArray[np.float16]:
        return np.asarray(teacher(torch.from_numpy(pixels))[-1].mean(dim=(2, 3)).numpy().astype(np.float16))

    looks: dict[str, Look] = {"ours": encoder.features, "teacher": teach}
    for name, look in looks.items():
        seen = [_seen(part, args.photos, look, args.kept / f"{name}-{i}.npy") for i, part in enumerate((rows, held))]
        found = _perceptron(seen[0], rows, seen[1], held, encoder)
        print(f"{name}: linear probe {100 * _probe(seen[0], rows):.1f} % right, perceptron {found}", flush=True)


def _seen(rows: list[Captioned], photos: Path, look: Look, kept: Path) -> NDArray[np.float16]:
    if not kept.exists():
        views = (photo_views(photos / row.media, 1, SIZE, random.Random(0)) for row in rows)
        np.save(kept, np.concatenate([look(view) for view in views]))
    return np.asarray(np.load(kept))


def _probe(features: NDArray[np.float16], rows: list[Captioned]) -> float:
    """The share of held-out photos that a linear layer names rightly."""
    counts = Counter(row.label for row in rows if row.label)
    chosen = [i for i, row in enumerate(rows) if counts[row.label] >= LEAST]
    labels, files = [rows[i].label for i in chosen], [rows[i].media for i in chosen]
    accuracy = fit(features[chosen].astype(np.float32), labels, files, encoder="").accuracy
    if accuracy is None:
        raise SystemExit(f"no label has {LEAST} photos")
    return accuracy


def _perceptron(
    features: NDArray[np.float16],
    rows: list[Captioned],
    held_features: NDArray[np.float16],
    held: list[Captioned],
    encoder: VideoBertEncoder,
) -> str:
    torch.manual_seed(0)
    rng = random.Random(0)
    texts = [list(row.captions) or [template.format(row.label) for template in LABEL_TEMPLATES] for row in rows]
    points = _points(encoder, [text for some in texts for text in some])
    width = features.shape[1]
    net = nn.Sequential(
        *(nn.LayerNorm(width), nn.Dropout(DROPOUT / 2), nn.Linear(width, WIDTH), nn.GELU()),
        *(nn.Dropout(DROPOUT), nn.Linear(WIDTH, encoder.dim)),
    )
    scale = nn.Parameter(torch.tensor(3.0))
    optimizer = torch.optim.AdamW([*net.parameters(), scale], lr=RATE)
    steps = EPOCHS * (len(rows) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps)
    for _ in range(steps):
        chosen = rng.sample(range(len(rows)), BATCH)
        labels = np.array([rows[i].label for i in chosen])
        same = ((labels[:, None] == labels) & (labels != "")) | np.eye(BATCH, dtype=bool)
        queries = torch.stack([points[rng.choice(texts[i])] for i in chosen])
        shown = F.normalize(net(torch.from_numpy(features[chosen]).float()), dim=-1)
        optimizer.zero_grad()
        losses.multi_positive_contrastive(queries, shown, torch.from_numpy(same), scale.exp()).backward()
        optimizer.step()
        schedule.step()
    with torch.inference_mode():
        gallery = F.normalize(net.eval()(torch.from_numpy(held_features).float()), dim=-1)
        asked = [(caption, i) for i, row in enumerate(held) for caption in row.captions]
        scores = torch.from_numpy(encoder.embed_text([caption for caption, _ in asked])) @ gallery.T
        right = scores[torch.arange(len(asked)), torch.tensor([i for _, i in asked])][:, None]
        ranks = (scores >= right).sum(dim=1)
    return "  ".join(f"R@{k} {100 * (ranks <= k).float().mean():.1f}" for k in (1, 5, 10))


def _points(encoder: VideoBertEncoder, texts: list[str]) -> dict[str, torch.Tensor]:
    every = sorted(set(texts), key=len)
    return dict(zip(every, torch.from_numpy(encoder.embed_text(every)), strict=True))


if __name__ == "__main__":
    main()
