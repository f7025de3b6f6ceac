"""What videos show, out of given labels: for each segment and for the whole."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.features.video import Film
from model.encoder.classifier import Classifier, fit, readings
from model.encoder.videobert import Encoder
from search.tasks.labels import NONE, Labels


@dataclass(frozen=True, eq=False)
class Classification:
    """How likely each label is, in a video and in its parts."""

    path: Path
    names: tuple[str, ...]  # the L labels; of zero-shot classification the last one is "none of these"
    bounds: NDArray[np.float64]  # (N + 1,) where the segments begin, and where the last one ends, seconds
    probabilities: NDArray[np.float32]  # (N, L), rows sum to 1

    @property
    def overall(self) -> NDArray[np.float32]:
        """Of the whole video: (L,), the mean over its segments, long ones counting more."""
        return np.asarray(np.average(self.probabilities, axis=0, weights=np.diff(self.bounds)), np.float32)

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""

        def named(row: NDArray[np.float32]) -> dict[str, float]:
            return {self.names[i]: round(float(row[i]), 4) for i in np.argsort(-row)}

        parts = zip(self.bounds[:-1].tolist(), self.bounds[1:].tolist(), self.probabilities, strict=True)
        return {
            "video": str(self.path),
            "labels": named(self.overall),
            "segments": [{"start": round(a, 3), "end": round(b, 3), "labels": named(row)} for a, b, row in parts],
        }


def classify(film: Film, by: Labels | Classifier) -> Classification:
    """Classify a film by labels nobody trained on, or by a trained classifier."""
    if isinstance(by, Labels):
        return Classification(film.path, (*by.names, NONE), film.bounds, by.probabilities(film.embeddings))
    return Classification(film.path, by.names, film.bounds, by.probabilities(_readings(film)))


def train_classifier(films: Iterable[tuple[Film, str]], encoder: Encoder) -> Classifier:
    """Fit a classifier to films with a label each; every segment of a film is an example.

    Raises:
        ValueError: there are fewer than two labels.
    """
    inputs, labels, groups = [], [], []
    for film, label in films:
        inputs.append(_readings(film))
        labels += [label] * len(film.embeddings)
        groups += [str(film.path)] * len(film.embeddings)
    stacked = np.concatenate(inputs) if inputs else np.zeros((0, 1), np.float32)
    return fit(stacked, labels, groups, encoder=encoder.fingerprint)


def read_labelled(path: Path) -> tuple[list[tuple[Path, str]], list[str]]:
    """Read a CSV file with the columns `video` and `label`; paths are relative to the file.

    Returns:
        the good rows, and a sentence with the line number for each bad one.

    Raises:
        ValueError: the columns are others.
    """
    rows, problems = [], []
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        if not {"video", "label"} <= set(reader.fieldnames or ()):
            raise ValueError(f"{path} needs the columns video and label, got {', '.join(reader.fieldnames or ())}")
        for row in reader:
            video, label = (row["video"] or "").strip(), (row["label"] or "").strip()
            if video and label:
                rows.append((path.parent / video, label))
            else:
                problems.append(f"{path.name}:{reader.line_num}: a row needs a video and a label")
    return rows, problems


def _readings(film: Film) -> NDArray[np.float32]:
    of_frame = film.segment_of_frame
    parts = [film.features[of_frame == i] for i in range(len(film.embeddings))]
    return readings(parts, film.embeddings)
