"""A linear probe: a trained classifier of segments on top of a frozen encoder.

Its input is the mean frame feature and the embedding of a segment: linear layers on CNN features are hard to beat with
few examples (Kornblith et al., "Do better ImageNet models transfer better?", 2019), and the embedding includes
subtitles. Temperature scaling on held-out examples calibrates it (Guo et al., "On calibration of modern neural
networks", 2017). It is saved as a folder of JSON and safetensors, with the encoder's fingerprint.
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file
from torch.nn import functional as F

_STEPS = 300
_TEMPERATURES = np.geomspace(0.25, 8, 41)
_FILES = ("classifier.json", "classifier.safetensors")


@dataclass(frozen=True, eq=False)
class Classifier:
    """A linear layer with softmax, and its accuracy on held-out examples."""

    names: tuple[str, ...]  # L labels
    encoder: str  # fingerprint
    weight: NDArray[np.float32]  # (L, F + D), of standardized inputs, divided by the temperature
    bias: NDArray[np.float32]  # (L,)
    mean: NDArray[np.float32]  # (F + D,)
    deviation: NDArray[np.float32]  # (F + D,)
    accuracy: float | None  # on held-out examples, 0 to 1; None if there were too few

    def probabilities(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Inputs (N, F + D), see `probe_inputs` -> (N, L), rows sum to 1."""
        logits = (inputs - self.mean) / self.deviation @ self.weight.T + self.bias
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(odds / odds.sum(axis=1, keepdims=True), np.float32)

    def save(self, folder: Path) -> None:
        """Write a folder, created if missing."""
        folder.mkdir(parents=True, exist_ok=True)
        stored = {"labels": self.names, "encoder": self.encoder, "accuracy": self.accuracy}
        (folder / _FILES[0]).write_text(json.dumps(stored, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
        arrays = {name: getattr(self, name) for name in ("weight", "bias", "mean", "deviation")}
        save_file(arrays, folder / _FILES[1])

    @classmethod
    def load(cls, folder: Path, *, encoder: str) -> Classifier:
        """Read a folder.

        Raises:
            FileNotFoundError: it is not a classifier.
            ValueError: it was trained on an encoder with another fingerprint.
        """
        for name in _FILES:
            if not (folder / name).is_file():
                raise FileNotFoundError(f"no {name} in {folder}: not a classifier")
        stored = json.loads((folder / _FILES[0]).read_text(encoding="utf-8"))
        if stored["encoder"] != encoder:
            raise ValueError(f"{folder} was trained on the encoder {stored['encoder']}, this one is {encoder}")
        return cls(tuple(stored["labels"]), encoder, accuracy=stored["accuracy"], **load_file(folder / _FILES[1]))


def probe_inputs(features: Sequence[NDArray[np.float16]], embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
    """Concatenate mean frame features and embeddings: N times (T_i, F) and (N, D) -> (N, F + D)."""
    means = np.stack([frames.astype(np.float32).mean(axis=0) for frames in features])
    return np.concatenate([means, embeddings], axis=1)


def fit(
    inputs: NDArray[np.float32], labels: Sequence[str], groups: Sequence[str], *, encoder: str, seed: int = 0
) -> Classifier:
    """Fit a classifier.

    A fifth of the groups is held out first, to fit the temperature and to measure accuracy; the final fit uses all.

    Args:
        inputs: (N, F + D), see `probe_inputs`.
        labels: N.
        groups: N, the file of each example; similar examples of one file are held out together.
        encoder: fingerprint of the encoder that made the inputs.

    Raises:
        ValueError: there are fewer than two labels.
    """
    names = tuple(sorted(set(labels)))
    if len(names) < 2:
        raise ValueError(f"a classifier needs at least two labels, got {', '.join(names) or 'none'}")
    targets = np.array([names.index(label) for label in labels])
    held_out = _held_out(targets, groups, seed)
    mean, deviation = inputs.mean(axis=0), inputs.std(axis=0) + 1e-3
    standard = (inputs - mean) / deviation
    temperature, accuracy = 1.0, None
    if held_out.any():
        logits = _logits(standard[held_out], *_linear(standard[~held_out], targets[~held_out], len(names), seed))
        losses = [_cross_entropy(logits / t, targets[held_out]) for t in _TEMPERATURES]
        temperature = float(_TEMPERATURES[int(np.argmin(losses))])
        accuracy = float((logits.argmax(axis=1) == targets[held_out]).mean())
    weight, bias = _linear(standard, targets, len(names), seed)
    return Classifier(names, encoder, weight / temperature, bias / temperature, mean, deviation, accuracy)


def _held_out(targets: NDArray[np.int64], groups: Sequence[str], seed: int) -> NDArray[np.bool_]:
    """Choose a fifth of the groups of each label with at least five: bool (N,)."""
    rng = random.Random(seed)
    held_out: set[str] = set()
    for target in np.unique(targets):
        files = sorted({group for group, own in zip(groups, targets, strict=True) if own == target})
        held_out.update(rng.sample(files, len(files) // 5))
    return np.array([group in held_out for group in groups])


def _linear(
    inputs: NDArray[np.float32], targets: NDArray[np.int64], count: int, seed: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    torch.manual_seed(seed)
    layer = torch.nn.Linear(inputs.shape[1], count)
    optimizer = torch.optim.AdamW(layer.parameters(), lr=1e-3, weight_decay=0.1)
    given, labels = torch.from_numpy(inputs.astype(np.float32)), torch.from_numpy(targets)
    for _ in range(_STEPS):
        optimizer.zero_grad()
        F.cross_entropy(layer(given), labels).backward()
        optimizer.step()
    return layer.weight.detach().numpy(), layer.bias.detach().numpy()


def _logits(inputs: NDArray[np.float32], weight: NDArray[np.float32], bias: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(inputs @ weight.T + bias)


def _cross_entropy(logits: NDArray[np.float32], targets: NDArray[np.int64]) -> float:
    return float(F.cross_entropy(torch.from_numpy(logits), torch.from_numpy(targets)))
