"""Accuracy of classification: zero-shot on clips, and a trained classifier on photos of sports.

    python -m benchmarks.classification clips DATA/clips.json DATA/clips --library LIB
    python -m benchmarks.classification sports DATA/labelled.json PHOTOS

*clips*: the label of a clip is the noun (or its plural) in its caption; clips with several of the nouns are left out,
and clips with none have the label "none of these". The margin that best separates these two kinds, and then the
sharpness of the highest likelihood, are fitted on every other clip and tested on the rest, next to the constants of
search/tasks/classification.py.

*sports*: `labelled.json` maps files under `sports22/` to a sport. Four fifths train a classifier; the rest is
classified by it and by labels alone. The shipped model was trained on all of these photos with their labels, so "labels
alone" is not a zero-shot score here.
"""

from __future__ import annotations

import argparse
import json
import random
import re
from pathlib import Path

import numpy as np

from benchmarks.library import indexed
from indexer.features.examples import photo_frame, read_photo
from model.encoder.classifier import fit, probe_inputs
from model.encoder.load import load_videobert
from search import Library
from search.tasks.classification import NONE, NONE_MARGIN, SHARPNESS, Labels

NOUNS = [
    "dog",
    "cat",
    "car",
    "elephant",
    "flower",
    "bear",
    "horse",
    "cow",
    "butterfly",
    "basketball",
    "soccer",
    "guitar",
    "waterfall",
    "rabbit",
    "swan",
    "motorway",
    "forest",
    "street",
    "gym",
    "kitchen",
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=["clips", "sports"])
    parser.add_argument("truth", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--library", type=Path)
    args = parser.parse_args()
    truth = json.loads(args.truth.read_text(encoding="utf-8"))
    if args.task == "sports":
        sports({file: label for file, label in truth.items() if file.startswith("sports22/")}, args.folder)
        return
    with indexed([args.folder], args.library) as library:
        clips(truth, args.folder, library)


def noun_of(caption: str) -> str | None:
    """Return the noun of a caption, `NONE` if there is none, None if there are several."""
    words = set(re.findall(r"[a-z]+", caption.lower()))
    found = [noun for noun in NOUNS if words & {noun, f"{noun}s"}]
    return NONE if not found else found[0] if len(found) == 1 else None


def clips(truth: list[dict[str, str]], folder: Path, library: Library) -> None:
    labels = Labels.of(NOUNS, library.encoder)
    known = [(row["clip"], noun_of(row["caption"])) for row in truth]
    embedded = [(library.film(folder / clip).embeddings, noun) for clip, noun in known if noun]
    targets = np.array([[*NOUNS, NONE].index(noun) for _, noun in embedded])

    def chances(sharpness: float, margin: float) -> np.ndarray:
        options = {"sharpness": sharpness, "none_margin": margin}
        return np.stack([labels.probabilities(rows, **options).mean(axis=0) for rows, _ in embedded])

    none = targets[::2] == len(NOUNS)

    def kept_apart(margin: float) -> float:
        """Return the sum of the recall of "some label" and the recall of "none of these"."""
        none_predicted = chances(SHARPNESS, margin)[::2].argmax(axis=1) == len(NOUNS)
        return float(none_predicted[none].mean() + (~none_predicted[~none]).mean())

    def loss(sharpness: float) -> float:
        """Return the cross-entropy with equal weight of the two kinds, whose ratio depends on the library."""
        missed = -np.log(chances(sharpness, margin)[::2][np.arange(len(none)), targets[::2]] + 1e-9)
        return float(missed[none].mean() + missed[~none].mean())

    margin = max(np.arange(-0.2, 0.2, 0.01).round(2).tolist(), key=kept_apart)
    best = min(np.geomspace(0.25, 4, 33).round(2).tolist(), key=loss), margin
    print(f"{len(embedded)} clips, {(targets < len(NOUNS)).sum()} with one of {len(NOUNS)} nouns")
    for name, point in (("fitted now", best), ("as it stands", (SHARPNESS, NONE_MARGIN))):
        print(f"{name}: sharpness {point[0]}, margin {point[1]}:", report(chances(*point)[1::2], targets[1::2]))


def report(found: np.ndarray, targets: np.ndarray) -> str:
    answers, named = found.argmax(axis=1), targets < len(NOUNS)
    among = found[named, : len(NOUNS)].argmax(axis=1) == targets[named]
    sure = found.max(axis=1)
    bins = np.minimum((sure * 5).astype(int), 4)
    right = answers == targets
    gap = sum(abs(right[bins == b].mean() - sure[bins == b].mean()) * (bins == b).mean() for b in np.unique(bins))
    return (
        f"right among the nouns {100 * among.mean():.0f} %, right with none as an answer {100 * right.mean():.0f} %, "
        f"none recognised {100 * right[~named].mean():.0f} %, "
        f"a noun kept {100 * (answers[named] < len(NOUNS)).mean():.0f} %, "
        f"calibration error {100 * gap:.0f} %"
    )


def sports(truth: dict[str, str], folder: Path) -> None:
    encoder = load_videobert()
    files = random.Random(0).sample(sorted(truth), len(truth))
    looks = [encoder.features(photo_frame(read_photo(folder / file))) for file in files]
    embeddings = encoder.embed_segments(looks, [""] * len(files))
    inputs, labels = probe_inputs(looks, embeddings), [truth[file] for file in files]
    test_size = len(files) // 5
    trained = fit(inputs[test_size:], labels[test_size:], files[test_size:], encoder=encoder.fingerprint)
    named = [trained.names[i] for i in trained.probabilities(inputs[:test_size]).argmax(axis=1)]
    by_words = Labels.of([name.replace("_", " ") for name in trained.names], encoder)
    worded = [trained.names[i] for i in (embeddings[:test_size] @ by_words.points.T).argmax(axis=1)]
    print(f"{len(files)} photos of {len(trained.names)} sports, {test_size} held out")
    for how, answers in (("trained classifier", named), ("labels alone, seen in training", worded)):
        print(f"{how}: {100 * np.mean([a == b for a, b in zip(answers, labels[:test_size], strict=True)]):.0f} % right")


if __name__ == "__main__":
    main()
