"""Captioned training data: captions files, examples in memory, and batches.

A captions file holds JSON lines, one photo or clip per line:

    {"media": "walk.mp4", "captions": ["a dog runs on grass", "a brown dog outside"], "start": 2.0, "end": 9.5}
    {"media": ["3_f0.jpg", "3_f240.jpg"], "captions": ["a man cooks pasta", "someone stirs a pot"]}
    {"media": "0001.jpg", "label": "border collie", "beliefs": {"Border collie": 0.8, "collie": 0.2}}

`media` is relative to a folder of your choice; a list of pictures is the frames of one video, in order. `start` and
`end` (seconds) select a part of a clip; rows of one `media` with a `start` are neighbours in time. A `label` instead of
captions is put into sentence templates, and examples of one label are positives for each other. `beliefs` are soft
labels: class names and their probabilities.

A batch draws only from the `random.Random` it is given, and the order of an epoch depends only on its number and the
seed, so a resumed run sees the same batches.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from model.encoder.prompts import LABEL_TEMPLATES

SOFT_LABEL_TEMPLATE = "a photo of a {}"


@dataclass(frozen=True)
class Captioned:
    """One row of a captions file."""

    media: str  # the first picture where there are several
    captions: tuple[str, ...]
    label: str = ""
    start: float | None = None  # seconds
    end: float | None = None
    soft_labels: Mapping[str, float] = field(default_factory=dict)  # probabilities by name; sum to 1 unless empty
    following: tuple[str, ...] = ()  # further pictures of the same video, in order


@dataclass(frozen=True)
class Example:
    """One row with the features of its frames."""

    features: NDArray[np.float16]  # (T, F)
    captions: tuple[str, ...]
    label: str = ""
    media: str = ""
    start: float | None = None  # seconds
    soft_labels: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Sampling:
    """How texts and frames are drawn from examples."""

    max_frames: int
    drawn_frames: int = 0  # most frames drawn from an example; 0 means max_frames
    right_subtitles: float = 0.45  # share of the examples whose subtitle is another caption of the same picture
    wrong_subtitles: float = 0.15  # share whose subtitle is a caption of another picture; the rest has none
    joined_sentences: float = 0.0  # share whose sentence is joined with that of the next neighbour
    largest_step: int = 1  # paced frames are every n-th frame, n drawn from 1 to this


@dataclass(frozen=True)
class Batch:
    """Texts and frames for one step; row i of every field describes the same example."""

    queries: list[str]  # one caption each
    subtitles: list[str]  # another caption of the same row, of another row, or ""
    sentences: list[str]  # the query; some are joined with the sentence of a neighbour
    features: NDArray[np.float16]  # (N, T, F), frames drawn with replacement
    frame_mask: NDArray[np.bool_]  # (N, T), True = real
    paced_features: NDArray[np.float16]  # (N, T', F), every n-th frame once
    paced_mask: NDArray[np.bool_]  # (N, T')
    same: NDArray[np.bool_]  # (N, N), True where two rows have the same label or are the same row
    relevant: NDArray[np.bool_]  # (N, N), True where sentence i describes row j, wholly or in part
    soft_labels: NDArray[np.float32]  # (N, K), over the names of the set; rows sum to 1, or to 0 without soft labels


def read_captions(path: Path) -> tuple[list[Captioned], list[str]]:
    """Read a captions file.

    Returns:
        The valid rows, and one message with the line number per invalid row.

    Raises:
        OSError: the file cannot be read.
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
    files = [media] if isinstance(media, str) else media
    if not isinstance(files, list) or not files or not all(isinstance(file, str) and file for file in files):
        raise ValueError(f"'media' must name a file, or several pictures in a list, got {media!r}")
    if not isinstance(captions, list) or not all(isinstance(caption, str) for caption in captions):
        raise ValueError(f"'captions' must be a list of strings, got {captions!r}")
    if not isinstance(label, str):
        raise TypeError(f"'label' must be a string, got {label!r}")
    captions = [caption.strip() for caption in captions if caption.strip()]
    if not captions and not label.strip():
        raise ValueError("a row needs 'captions' or a 'label'")
    start, end = (None if row.get(key) is None else float(row[key]) for key in ("start", "end"))
    soft_labels = _soft_labels(row.get("beliefs", {}))
    return Captioned(files[0], tuple(captions), label.strip(), start, end, soft_labels, tuple(files[1:]))


def _soft_labels(given: object) -> dict[str, float]:
    if not isinstance(given, dict) or not all(isinstance(p, int | float) and p >= 0 for p in given.values()):
        raise ValueError(f"'beliefs' must map names to probabilities of 0 or more, got {given!r}")
    total = sum(given.values())
    return {name: p / total for name, p in given.items() if p}


