"""Accuracy of labels, and fitting them to a checkpoint.

    python -m benchmarks.labels fit TRAIN.jsonl HELDBACK.jsonl PICTURES [--kept FOLDER]
    python -m benchmarks.labels measure HELDBACK.jsonl PICTURES [--kept FOLDER]
    python -m benchmarks.labels clips DATA/clips.json DATA/clips --library LIB
    python -m benchmarks.labels text DATA/clips.json DATA/clips --library LIB

`fit` writes `model/encoder/labels.safetensors`. Run it for each new checkpoint or vocabulary; it takes some minutes
once frame features are cached. The JSON lines are those of `recipes/captions.py --split train` and `--split heldback`;
`--kept` is a folder that caches frame features. A label is true of a video if two of its captions contain it (one, if
there are fewer than five). Directions start at the text embeddings of the labels; a logistic regression with a penalty
on the distance from them learns the true labels. The network was trained on the training videos with these captions and
is more confident of them than of others; one slope and one offset for all labels are therefore fitted on every other
held-back video (Platt scaling).

`measure` reports, for the other held-back videos, the share of predicted labels that any caption contains, and the
share of true labels that are predicted. Captions do not mention everything in the picture, so the first is a lower
bound. A row with a `label` instead of captions counts as one caption.

`clips` reports the share of labels in a clip's only caption that are predicted. `text` runs `benchmarks.retrieval text`
before and after the labels are added to the full-text index of a copy of the library.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import save_file
from torch.nn import functional as F

from benchmarks.library import indexed
from benchmarks.photos import looked_at
from benchmarks.retrieval import report
from indexer.features.labeling import stored_labeler
from model.encoder.labels import (
    CLASS_SHOWN,
    FITTED,
    SHOWN,
    Labeler,
    fitted_for,
    fitted_labeler,
    label_embeddings,
    label_names,
)
from model.encoder.load import load_videobert
from model.encoder.videobert import VideoBertEncoder
from model.registry.registry import DEFAULT_MODEL
from model.training.dataset import Example
from search import Library
from store.catalog.analyzer import analyze
from store.types import label_key

_SEVERAL = 5  # captions; from this number on, two of them must contain a label
_BETWEEN = 3  # most words between two words of a label
_STEPS, _BATCH, _RATE = 600, 512, 0.02
_LEAVING = 0.3  # penalty on the distance from the text embedding, in examples
_SURE = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=["fit", "measure", "clips", "text"])
    parser.add_argument("places", type=Path, nargs="+")
    parser.add_argument("--kept", type=Path)
    parser.add_argument("--library", type=Path)
    parser.add_argument("--model", default=DEFAULT_MODEL)
    args = parser.parse_args()
    *files, folder = args.places
    if args.task in ("clips", "text"):
        truth = json.loads(files[0].read_text(encoding="utf-8"))
        with indexed([folder], args.library) as library:
            (clips if args.task == "clips" else text)(truth, library)
        return
    encoder = load_videobert(args.model)
    rows = [looked_at(file, folder, encoder, args.kept and args.kept / f"{file.stem}.safetensors") for file in files]
    if args.task == "fit":
        save(fit(rows[0], rows[1], encoder), encoder)
    by = fitted_labeler(encoder)
    assert by is not None, "labels are not fitted to this model: run `fit` first"
    measure(rows[-1][1::2], by)


def fit(
    training: Sequence[Example], held_back: Sequence[Example], encoder: VideoBertEncoder
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Fit logistic regressions and return their directions (L, D) and offsets (L,)."""
    shown = torch.from_numpy(embedded(training, encoder))
    mean = shown.mean(dim=0)
    truth = torch.from_numpy(true_labels(training).astype(np.float32))
    texts = torch.from_numpy(label_embeddings(encoder))
    start = F.normalize(texts - texts.mean(dim=0), dim=1)
    prior = (truth.sum(dim=0) + 0.2) / (len(truth) + 5)
    slope = torch.full((len(texts), 1), 2.5, requires_grad=True)  # its logarithm
    offset = torch.log(prior / (1 - prior)).requires_grad_()
    leaving = torch.zeros_like(start, requires_grad=True)
    optimizer = torch.optim.Adam([slope, offset, leaving], lr=_RATE)
    torch.manual_seed(0)
    for _ in range(_STEPS):
        rows = torch.randint(len(shown), (_BATCH,))
        logits = (shown[rows] - mean) @ (slope.exp() * start + leaving).T + offset
        loss = F.binary_cross_entropy_with_logits(logits, truth[rows], reduction="sum") / _BATCH
        loss = loss + (_LEAVING * leaving.square().sum() + (slope - 2.5).square().sum()) / len(shown)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        directions = slope.exp() * start + leaving
        offsets = offset - directions @ mean
        a, b = platt(torch.from_numpy(embedded(held_back[::2], encoder)) @ directions.T + offsets, held_back[::2])
    print(f"{len(training)} training and {len(held_back)} held-back rows; slope {a:.2f}, offset {b:.2f}")
    return (a * directions).numpy(), (a * offsets + b).numpy()


def platt(logits: torch.Tensor, examples: Sequence[Example]) -> tuple[float, float]:
    """Fit one slope and one offset that calibrate all logits (N, L)."""
    truth = torch.from_numpy(true_labels(examples).astype(np.float32))
    coefficients = torch.tensor([1.0, 0.0], requires_grad=True)
    optimizer = torch.optim.LBFGS([coefficients], max_iter=50)

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        value = F.binary_cross_entropy_with_logits(coefficients[0] * logits + coefficients[1], truth)
        value.backward()
        return value

    with torch.enable_grad():
        optimizer.step(loss)
    a, b = coefficients.tolist()
    return a, b


