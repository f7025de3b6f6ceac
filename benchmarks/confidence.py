"""How well the confidence of a moment tells right answers from wrong ones, and the numbers it is computed with.

    python -m benchmarks.confidence measure DATA/clips.json DATA/clips --library LIB
    python -m benchmarks.confidence fit CAPTIONS.json PICTURES

`measure`: every caption asks a library that holds its clip, and the same library without it. The best score of the
first should be higher than that of the second. It reports the area under the ROC curve and how many of the second pass
the threshold that nine tenths of the first pass, for the bare cosine and for the confidence; then how often moments of
each confidence were right. `clips.json`: [{"clip": file, "caption": text}].

`fit`: prints the coefficients of `search/calibration.py`, by logistic regression over the ten best pictures for each
caption in libraries of 100, 300, 1000 and 2000 pictures. `CAPTIONS.json`: {file: {"captions": [text], "split": name}};
those of the split "test" are used.
"""

from __future__ import annotations

import argparse
import json
import math
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.library import indexed
from indexer.clip import read_picture
from model.encoder import Encoder
from search.calibration import Background

SIZES = (100, 300, 1000, 2000)
BINS = (0.0, 0.05, 0.1, 0.2, 0.4, 1.01)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=["measure", "fit"])
    parser.add_argument("truth", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--library", type=Path)
    args = parser.parse_args()
    truth = json.loads(args.truth.read_text(encoding="utf-8"))
    if args.task == "fit":
        fit(truth, args.folder)
    else:
        measure(truth, args.folder, args.library)


def measure(truth: list[dict[str, str]], folder: Path, library: Path) -> None:
    with indexed([folder], library) as held:
        ids = held.catalog.segment_ids()
        vectors = held.catalog.embeddings(ids)
        names = np.array([Path(hit.path).name for hit in held.catalog.hits(ids.tolist(), [0.0] * len(ids))])
        queries = held.encoder.embed_text([row["caption"] for row in truth])
    right = names[None] == np.array([row["clip"] for row in truth])[:, None]
    cosines = queries @ vectors.T
    sure, best_with, best_without = np.zeros(cosines.shape), np.zeros(len(queries)), np.zeros(len(queries))
    for i, query in enumerate(queries):
        sure[i] = Background(vectors, len(vectors)).confidence(cosines[i], query[None])
        others = vectors[~right[i]]
        best_with[i] = sure[i].max()
        best_without[i] = Background(others, len(others)).confidence(cosines[i][~right[i]], query[None]).max()
    bare_without = np.where(right, -1.0, cosines).max(axis=1)
    print(f"{len(queries)} captions over {len(set(names))} videos, with and without the right one")
    for name, with_it, without in (
        ("cosine", cosines.max(axis=1), bare_without),
        ("confidence", best_with, best_without),
    ):
        passed = np.mean(without >= np.quantile(with_it, 0.1))
        print(f"{name:>10}: AUC {area(with_it, without):.3f}, false answers at 90 % recall {passed:.0%}")
    top = np.argsort(-cosines, axis=1)[:, :10]
    said, was = (np.take_along_axis(each, top, axis=1).ravel() for each in (sure, right))
    for low, high in pairwise(BINS):
        chosen = (said >= low) & (said < high)
        if chosen.any():
            print(f"confidence {said[chosen].mean():.2f}: right {was[chosen].mean():.2f} of {chosen.sum()}")


def area(with_it: NDArray[np.float64], without: NDArray[np.float64]) -> float:
    higher = with_it[:, None] > without[None]
    return float(np.mean(higher + 0.5 * (with_it[:, None] == without[None])))


def fit(truth: dict[str, dict[str, list[str]]], folder: Path) -> None:
    encoder = Encoder.load()
    rows = [(name, row["captions"]) for name, row in truth.items() if row["split"] == "test"]
    vectors = np.concatenate([read_picture(folder / name, encoder).embeddings for name, _ in rows])
    queries = encoder.embed_text([captions[0] for _, captions in rows])
    random = np.random.default_rng(0)
    variables, answers = [], []
    for size in SIZES:
        chosen = random.permutation(len(rows))[:size]
        cosines = queries[chosen] @ vectors[chosen].T
        scores = (cosines - cosines.mean(axis=1, keepdims=True)) / cosines.std(axis=1, keepdims=True)
        top = np.argsort(-cosines, axis=1)[:, :10]
        best = np.take_along_axis(scores, top, axis=1).ravel()
        variables.append(np.stack([best, np.full(len(best), math.log(len(chosen))), np.ones(len(best))], axis=1))
        answers.append((top == np.arange(len(chosen))[:, None]).ravel())
    slope, per_log_size, offset = logistic(np.concatenate(variables), np.concatenate(answers).astype(float))
    print(f"_SLOPE, _PER_LOG_SIZE, _OFFSET = {slope:.2f}, {per_log_size:.2f}, {offset:.2f}")


def logistic(variables: NDArray[np.float64], answers: NDArray[np.float64]) -> NDArray[np.float64]:
    """The coefficients of the likeliest logistic model, by Newton's method."""
    weights = np.zeros(variables.shape[1])
    for _ in range(25):
        likely = 1 / (1 + np.exp(-variables @ weights))
        curvature = (variables * (likely * (1 - likely))[:, None]).T @ variables
        weights += np.linalg.solve(curvature, variables.T @ (answers - likely))
    return weights


if __name__ == "__main__":
    main()