class CaptionedSet:
    """Examples in memory, from which batches are drawn.

    Raises:
        ValueError: `examples` is empty.
    """

    def __init__(self, examples: Sequence[Example]) -> None:
        if not examples:
            raise ValueError("training needs at least one example, got none")
        self.examples = examples
        self.names = sorted({name for example in examples for name in example.soft_labels})
        self._name_at = {name: i for i, name in enumerate(self.names)}
        self._next = _next_in_time(examples)

    def __len__(self) -> int:
        return len(self.examples)

    def texts(self) -> list[str]:
        """Return every possible query and a sentence per soft-label name, without duplicates."""
        queries = [text for example in self.examples for text in texts_of(example)]
        return list(dict.fromkeys([*queries, *self.label_sentences()]))

    def label_sentences(self) -> list[str]:
        """Return a sentence per soft-label name, in the order of `names`."""
        return [SOFT_LABEL_TEMPLATE.format(name) for name in self.names]

    def order(self, *, seed: int, epoch: int) -> list[int]:
        """Return the indices of all examples in the random order of one epoch."""
        order = list(range(len(self.examples)))
        random.Random(f"order {seed} {epoch}").shuffle(order)
        return order

    def batch(self, chosen: Sequence[int], *, rng: random.Random, sampling: Sampling) -> Batch:
        """Draw the texts and frames of the chosen examples.

        Each example gives 1 to `max_frames` frames, in order and with replacement, so that the model sees every length
        and clips that stand still; and its paced frames, after the random sub-sampling of Sun et al. 2019.

        Args:
            chosen: indices of N examples.
            rng: the only source of randomness.
            sampling: how texts and frames are drawn.
        """
        rows = [self.examples[i] for i in chosen]
        queries, subtitles, sentences, frames, paced = [], [], [], [], []
        for i, row in zip(chosen, rows, strict=True):
            query, other = _two_captions(row, rng)
            queries.append(query)
            subtitles.append(_subtitle(other, self.examples, rng, sampling))
            following = _two_captions(self.examples[self._next[i]], rng)[0] if i in self._next else other
            joined = rng.random() < sampling.joined_sentences
            sentences.append(f"{query} {following}".strip() if joined else query)
            count = rng.randint(1, sampling.drawn_frames or sampling.max_frames)
            frames.append(row.features[sorted(rng.choices(range(len(row.features)), k=count))])
            paced.append(_paced(row.features, rng, sampling))
        labels = np.array([row.label for row in rows])
        same = ((labels[:, None] == labels[None, :]) & (labels != "")[:, None]) | np.eye(len(rows), dtype=bool)
        neighbours = np.array([self._next.get(i, -1) for i in chosen])
        relevant = same | (neighbours[:, None] == np.array(chosen)[None, :])
        soft_labels = np.zeros((len(rows), len(self.names)), np.float32)
        for row, likely in zip(rows, soft_labels, strict=True):
            likely[[self._name_at[name] for name in row.soft_labels]] = list(row.soft_labels.values())
        return Batch(queries, subtitles, sentences, *_padded(frames), *_padded(paced), same, relevant, soft_labels)


def _next_in_time(examples: Sequence[Example]) -> dict[int, int]:
    """Map each example to the part of the same clip that starts next, by index, where there is one."""
    timed = [i for i, example in enumerate(examples) if example.start is not None]
    timed.sort(key=lambda i: (examples[i].media, examples[i].start))
    return {i: j for i, j in pairwise(timed) if examples[i].media == examples[j].media}


def texts_of(row: Captioned | Example) -> list[str]:
    """Return every possible query for a row: its captions, or sentences for its label."""
    return list(row.captions) or [template.format(row.label) for template in LABEL_TEMPLATES]


def _two_captions(row: Example, rng: random.Random) -> tuple[str, str]:
    """Draw a query and another text about the same picture ("" if there is none)."""
    captions = texts_of(row)
    chosen = rng.sample(captions, min(2, len(captions)))
    return chosen[0], chosen[1] if len(chosen) == 2 and row.captions else ""


def _subtitle(right: str, examples: Sequence[Example], rng: random.Random, sampling: Sampling) -> str:
    draw = rng.random()
    if draw < sampling.right_subtitles:
        return right
    if draw < sampling.right_subtitles + sampling.wrong_subtitles:
        return _two_captions(rng.choice(examples), rng)[0]
    return ""


def _paced(features: NDArray[np.float16], rng: random.Random, sampling: Sampling) -> NDArray[np.float16]:
    """Return every n-th frame from a random first one, at most `max_frames` of them."""
    step = rng.randint(1, sampling.largest_step)
    frames = features[rng.randrange(min(step, len(features))) :: step]
    first = rng.randint(0, max(len(frames) - sampling.max_frames, 0))
    return np.asarray(frames[first : first + sampling.max_frames])


def _padded(frames: list[NDArray[np.float16]]) -> tuple[NDArray[np.float16], NDArray[np.bool_]]:
    """Pad N arrays (T_i, F) to one (N, T, F) and its mask (N, T)."""
    length = max(len(frame) for frame in frames)
    features = np.zeros((len(frames), length, frames[0].shape[1]), np.float16)
    mask = np.zeros((len(frames), length), bool)
    for i, frame in enumerate(frames):
        features[i, : len(frame)] = frame
        mask[i, : len(frame)] = True
    return features, mask