def save(fitted: tuple[NDArray[np.float32], NDArray[np.float32]], encoder: VideoBertEncoder) -> None:
    directions, offsets = fitted
    tensors: dict[str, NDArray[Any]] = {"directions": directions.astype(np.float16), "offsets": offsets}
    save_file(tensors, FITTED, metadata=fitted_for(encoder))


def measure(examples: Sequence[Example], by: Labeler) -> None:
    counts, true = caption_counts(examples), true_labels(examples)
    likely = by.probabilities(embedded(examples, by.encoder))
    known = set(by.names)
    print(f"{len(examples)} rows, {len(known)} labels; {true.sum(axis=1).mean():.1f} labels of each are true")
    for least in _SURE:
        shown = likely >= least
        print(
            f"{'->' if least == SHOWN else '  '} from {least}: {shown.sum(axis=1).mean():.1f} shown, "
            f"said by any caption {100 * (counts > 0)[shown].mean():.0f} %, true {100 * true[shown].mean():.0f} %, "
            f"mean probability {100 * likely[shown].mean():.0f} %; "
            f"of true ones shown {100 * shown[true].mean():.0f} %; "
            f"different {int(shown.any(axis=0).sum())}, rows without {100 * np.mean(~shown.any(axis=1)):.0f} %"
        )
    classes = by.encoder.class_probabilities([example.features for example in examples])
    top, sure = classes.argmax(axis=1), classes.max(axis=1) >= CLASS_SHOWN
    by_class = Counter(by.class_names[i] for i in top[sure])
    print(f"classes from {CLASS_SHOWN}: {100 * sure.mean():.0f} % of rows; {', '.join(dict(by_class.most_common(12)))}")


def clips(truth: list[dict[str, str]], library: Library) -> None:
    by = stored_labeler(library.catalog, library.encoder)
    hits = expected = shown = 0
    for row in truth:
        videos = [video for video in library.videos() if Path(video.path).name == row["clip"]]
        ids = [segment.id for segment in library.catalog.segments.of(videos[0].id or 0) if segment.id is not None]
        found = {label.name for own in library.catalog.labels.of(ids).values() for label in own}
        wanted = {by.names[i] for i in mentions((row["caption"],), tuple(by.names))}
        hits, expected, shown = hits + len(wanted & found), expected + len(wanted), shown + len(found)
    recall = f"of {expected} that captions say {100 * hits / expected:.0f} % are shown"
    print(f"{len(truth)} clips: {shown / len(truth):.1f} labels each; {recall}")


def text(truth: list[dict[str, str]], library: Library) -> None:
    """Measure retrieval with labels in the full-text index of a copy of the library."""
    with tempfile.TemporaryDirectory() as home:
        copy = Path(home) / "library"
        shutil.copytree(library.folder, copy)
        with Library(copy, encoder=library.encoder) as copied:
            captions, names = [row["caption"] for row in truth], [row["clip"] for row in truth]
            print("without labels: ", end="")
            report(captions, names, [copied.search(caption, top=100) for caption in captions], 0)
            for number, own in copied.catalog.labels.of(copied.catalog.segments.ids().tolist()).items():
                words = analyze(" ".join(label.name for label in own))
                copied.catalog.database.execute(
                    "UPDATE segments_fts SET said = said || char(10) || ? WHERE rowid = ?", words, number
                )
        with Library(copy, encoder=library.encoder) as copied:
            print("with labels: ", end="")
            report(captions, names, [copied.search(caption, top=100) for caption in captions], 0)


def embedded(examples: Sequence[Example], encoder: object) -> NDArray[np.float32]:
    assert isinstance(encoder, VideoBertEncoder)
    return encoder.embed_segments([example.features for example in examples], [""] * len(examples))


def true_labels(examples: Sequence[Example]) -> NDArray[np.bool_]:
    """Return bool (N, L): True where a label is true of an example."""
    needed = np.array([2 if len(captions_of(example)) >= _SEVERAL else 1 for example in examples])
    return np.asarray(caption_counts(examples) >= needed[:, None])


def caption_counts(examples: Sequence[Example]) -> NDArray[np.int16]:
    """Return int16 (N, L): the number of captions of each example that contain each label."""
    names = tuple(label_names())
    counts = np.zeros((len(examples), len(names)), np.int16)
    for row, example in zip(counts, examples, strict=True):
        for caption in captions_of(example):
            row[list(mentions((caption,), names))] += 1
    return counts


def captions_of(example: Example) -> Sequence[str]:
    return example.captions or ([example.label] if example.label else [])


@cache
def mentions(captions: tuple[str, ...], names: tuple[str, ...]) -> frozenset[int]:
    """Return the labels in a caption: their words in order, with at most a few others between them."""
    by_first = _by_first_word(names)
    found = set()
    for caption in captions:
        words = [word for word in map(_key, re.findall(r"[^\W\d_]+", caption.lower())) if word]
        for at, word in enumerate(words):
            for number, rest in by_first.get(word, ()):
                place = at
                for next_word in rest:
                    near = words[place + 1 : place + 2 + _BETWEEN]
                    if next_word not in near:
                        break
                    place += 1 + near.index(next_word)
                else:
                    found.add(number)
    return frozenset(found)


@cache
def _by_first_word(names: tuple[str, ...]) -> dict[str, list[tuple[int, list[str]]]]:
    by_first: dict[str, list[tuple[int, list[str]]]] = {}
    for number, name in enumerate(names):
        first, *rest = label_key(name).split()
        by_first.setdefault(first, []).append((number, rest))
    return by_first


@cache
def _key(word: str) -> str:
    return label_key(word)


if __name__ == "__main__":
    main()
