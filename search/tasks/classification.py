"""Classify videos by labels, for each segment and as a whole: zero-shot, or by a trained classifier.

Zero-shot classification (Radford et al., CLIP, 2021, section 3.1.4): a label is the mean of the vectors of several
sentences with it. How well labels fit is compared with how well the phrases of `model/encoder/querybank.txt` do, which
name what people film: where these fit better than all labels, the answer is none of them. Cosines are scaled as they
were when the model was trained, so the same rule serves every model.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.features.video import VideoFeatures
from model.encoder.classifier import Classifier, fit, readings
from model.encoder.contract import Encoder
from model.encoder.prompts import LABEL_TEMPLATES, everyday_queries

NONE = "none of these"
# From `python -m benchmarks.classification clips`, which also says how well they do. Few clips decide the margin: half
# of them ask for 0.06, the other half does better with 0.
SHARPNESS = 0.6  # of the scale of the training
NONE_MARGIN = 0.03  # by which a label must fit better than the best phrases to be as likely as none, in cosines
_NEAREST = 5  # phrases whose mean fit stands for everything that is not a label
_SYNONYM = 0.6  # cosine of texts from which a phrase says the same as a label


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


@dataclass(frozen=True, eq=False)
class Labels:
    """Labels and what they are compared with, as points of the shared space."""

    names: tuple[str, ...]  # L
    points: NDArray[np.float32]  # (L, D), unit length
    others: NDArray[np.float32]  # (B, D), unit length: phrases that say none of the labels
    scale: float  # of the model's cosines

    @classmethod
    def of(cls, names: Sequence[str], encoder: Encoder) -> Labels:
        """Embed labels.

        Raises:
            ValueError: there is no label, or one comes twice.
        """
        names = [name.strip() for name in names if name.strip()]
        if not names:
            raise ValueError("classification needs at least one label, got none")
        if twice := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"every label once, got {', '.join(sorted(twice))} more than once")
        sentences = [template.format(name) for name in names for template in LABEL_TEMPLATES]
        points = encoder.embed_text(sentences).reshape(len(names), len(LABEL_TEMPLATES), -1).mean(axis=1)
        points /= np.linalg.norm(points, axis=1, keepdims=True)
        _, others = everyday_queries(encoder)
        foreign = (others @ points.T).max(axis=1) < _SYNONYM
        return cls(tuple(names), points, others[foreign], encoder.scale)

    def probabilities(
        self, embeddings: NDArray[np.float32], *, sharpness: float = SHARPNESS, none_margin: float = NONE_MARGIN
    ) -> NDArray[np.float32]:
        """How likely each label is, and at last that none is: (N, D) -> (N, L + 1), rows sum to 1."""
        nearest = np.sort(embeddings @ self.others.T, axis=1)[:, -_NEAREST:].mean(axis=1, keepdims=True)
        cosines = np.concatenate([embeddings @ self.points.T, nearest + none_margin], axis=1)
        logits = sharpness * self.scale * cosines
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(odds / odds.sum(axis=1, keepdims=True), np.float32)


def classify(film: VideoFeatures, by: Labels | Classifier) -> Classification:
    """Classify a film by labels nobody trained on, or by a trained classifier."""
    if isinstance(by, Labels):
        return Classification(film.path, (*by.names, NONE), film.bounds, by.probabilities(film.embeddings))
    return Classification(film.path, by.names, film.bounds, by.probabilities(_readings(film)))


def train_classifier(films: Iterable[tuple[VideoFeatures, str]], encoder: Encoder) -> Classifier:
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


def _readings(film: VideoFeatures) -> NDArray[np.float32]:
    of_frame = film.segment_of_frame
    parts = [film.features[of_frame == i] for i in range(len(film.embeddings))]
    return readings(parts, film.embeddings)


def read_labels(text: str) -> list[str]:
    """Labels from a list with commas, or from a file with one a line, where empty lines and `#` lines are skipped.

    Raises:
        OSError: the file cannot be read.
    """
    path = Path(text).expanduser()
    if "," in text or not path.is_file():
        return [name.strip() for name in text.split(",") if name.strip()]
    lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    return [line for line in lines if line and not line.startswith("#")]
