"""Labels: what frames show, in everyday words, and as the classes that the backbone was trained on.

`labels.toml` holds some sixteen hundred things and actions that people say of videos (`recipes/vocabulary.py`). How
likely each is said of a segment is read off the embedding of its frames alone, by one direction and one offset a label.
They start at the label's own text embedding, and `benchmarks/labels.py fit` fits them to captioned videos, so that a
label is as likely as people say it; `labels.safetensors` holds the result for the encoder that comes with the program.
For any other encoder the text embeddings themselves serve (zero-shot classification; Radford et al., CLIP, 2021).
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open

from model.encoder.contract import Encoder
from model.encoder.multilingual import english

VOCABULARY = Path(__file__).parent / "labels.toml"
FITTED = Path(__file__).parent / "labels.safetensors"
TEMPLATES = {"things": "a video of a {}", "actions": "a video of a person {}"}

# From `python -m benchmarks.labels`, which also says how often labels are right with them.
SHOWN = 0.3  # how likely a label is shown
CLASS_SHOWN = 0.5  # how likely a class is, in the mean over the frames
MOST = 10  # labels of one segment
_EVEN_ODDS = 4.35  # of labels that were not fitted: standard deviations above a segment's cosines with all labels


@cache
def _vocabulary() -> dict[str, str]:
    """The labels in their order, each with the sentence that its embedding is of."""
    kinds = tomllib.loads(VOCABULARY.read_text(encoding="utf-8"))
    return {name: TEMPLATES[kind].format(name) for kind, names in kinds.items() for name in names}


def label_names() -> list[str]:
    """The labels in their order, each once."""
    return list(_vocabulary())


def label_sentences() -> list[str]:
    """The sentences whose embeddings stand for the labels."""
    return list(_vocabulary().values())


def labels_in(text: str) -> list[str]:
    """Find the labels that a text names, in singular or plural, in its order; of nested ones the longest."""
    words = [_singular(word) for word in re.findall(r"[a-z]+", text.lower())]
    found, at = [], 0
    while at < len(words):
        longest = min(_most_words(), len(words) - at)
        length = next((n for n in range(longest, 0, -1) if tuple(words[at : at + n]) in _by_words()), 0)
        if length:
            found.append(_by_words()[tuple(words[at : at + length])])
        at += max(length, 1)
    return found


@cache
def _by_words() -> dict[tuple[str, ...], str]:
    return {tuple(_singular(word) for word in re.findall(r"[a-z]+", name.lower())): name for name in _vocabulary()}


@cache
def _most_words() -> int:
    return max(map(len, _by_words()))


def _singular(word: str) -> str:
    """A word without the s of a plural; the same is done to labels, so that it need not be right."""
    return word[:-1] if len(word) > 3 and word.endswith("s") else word


@dataclass(frozen=True, eq=False)
class Labeler:
    """Labels and how they are told from the embedding of frames."""

    names: tuple[str, ...]  # L labels
    directions: NDArray[np.float32]  # (L, D)
    offsets: NDArray[np.float32]  # (L,)
    encoder: Encoder
    standardized: bool  # whether a segment's cosines are compared with each other, for want of offsets
    stamp: str  # differs where labels would

    def probabilities(self, embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
        """Embeddings of frames alone (N, D) -> how likely each label is: (N, L)."""
        products = embeddings @ self.directions.T
        if self.standardized:
            products -= products.mean(axis=1, keepdims=True)
            products /= np.maximum(products.std(axis=1, keepdims=True), 1e-6)
        logits = products + self.offsets
        return np.asarray(0.5 * (1 + np.tanh(logits / 2)), np.float32)  # the logistic function, without overflow

    def label(
        self, features: Sequence[NDArray[np.float16]], embeddings: NDArray[np.float32]
    ) -> list[list[tuple[str, float]]]:
        """Label segments.

        Args:
            features: N times (T_i, F), the frames.
            embeddings: float32 (N, D), of the frames alone.

        Returns:
            for each segment at most `MOST` names with their probabilities, the likeliest first.
        """
        likely = self.probabilities(embeddings)
        classes = self.encoder.class_probabilities(features)
        return [
            _best({**_above(classes[i], self.class_names, CLASS_SHOWN), **_above(likely[i], self.names, SHOWN)})
            for i in range(len(embeddings))
        ]

    @cached_property
    def class_names(self) -> tuple[str, ...]:
        """The classes of the backbone by their first names."""
        return tuple(name.split(",")[0] for name in self.encoder.class_names)


def zero_shot_labeler(encoder: Encoder, embeddings: NDArray[np.float32]) -> Labeler:
    """Make a labeler from nothing but the embeddings (L, D) of the labels' sentences."""
    return _labeler(encoder, embeddings, np.full(len(embeddings), -_EVEN_ODDS, np.float32), standardized=True)


def fitted_labeler(encoder: Encoder) -> Labeler | None:
    """Make the labeler that was fitted to an encoder and this vocabulary; None where none was."""
    if not FITTED.is_file():
        return None
    with safe_open(FITTED, framework="numpy") as file:
        if file.metadata() != fitted_for(encoder):
            return None
        directions = file.get_tensor("directions").astype(np.float32)
        return _labeler(encoder, directions, file.get_tensor("offsets"), standardized=False)


def fitted_for(encoder: Encoder) -> dict[str, str]:
    """What `labels.safetensors` says that it belongs to."""
    digest = hashlib.blake2b(repr(label_names()).encode(), digest_size=8)
    return {"encoder": encoder.fingerprint, "vocabulary": digest.hexdigest()}


@lru_cache(maxsize=1)
def label_embeddings(encoder: Encoder) -> NDArray[np.float32]:
    """Embed the labels' sentences: float32 (L, D), unit length."""
    return english(encoder).embed_text(label_sentences())


def _labeler(
    encoder: Encoder, directions: NDArray[np.float32], offsets: NDArray[np.float32], *, standardized: bool
) -> Labeler:
    names = tuple(label_names())
    digest = hashlib.blake2b(repr((names, SHOWN, CLASS_SHOWN, MOST, standardized)).encode(), digest_size=6)
    digest.update(directions.tobytes() + offsets.tobytes())
    return Labeler(names, directions, offsets, encoder, standardized, f"{encoder.fingerprint} {digest.hexdigest()}")


def _above(likely: NDArray[np.float32], names: Sequence[str], least: float) -> dict[str, float]:
    return {names[i]: float(likely[i]) for i in np.flatnonzero(likely >= least).tolist()}


def _best(found: dict[str, float]) -> list[tuple[str, float]]:
    return sorted(found.items(), key=lambda each: -each[1])[:MOST]
