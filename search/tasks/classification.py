"""Classify segments and whole videos by labels: zero-shot, or with a trained classifier.

Zero-shot classification follows CLIP (Radford et al., 2021, section 3.1.4): a label's vector is the mean embedding of
several prompts. The everyday queries of `model/encoder/querybank.txt` compete with the labels: where they fit better,
the answer is "none of these". Cosines are multiplied by the scale that the model was trained with, so the same
constants serve every model.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.features.video import VideoFeatures
from model.encoder.classifier import Classifier, fit, probe_inputs
from model.encoder.contract import Encoder
from model.encoder.language import SURE, english_odds
from model.encoder.multilingual import warn_unread
from model.encoder.prompts import LABEL_TEMPLATES, everyday_queries
from search.query.labels import english_label

NONE = "none of these"
_COMMA = re.compile("[,\uff0c\u3001\u060c]")  # also full-width, ideographic and Arabic ones
# `python -m benchmarks.classification clips` fits and scores these. The margin rests on few clips: half of them ask for
# 0.06, the other half for 0.
SHARPNESS = 0.6  # share of the scale of the training
NONE_MARGIN = 0.03  # cosine added to "none of these"
_NEAREST = 5  # everyday queries whose mean cosine is that of "none of these"
_SYNONYM = 0.6  # text cosine from which an everyday query counts as a label's synonym and is left out


@dataclass(frozen=True, eq=False)
class Classification:
    """Label probabilities of a video and of its segments."""

    path: Path
    names: tuple[str, ...]  # L labels; zero-shot classification appends "none of these"
    bounds: NDArray[np.float64]  # (N + 1,), seconds: where segments begin, then where the last one ends
    probabilities: NDArray[np.float32]  # (N, L), rows sum to 1

    @property
    def overall(self) -> NDArray[np.float32]:
        """Return the mean over segments, weighted by their length: (L,)."""
        return np.asarray(np.average(self.probabilities, axis=0, weights=np.diff(self.bounds)), np.float32)

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""

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
    """Embedded labels, and the everyday queries that compete with them."""

    names: tuple[str, ...]  # L
    points: NDArray[np.float32]  # (L, D), unit rows
    others: NDArray[np.float32]  # (B, D), unit rows: everyday queries that are no synonym of a label
    scale: float  # that the model's cosines were multiplied by in training

    @classmethod
    def of(cls, names: Sequence[str], encoder: Encoder) -> Labels:
        """Embed labels.

        Raises:
            ValueError: there is no label, or a duplicate.
        """
        names = [name.strip() for name in names if name.strip()]
        if not names:
            raise ValueError("classification needs at least one label, got none")
        if twice := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"every label once, got {', '.join(sorted(twice))} more than once")
        points = _points(names, encoder)
        _, others = everyday_queries(encoder)
        foreign = (others @ points.T).max(axis=1) < _SYNONYM
        return cls(tuple(names), points, others[foreign], encoder.scale)

    def probabilities(
        self, embeddings: NDArray[np.float32], *, sharpness: float = SHARPNESS, none_margin: float = NONE_MARGIN
    ) -> NDArray[np.float32]:
        """Return the probability of each label, then of none: (N, D) -> (N, L + 1), rows sum to 1."""
        nearest = np.sort(embeddings @ self.others.T, axis=1)[:, -_NEAREST:].mean(axis=1, keepdims=True)
        cosines = np.concatenate([embeddings @ self.points.T, nearest + none_margin], axis=1)
        logits = sharpness * self.scale * cosines
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(odds / odds.sum(axis=1, keepdims=True), np.float32)


def _points(names: Sequence[str], encoder: Encoder) -> NDArray[np.float32]:
    """Embed labels, each as the mean of its sentences: float32 (L, D), unit rows.

    Common ones in other languages are said in English. The rest stand alone, since no tower reads half a sentence.
    """
    known = [english_label(name) for name in names]
    alone = english_odds(", ".join(names)) <= -SURE
    warn_unread(encoder, [name for name, label in zip(names, known, strict=True) if label is None])
    templates = [("{}",) if alone and label is None else LABEL_TEMPLATES for label in known]
    said = [label or name for name, label in zip(names, known, strict=True)]
    sentences = [each.format(name) for name, form in zip(said, templates, strict=True) for each in form]
    rows = np.split(encoder.embed_text(sentences), np.cumsum([len(form) for form in templates])[:-1])
    means = np.stack([row.mean(axis=0) for row in rows])
    return np.asarray(means / np.linalg.norm(means, axis=1, keepdims=True), np.float32)


def classify(video: VideoFeatures, by: Labels | Classifier) -> Classification:
    """Classify a video zero-shot by labels, or with a trained classifier."""
    if isinstance(by, Labels):
        return Classification(video.path, (*by.names, NONE), video.bounds, by.probabilities(video.embeddings))
    return Classification(video.path, by.names, video.bounds, by.probabilities(_probe_inputs(video)))


def train_classifier(videos: Iterable[tuple[VideoFeatures, str]], encoder: Encoder) -> Classifier:
    """Fit a classifier to videos with one label each; every segment is an example.

    Raises:
        ValueError: there are fewer than two labels.
    """
    inputs, labels, groups = [], [], []
    for video, label in videos:
        inputs.append(_probe_inputs(video))
        labels += [label] * len(video.embeddings)
        groups += [str(video.path)] * len(video.embeddings)
    stacked = np.concatenate(inputs) if inputs else np.zeros((0, 1), np.float32)
    return fit(stacked, labels, groups, encoder=encoder.fingerprint)


def read_labelled(path: Path) -> tuple[list[tuple[Path, str]], list[str]]:
    """Read a CSV file with columns `video` and `label`; paths are relative to the file.

    Returns:
        (video, label) pairs, and a message with the line number for each malformed row.

    Raises:
        ValueError: a column is missing.
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


def _probe_inputs(video: VideoFeatures) -> NDArray[np.float32]:
    of_frame = video.segment_of_frame
    parts = [video.features[of_frame == i] for i in range(len(video.embeddings))]
    return probe_inputs(parts, video.embeddings)


def read_labels(text: str) -> list[str]:
    """Read labels from a list with commas of any script, or from a file with one per line, without empty and `#` lines.

    Raises:
        OSError: the file cannot be read.
    """
    path = Path(text).expanduser()
    if _COMMA.search(text) or not path.is_file():
        return [name.strip() for name in _COMMA.split(text) if name.strip()]
    lines = [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines()]
    return [line for line in lines if line and not line.startswith("#")]
