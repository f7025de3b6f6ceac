"""Confidence of moments: how well it separates what a library shows from what it does not, and its coefficients.

    python -m benchmarks.confidence measure DATA/clips.json DATA/clips --library LIB
    python -m benchmarks.confidence fit CAPTIONS.json PICTURES

`measure` searches for what the library shows (every caption) and for what it does not, in three ways: a caption whose
clip is excluded; a caption with all clips excluded whose captions have its main noun (not for captions about people,
since other people remain); and things of `absent.txt` that no clip shows. It reports the area under the ROC curve and
the share of absent things above the threshold that 90 % of the captions pass, for the best cosine and for the best
confidence; then how often the thresholds of `search/ranking/calibration.py` say match, unsure and nothing.
`clips.json`: [{"clip": file, "caption": text}].

`fit` prints the coefficients of `search/ranking/calibration.py`. Queries are beginnings of captions, over libraries of
100, 300 and 1000 pictures; a picture is relevant if its captions contain at least half of the words, weighted by
rarity. Absent things are as many queries. `CAPTIONS.json`: {file: {"captions": [text], "split": name}}; only the split
"test" is used. Every other line of `absent.txt` is for fitting, the rest for measuring.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import re
import sqlite3
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.library import indexed
from indexer.features.clip import read_picture
from model.encoder.load import load
from model.encoder.prompts import everyday_queries
from search.ranking.calibration import (
    LIKELY,
    UNLIKELY,
    WORDS_ENOUGH,
    Calibrator,
    label_evidence,
)
from search.ranking.smoothing import Neighbours, neighbours_of
from store.catalog.analyzer import TOKENIZER, analyze, match_expression, terms

SIZES = (100, 300, 1000)
QUERIES = 400
FITTED = 5  # best segments of a query, whose confidences are fitted
BINS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.6, 1.01)
ABSENT = [line for line in Path(__file__).with_name("absent.txt").read_text(encoding="utf-8").split("\n") if line]
SHORT = [
    *("a dog running", "a cat", "cars at night", "cooking", "a bird", "traffic", "a man playing guitar", "flowers"),
    *("an elephant", "people dancing", "a basketball game", "a horse", "a waterfall", "surfing", "soccer", "a baby"),
]
_ENDS_SUBJECT = re.compile(r"(in|on|of|with|at|to|from|by|next|over|and|being|is|[a-z]{2,}ing)")
_PEOPLE = {
    *("man", "woman", "person", "people", "boy", "girl", "child", "children", "baby", "someone", "player", "hand"),
    *("hands", "view", "seen"),
}


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
    texts = [row["caption"] for row in truth], ABSENT[1::2], SHORT
    with indexed([folder], library) as opened:
        ids = opened.catalog.segments.ids()
        neighbours = neighbours_of(opened.catalog, ids.tolist())
        names = np.array([Path(each.path).name for each in opened.catalog.segments.located(ids.tolist())])
        captions, missing, short = (opened.encoder.embed_text(each) for each in texts)
        named = [np.array([label_evidence(opened.catalog, text, len(terms(text))) for text in each]) for each in texts]
        banks = (everyday_queries(opened.encoder)[1], opened.encoder.query_bank)
    nouns = [subject(row["caption"]) for row in truth]
    words = {row["clip"]: row["caption"].lower() for row in truth}
    own = names[None] == np.array([row["clip"] for row in truth])[:, None]
    alike = own | np.array([[noun.rstrip("s") in words[name] for name in names] for noun in nouns])
    things = np.array([noun not in _PEOPLE for noun in nouns])
    shown = scores_of(captions, neighbours, banks)
    absent = scores_of(missing, neighbours, banks)
    shown_named, absent_named, short_named = (
        scores_of(queries, neighbours, banks, evidence=evidence)
        for queries, evidence in zip((captions, missing, short), named, strict=True)
    )
    print(f"{len(captions)} captions over {len(words)} videos; best cosine -> best confidence")
    for what, positive, negative in (
        ("clip taken out", shown, scores_of(captions, neighbours, banks, ~own)),
        (
            "topic taken out",
            [each[things] for each in shown],
            scores_of(captions[things], neighbours, banks, ~alike[things]),
        ),
        ("absent things", shown, absent),
        ("with labels", shown_named, absent_named),
    ):
        areas = [f"{area(a, b):.3f}" for a, b in zip(positive, negative, strict=True)]
        passed = [f"{np.mean(b >= np.quantile(a, 0.1)):.0%}" for a, b in zip(positive, negative, strict=True)]
        print(
            f"{what:>16} ({len(negative[0])}): AUC {' -> '.join(areas)}, "
            f"false answers at 90 % recall {' -> '.join(passed)}"
        )
    print("answers, with labels:")
    for what, (_, best) in (("captions", shown_named), ("short queries", short_named), ("absent things", absent_named)):
        shares = np.mean(best >= LIKELY), np.mean((best < LIKELY) & (best >= UNLIKELY)), np.mean(best < UNLIKELY)
        print(f"{what:>16}: match {shares[0]:.0%}, unsure {shares[1]:.0%}, nothing {shares[2]:.0%}")


def scores_of(
    queries: NDArray[np.float32],
    neighbours: Neighbours,
    banks: tuple[NDArray[np.float32], NDArray[np.float32]],
    allowed: NDArray[np.bool_] | None = None,
    evidence: NDArray[np.float64] | None = None,
) -> list[NDArray[np.float64]]:
    """Return the best cosine and the best confidence of each query, of the segments that are `allowed`.

    A video is allowed or taken out as a whole, so what is left keeps its surroundings.
    """
    cosines, best = [], []
    vectors = neighbours.embeddings
    whole = Calibrator(vectors, len(vectors), *banks)
    for i, query in enumerate(queries):
        left = np.ones(len(vectors), bool) if allowed is None else allowed[i]
        calibrator = whole if allowed is None else Calibrator(vectors[left], int(left.sum()), *banks)
        similarity = neighbours.smooth(calibrator.similarity(query[None], vectors))[left]
        cosines.append((vectors[left] @ query).max())
        confidence = calibrator.confidence(similarity, evidence=0.0 if evidence is None else evidence[i])
        best.append(confidence.max())
    return [np.array(cosines), np.array(best)]


def subject(caption: str) -> str:
    """Return the main noun of a caption: the last word before a preposition, conjunction or verb."""
    words: list[str] = re.findall(r"[\w'-]+", caption.lower())
    words = [word for word in words if word not in ("a", "an", "the", "two", "three")]
    ends = next((i for i, word in enumerate(words) if i and _ENDS_SUBJECT.fullmatch(word)), len(words))
    return words[ends - 1]


def area(with_it: NDArray[np.float64], without: NDArray[np.float64]) -> float:
    higher = with_it[:, None] > without[None]
    return float(np.mean(higher + 0.5 * (with_it[:, None] == without[None])))


def fit(truth: dict[str, dict[str, Any]], folder: Path) -> None:
    encoder = load()
    rows = [(name, row["captions"]) for name, row in sorted(truth.items()) if row["split"] == "test"][: max(SIZES)]
    vectors = np.concatenate([read_picture(folder / name, encoder).embeddings for name, _ in rows])
    everyday = everyday_queries(encoder)[1]
    draw = random.Random(0)
    texts = [beginning(draw.choice(captions), draw.randint(1, 3)) for _, captions in rows[:QUERIES]]
    right = relevant(texts, [" ".join(captions) for _, captions in rows])
    absent = [text for text in ABSENT[::2] if relevant([text], [" ".join(c) for _, c in rows]).sum() == 0]
    queries = np.concatenate([encoder.embed_text(texts), encoder.embed_text(absent)])
    right = np.concatenate([right, np.zeros((len(absent), len(rows)), bool)])
    weights = np.concatenate([np.ones(len(texts)), np.full(len(absent), len(texts) / len(absent))])
    logits, answers, counted = [], [], []
    for size in SIZES:
        chosen = np.random.default_rng(size).permutation(len(rows))[:size]
        calibrator = Calibrator(vectors[chosen], size, everyday, encoder.query_bank)
        for query, marked, weight in zip(queries, right[:, chosen], weights, strict=True):
            similarity = calibrator.similarity(query[None], vectors[chosen])
            if marked.any() or weight != 1:
                best = np.argsort(-similarity)[:FITTED]
                logits += calibrator.bank_z_scores(similarity)[best].tolist()
                answers += marked[best].tolist()
                counted += [weight] * len(best)
    variables = np.stack([logits, np.ones(len(logits))], axis=1)
    slope, offset = logistic(variables, np.array(answers, float), np.array(counted))
    print(f"{len(texts)} beginnings of captions, {len(absent)} absent things")
    print(f"_SLOPE, _OFFSET = {slope:.2f}, {offset:.2f}")
    confidences = 1 / (1 + np.exp(-variables @ (slope, offset)))
    for low, high in pairwise(BINS):
        inside = (confidences >= low) & (confidences < high)
        if inside.any():
            was = np.average(np.array(answers)[inside], weights=np.array(counted)[inside])
            print(f"confidence {confidences[inside].mean():.2f}: right {was:.2f} of {inside.sum()}")


def beginning(caption: str, content_words: int) -> str:
    """Return the beginning of a caption with this number of content words."""
    content, chosen = set(terms(caption)), []
    for word in re.findall(r"[\w'-]+", caption.lower()):
        chosen.append(word)
        content_words -= word in content
        if not content_words:
            break
    return " ".join(chosen)


def relevant(queries: list[str], documents: list[str]) -> NDArray[np.bool_]:
    """Return bool (Q, N): True where a document contains at least half of a query's words, weighted by rarity."""
    database = sqlite3.connect(":memory:")
    tokenizer = TOKENIZER.replace("'", "''")
    database.execute(f"CREATE VIRTUAL TABLE held USING fts5(text, tokenize = '{tokenizer}')")
    database.executemany("INSERT INTO held VALUES (?)", [(analyze(document),) for document in documents])
    share = np.zeros((len(queries), len(documents)))
    for i, query in enumerate(queries):
        total = 0.0
        for word in terms(query):
            found = database.execute("SELECT rowid - 1 FROM held WHERE held MATCH ?", (match_expression([word]),))
            places = [place for (place,) in found]
            weight = math.log(1 + (len(documents) - len(places) + 0.5) / (len(places) + 0.5))
            share[i, places] += weight
            total += weight
        share[i] /= max(total, 1e-9)
    database.close()
    return np.asarray(share >= WORDS_ENOUGH)


def logistic(
    variables: NDArray[np.float64], answers: NDArray[np.float64], counted: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Fit a logistic regression by Newton's method and return its coefficients; `counted` are weights of rows."""
    weights = np.zeros(variables.shape[1])
    for _ in range(25):
        likely = 1 / (1 + np.exp(-variables @ weights))
        curvature = (variables * (counted * likely * (1 - likely))[:, None]).T @ variables
        weights += np.linalg.solve(curvature, variables.T @ (counted * (answers - likely)))
    return weights


if __name__ == "__main__":
    main()
