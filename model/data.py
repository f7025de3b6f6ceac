"""Captioned data: what training reads.

A captions file is JSON lines, one photo or clip a line:

    {"media": "walk.mp4", "captions": ["a dog runs on grass", "a brown dog outside"], "start": 2.0, "end": 9.5}
    {"media": "0001.jpg", "label": "border collie"}

`media` is relative to a folder of your choice; `start` and `end` (seconds) choose a part of a clip; a `label` instead
of captions is put into sentence templates, and examples of one label count as right answers for each other.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

LABEL_TEMPLATES = ("a video of a {}", "a photo of a {}", "{}", "a {}", "this is a {}", "a close-up of a {}")


@dataclass(frozen=True)
class Captioned:
    """One row of a captions file."""

    media: str
    captions: tuple[str, ...]
    label: str = ""
    start: float | None = None  # seconds
    end: float | None = None


@dataclass(frozen=True)
class Example:
    """One row with its frames looked at."""

    features: NDArray[np.float16]  # (T, F)
    captions: tuple[str, ...]
    label: str = ""


@dataclass(frozen=True)
class Batch:
    """Texts and frames for one step; row i of everything belongs together."""

    queries: list[str]  # one caption each
    subtitles: list[str]  # another caption of the same row, of another row, or ""
    features: NDArray[np.float16]  # (N, T, F)
    frame_mask: NDArray[np.bool_]  # (N, T), True = real
    same: NDArray[np.bool_]  # (N, N), True where two rows show the same


def read_captions(path: Path) -> tuple[list[Captioned], list[str]]:
    """Read a captions file.

    Returns:
        the good rows, and one sentence with the line number for each bad one.
    """
    rows, problems = [], []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            rows.append(_captioned(json.loads(line)))
        except (ValueError, TypeError, KeyError) as error:
            problems.append(f"{path.name}:{number}: {error}")
    return rows, problems


def _captioned(row: object) -> Captioned:
    if not isinstance(row, dict):
        raise TypeError(f"a row is an object, got {type(row).__name__}")
    media, captions, label = row.get("media"), row.get("captions", []), row.get("label", "")
    if not isinstance(media, str) or not media:
        raise ValueError(f"'media' must name a file, got {media!r}")
    if not isinstance(captions, list) or not all(isinstance(caption, str) for caption in captions):
        raise ValueError(f"'captions' must be a list of strings, got {captions!r}")
    if not isinstance(label, str):
        raise TypeError(f"'label' must be a string, got {label!r}")
    captions = [caption.strip() for caption in captions if caption.strip()]
    if not captions and not label.strip():
        raise ValueError("a row needs 'captions' or a 'label'")
    start, end = (None if row.get(key) is None else float(row[key]) for key in ("start", "end"))
    return Captioned(media, tuple(captions), label.strip(), start, end)


@dataclass(frozen=True)
class Corruption:
    """How subtitles are made from captions, as shares of the examples that have a second caption; the rest has none."""

    right: float = 0.45
    wrong: float = 0.15


class CaptionedSet:
    """Examples in memory, dealt out in batches."""

    def __init__(self, examples: Sequence[Example]) -> None:
        if not examples:
            raise ValueError("training needs at least one example, got none")
        self.examples = examples

    def __len__(self) -> int:
        return len(self.examples)

    def batches(self, size: int, *, rng: random.Random, max_frames: int, corruption: Corruption) -> Iterator[Batch]:
        """One pass in random order; the last, smaller batch is left out unless it is the only one.

        Each example gives 1 to `max_frames` frames, in order and with repetitions, so that the model meets every length
        and the stillness of real clips.
        """
        order = list(range(len(self.examples)))
        rng.shuffle(order)
        for first in range(0, max(len(order) - size + 1, 1), size):
            yield self._batch([self.examples[i] for i in order[first : first + size]], rng, max_frames, corruption)

    def _batch(self, rows: list[Example], rng: random.Random, max_frames: int, corruption: Corruption) -> Batch:
        queries, subtitles, frames = [], [], []
        for row in rows:
            query, other = _two_captions(row, rng)
            queries.append(query)
            subtitles.append(_subtitle(other, self.examples, rng, corruption))
            count = rng.randint(1, max_frames)
            frames.append(row.features[sorted(rng.choices(range(len(row.features)), k=count))])
        length = max(len(frame) for frame in frames)
        features = np.zeros((len(rows), length, frames[0].shape[1]), np.float16)
        mask = np.zeros((len(rows), length), bool)
        for i, frame in enumerate(frames):
            features[i, : len(frame)] = frame
            mask[i, : len(frame)] = True
        labels = np.array([row.label for row in rows])
        same = ((labels[:, None] == labels[None, :]) & (labels != "")[:, None]) | np.eye(len(rows), dtype=bool)
        return Batch(queries, subtitles, features, mask, same)


def _two_captions(row: Example, rng: random.Random) -> tuple[str, str]:
    """A query, and another text about the same picture ("" where there is none)."""
    captions = list(row.captions) or [template.format(row.label) for template in LABEL_TEMPLATES]
    chosen = rng.sample(captions, min(2, len(captions)))
    return chosen[0], chosen[1] if len(chosen) == 2 and row.captions else ""


def _subtitle(right: str, examples: Sequence[Example], rng: random.Random, corruption: Corruption) -> str:
    draw = rng.random()
    if draw < corruption.right:
        return right
    if draw < corruption.right + corruption.wrong:
        return _two_captions(rng.choice(examples), rng)[0]
    return ""
