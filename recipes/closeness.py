"""What can be read from the backbone's features and from its teachers': how close it came, and what no training
on top of either gets beyond.

    python -m recipes.closeness --captions believed.jsonl --held test.jsonl --photos photos \
        --truth clips.json --clips clips --teacher a.tflite --teacher b.tflite --kept closeness

`believed.jsonl` and `test.jsonl` are what `recipes/beliefs.py` and `recipes/captions.py` write, `clips.json` is as in
`benchmarks/retrieval.py`. All networks look at the same middle square. *Tells*: the share of a teacher's variance
that a linear map from other features gives, learned from the photos. *Linear probe*: a linear layer names the
labelled photos of all labels that have at least ten, right on a fifth that was held out. *Perceptron*: two layers
learn to put photos where the checkpoint's text encoder puts their captions, with and without what classifiers take
them for; then all captions of the held-out photos ask for theirs, and those of the clips, as means of their frames,
for theirs. *In regions*: the perceptron reads the four corners of the backbone's last map beside the whole of it, and
the mean of the five points counts. What was looked at is kept in the folder `--kept`.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from indexer.captioned import photo_views
from indexer.decode import read_frames
from model import losses
from model.classification import fit
from model.data import LABEL_TEMPLATES, Captioned, CaptionedSet, Example, read_captions
from model.encoder import VideoBertEncoder
from model.frames import prepare_frames
from model.heads import frame_layers
from model.registry import DEFAULT_MODEL
from recipes.teacher import TeacherNet

SIZE = 224  # pixels
FPS, MOST = 2.0, 8  # frames a second of a clip, and of a clip in all
RIDGE = 100.0
LEAST = 10  # photos of a label in the linear probe
EPOCHS, BATCH, WIDTH, DROPOUT, RATE, WARMUP = 8, 256, 1536, 0.7, 1e-3, 0.15

Features = NDArray[np.float16]
Look = Callable[[NDArray[np.uint8]], Features]


@dataclass(frozen=True)
class Seen:
    """What one network made of everything."""

    photos: Features  # (N, R, F), to learn from; R regions, mostly the whole alone
    held: Features  # (M, R, F)
    clips: list[Features]  # (T_i, R, F) each


@dataclass(frozen=True)
class Asked:
    """Texts as points and what they ask for."""

    points: Tensor  # (Q, D)
    wanted: Tensor  # int64 (Q,), places in a gallery


def main() -> None:
    """Read the arguments and print the lines of each network."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("captions", "held", "photos", "truth", "clips", "kept"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--teacher", type=Path, action="append", required=True)
    parser.add_argument("--model", default=DEFAULT_MODEL)
    args = parser.parse_args()
    args.kept.mkdir(parents=True, exist_ok=True)
    encoder = VideoBertEncoder.load(args.model)
    rows, held = (read_captions(path)[0] for path in (args.captions, args.held))
    truth = json.loads(args.truth.read_text(encoding="utf-8"))
    clips = [args.clips / row["clip"] for row in truth]
    looks: dict[str, Look] = {"ours": encoder.features, "ours in regions": _in_regions(encoder)}
    looks |= {path.stem: _teaching(TeacherNet(path, first=18)) for path in args.teacher}
    seen = {}
    for name, look in looks.items():
        stem = str(args.kept / name.replace("ours", encoder.backbone).replace(" ", "-"))
        seen[name] = Seen(
            np.concatenate(_kept(Path(f"{stem}-photos.npz"), look, _pictures(rows, args.photos))),
            np.concatenate(_kept(Path(f"{stem}-held.npz"), look, _pictures(held, args.photos))),
            _kept(Path(f"{stem}-clips.npz"), look, map(_frames, clips)),
        )
    teachers = [path.stem for path in args.teacher]
    for name, teacher in itertools.product(["ours", *teachers], teachers):
        if name != teacher:
            photos, frames = _told(seen[name], seen[teacher])
            print(f"{name} tells of {teacher}: {100 * photos:.0f} % on held-out photos, {100 * frames:.0f} % on clips")
    taught = [seen[name] for name in teachers]
    if len(taught) > 1:
        seen["teachers together"] = Seen(
            np.concatenate([of.photos for of in taught], axis=2),
            np.concatenate([of.held for of in taught], axis=2),
            [np.concatenate(parts, axis=2) for parts in zip(*(of.clips for of in taught), strict=True)],
        )
    captions = [(caption, i) for i, row in enumerate(held) for caption in row.captions]
    of_photos = Asked(*(_points(encoder, [c for c, _ in captions]), torch.tensor([i for _, i in captions])))
    of_clips = Asked(_points(encoder, [row["caption"] for row in truth]), torch.arange(len(truth)))
    for name, of in seen.items():
        print(f"{name}: linear probe {100 * _probe(of.photos[:, 0], rows):.1f} % right")
        for weight in (0.0, 0.5):
            net = _perceptron(of.photos, rows, encoder, belief_weight=weight)
            photos = F.normalize(net(torch.from_numpy(of.held).float()).mean(dim=1), dim=-1)
            shown = [net(torch.from_numpy(frames).float()).mean(dim=(0, 1)) for frames in of.clips]
            found = f"photos {_recall(of_photos, photos)}   clips {_recall(of_clips, F.normalize(torch.stack(shown)))}"
            print(f"    perceptron {'with' if weight else 'without'} beliefs: {found}", flush=True)


def _teaching(net: TeacherNet) -> Look:
    return lambda pixels: np.asarray(net.judge(torch.from_numpy(pixels))[0].numpy().astype(np.float16))


def _in_regions(encoder: VideoBertEncoder) -> Look:
    """The mean of the backbone's last map, and those of its four corners of four places by four, which overlap."""

    @torch.inference_mode()
    def look(pixels: NDArray[np.uint8]) -> Features:
        maps = encoder.model.backbone.blocks(prepare_frames(torch.from_numpy(pixels).to(encoder.device), SIZE))
        corners = [maps[:, :, y, x] for y in (slice(4), slice(-4, None)) for x in (slice(4), slice(-4, None))]
        regions = torch.stack([part.mean(dim=(2, 3)) for part in (maps, *corners)], dim=1)
        return np.asarray(regions.half().cpu().numpy())

    return look


def _pictures(rows: list[Captioned], photos: Path) -> Iterator[NDArray[np.uint8]]:
    return (photo_views(photos / row.media, 1, SIZE, random.Random(0)) for row in rows)


def _frames(clip: Path) -> NDArray[np.uint8]:
    frames = np.concatenate([frames.data for frames in read_frames(clip, fps=FPS, short_side=SIZE)])
    top, left = ((side - SIZE) // 2 for side in frames.shape[2:])
    chosen = np.linspace(0, len(frames) - 1, min(MOST, len(frames))).round().astype(int)
    return np.ascontiguousarray(frames[chosen, :, top : top + SIZE, left : left + SIZE])


def _kept(path: Path, look: Look, pictures: Iterator[NDArray[np.uint8]]) -> list[Features]:
    if not path.exists():
        np.savez(path, *[look(frames) for frames in pictures])
    with np.load(path) as file:
        return [seen[:, None] if seen.ndim == 2 else seen for seen in file.values()]  # (T, R, F) each


def _told(by: Seen, of: Seen) -> tuple[float, float]:
    """The share of variance that a ridge regression from one to the other explains, on held-out photos and on clips."""
    rows, wanted = ([x[:, 0] for x in (s.photos, s.held, np.concatenate(s.clips))] for s in (by, of))
    learned, *asked = [np.c_[x, np.ones(len(x))].astype(np.float64) for x in rows]
    target, *answers = [x.astype(np.float64) for x in wanted]
    gram = learned.T @ learned + RIDGE * np.eye(learned.shape[1])
    through = np.linalg.solve(gram, learned.T @ target)
    missed = [((x @ through - y) ** 2).mean() / y.var(axis=0).mean() for x, y in zip(asked, answers, strict=True)]
    return 1 - missed[0], 1 - missed[1]


def _probe(features: Features, rows: list[Captioned]) -> float:
    """The share of held-out photos that a linear layer names rightly."""
    counts = Counter(row.label for row in rows if row.label)
    chosen = [i for i, row in enumerate(rows) if counts[row.label] >= LEAST]
    labels, files = [rows[i].label for i in chosen], [rows[i].media for i in chosen]
    accuracy = fit(features[chosen].astype(np.float32), labels, files, encoder="").accuracy
    if accuracy is None:
        raise SystemExit(f"no label has {LEAST} photos")
    return accuracy


def _perceptron(
    features: Features, rows: list[Captioned], encoder: VideoBertEncoder, *, belief_weight: float
) -> nn.Module:
    torch.manual_seed(0)
    rng = random.Random(0)
    texts = [list(row.captions) or [template.format(row.label) for template in LABEL_TEMPLATES] for row in rows]
    every = sorted({text for some in texts for text in some})
    points = dict(zip(every, _points(encoder, every), strict=True))
    believed = CaptionedSet(
        [Example(f[:1], row.captions, beliefs=row.beliefs) for f, row in zip(features, rows, strict=True)]
    )
    named = _points(encoder, believed.believed())
    beliefs = torch.tensor([[row.beliefs.get(name, 0.0) for name in believed.names] for row in rows])
    width = features.shape[2]
    net = frame_layers(width, WIDTH, encoder.dim, dropout=DROPOUT)
    scale = nn.Parameter(torch.tensor(2.7))
    optimizer = torch.optim.AdamW([*net.parameters(), scale], lr=RATE)
    steps = EPOCHS * (len(rows) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps, pct_start=WARMUP)
    for _ in range(steps):
        chosen = rng.sample(range(len(rows)), BATCH)
        labels = np.array([rows[i].label for i in chosen])
        same = ((labels[:, None] == labels) & (labels != "")) | np.eye(BATCH, dtype=bool)
        queries = torch.stack([points[rng.choice(texts[i])] for i in chosen])
        shown = F.normalize(net(torch.from_numpy(features[chosen]).float()).mean(dim=1), dim=-1)
        loss = losses.multi_positive_contrastive(queries, shown, torch.from_numpy(same), scale.exp())
        if belief_weight:
            loss = loss + belief_weight * losses.believing(shown, named, beliefs[chosen], scale.exp())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return net.eval().requires_grad_(False)


def _recall(asked: Asked, gallery: Tensor) -> str:
    scores = asked.points @ gallery.T
    ranks = (scores >= scores.gather(1, asked.wanted[:, None])).sum(dim=1)
    return "  ".join(f"R@{k} {100 * (ranks <= k).float().mean():.1f}" for k in (1, 5, 10))


def _points(encoder: VideoBertEncoder, texts: list[str]) -> Tensor:
    """(N, D), unit length; texts of one length are read together, since padding costs time."""
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    points = torch.from_numpy(encoder.embed_text([texts[i] for i in order]))
    return points[torch.tensor(order).argsort()]


if __name__ == "__main__":
    main()
