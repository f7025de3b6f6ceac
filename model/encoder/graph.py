"""VideoBERT behind the `Encoder` contract, from graphs of its checkpoint: without torch, loaded in no time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from model.encoder.batches import check_pairs, pad, require_words
from model.preprocessing import prepare_views
from model.registry.registry import Located
from model.runtime.graph_cache import GraphCache
from model.runtime.session import Floats, Session

_SEGMENTS_AT_ONCE = 64
_FRAMES_AT_ONCE = 16  # pictures: their activations take some 100 MB


class GraphEncoder:
    """A checkpoint of VideoBERT whose network `model.runtime.graph` supports; methods are described in `Encoder`.

    Frame features are computed in the precision of the machine, everything else in float32.
    """

    clip_frames = 1

    def __init__(self, place: Located) -> None:
        for name in ("model.safetensors", "tokenizer.json"):
            if not (place.folder / name).is_file():
                raise FileNotFoundError(f"no {name} in {place.folder}: not a checkpoint folder")
        self._graphs = GraphCache(place)
        self._config: dict[str, Any] = self._graphs.config
        self.name, self.tier, self.fingerprint = place.name, place.tier, self._graphs.fingerprint
        self.fps: float = self._config["fps"]
        self.dim: int = self._config["embedding_size"]
        self.feature_dim = self._graphs.weight("frame_projection.mean").shape[0] - self.dim
        self.scale = min(float(np.exp(self._graphs.weight("retrieval.log_scale").astype(np.float32))), 100.0)
        self.class_names = tuple(self._config["class_names"])
        self.query_bank = np.zeros((0, self.dim), np.float32)
        if self._config["query_bank_size"]:
            self.query_bank = self._graphs.weight("query_bank").astype(np.float32)
        self._tokenizer = Tokenizer.from_file(str(place.folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()

    @property
    def feature_fingerprint(self) -> str:
        """A digest of the backbone and the session's precision."""
        return f"{self._graphs.backbone_digest}:{self.session.precision}"

    @cached_property
    def session(self) -> Session:
        """The backbone in the runtime that looks at frames."""
        return self._graphs.session("backbone", "native")

    def features(self, frames: NDArray[np.uint8]) -> NDArray[np.float16]:
        """uint8 (T, 3, H, W) -> float16 (T, F); the mean of both where the model has two views of a frame."""
        rows = [np.zeros((0, self.feature_dim), np.float16)]
        for first in range(0, len(frames), _FRAMES_AT_ONCE):
            part = frames[first : first + _FRAMES_AT_ONCE]
            views = prepare_views(part, self._config["image_size"], fit=self._config["frame_fit"])
            rows.append(np.mean([self.session.run(view)[0] for view in views], axis=0).astype(np.float16))
        return np.concatenate(rows)

    def class_probabilities(self, segments: Sequence[NDArray[np.float16]]) -> NDArray[np.float32]:
        """N times (T_i, F) -> (N, K), the mean over the frames."""
        if not segments:
            return np.zeros((0, len(self.class_names)), np.float32)
        weight, bias = self._classifier
        logits = np.concatenate(segments).astype(np.float32) @ weight.T + bias
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        parts = np.split(odds / odds.sum(axis=1, keepdims=True), np.cumsum([len(frames) for frames in segments])[:-1])
        return np.stack([part.mean(axis=0) for part in parts])

    def embed_segments(self, segments: Sequence[NDArray[np.float16]], texts: Sequence[str]) -> NDArray[np.float32]:
        """N times (T_i, F) and N texts -> (N, D)."""
        check_pairs(segments, texts)
        points = [np.zeros((0, self.dim), np.float32)]
        for features, shown, ids in self._batches(segments, texts):
            if not (shown.any(axis=1) | np.array([bool(row) for row in ids])).all():
                raise ValueError("every row needs a word or a frame to embed; got a row with neither")
            points.append(self._fused.run(*self._layout(features, shown, ids))[0])
        return np.concatenate(points)

    def embed_text(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """N texts -> (N, D)."""
        require_words(texts)
        points = [np.zeros((0, self.dim), np.float32)]
        for first in range(0, len(texts), _SEGMENTS_AT_ONCE):
            ids = self._ids(texts[first : first + _SEGMENTS_AT_ONCE])
            if not all(ids):
                raise ValueError("every row needs a word or a frame to embed; got a row with neither")
            rows = [[self._config["cls_token_id"], *row, self._config["sep_token_id"]] for row in ids]
            tokens, mask = _padded(rows)
            positions = np.broadcast_to(np.arange(tokens.shape[1]), tokens.shape)
            words = self._embedded(tokens, positions, np.zeros_like(tokens))
            points.append(self._text.run(words, mask)[0])
        return np.concatenate(points)

    def align(self, segments: Sequence[NDArray[np.float16]], texts: Sequence[str]) -> NDArray[np.float32]:
        """Linguistic-visual alignment: N times (T_i, F) and N texts -> (N,)."""
        check_pairs(segments, texts)
        batches = self._batches(segments, texts)
        scores = [self._fused.run(*self._layout(*batch))[1] for batch in batches]
        return np.concatenate([np.zeros(0, np.float32), *scores])

    @cached_property
    def _classifier(self) -> tuple[Floats, Floats]:
        """Weight (K, F) and bias (K,) of the backbone's own classifier."""
        names = ("weight", "bias")
        weight, bias = (self._graphs.weight(f"class_names.classifier.{name}").astype(np.float32) for name in names)
        return weight, bias

    @cached_property
    def _text(self) -> Session:
        return self._graphs.session("text", "float32")

    @cached_property
    def _fused(self) -> Session:
        return self._graphs.session("fused", "float32")

    @cached_property
    def _tables(self) -> dict[str, tuple[NDArray[Any], NDArray[np.float32]]]:
        """BERT's input embeddings as they are stored, whole numbers and the step of each row."""
        prefix = "bert.embeddings."
        return {
            kind: (
                self._graphs.weight(f"{prefix}{kind}_embeddings.weight"),
                self._graphs.weight(f"{prefix}{kind}_embeddings.step").astype(np.float32),
            )
            for kind in ("word", "position", "token_type")
        }

    def _rows(self, kind: str, numbers: NDArray[np.int64]) -> Floats:
        whole, step = self._tables[kind]
        return np.asarray(whole[numbers].astype(np.float32) * step[numbers])

    def _embedded(self, tokens: NDArray[np.int64], positions: NDArray[np.int64], types: NDArray[np.int64]) -> Floats:
        """What BERT reads of tokens (N, S): float32 (N, S, H)."""
        return self._rows("word", tokens) + self._rows("position", positions) + self._rows("token_type", types)

    def _ids(self, texts: Sequence[str]) -> list[list[int]]:
        encoded = self._tokenizer.encode_batch(list(texts), add_special_tokens=False)
        return [encoding.ids[: self._config["max_words"]] for encoding in encoded]

    def _batches(
        self, segments: Sequence[NDArray[np.float16]], texts: Sequence[str]
    ) -> Iterator[tuple[NDArray[np.float16], NDArray[np.bool_], list[list[int]]]]:
        """Frames (N, T, F), which of them are real, bool (N, T), and the token ids of each text."""
        for first in range(0, len(texts), _SEGMENTS_AT_ONCE):
            rows = slice(first, first + _SEGMENTS_AT_ONCE)
            # One frame of padding where there is none: no runtime has to compute with nothing.
            features, mask = pad(segments[rows], self.feature_dim, max_frames=self._config["max_frames"])
            if not features.shape[1]:
                features = np.zeros((len(mask), 1, self.feature_dim), np.float16)
                mask = np.zeros((len(mask), 1), bool)
            yield features, mask, self._ids(texts[rows])

    def _layout(self, features: NDArray[np.float16], shown: NDArray[np.bool_], ids: list[list[int]]) -> list[Floats]:
        """The inputs of the fused graph: `[CLS] words [>] frames [SEP]`, where frames stand at the end of the row.

        BERT knows positions by their numbers alone, so a sequence may be laid out in any order.
        """
        config, has_frames = self._config, shown.any(axis=1)
        special = [config["cls_token_id"], config["video_token_id"], config["sep_token_id"]]
        tokens, _ = _padded([[*special, *row] for row in ids])
        lengths, frames = np.array([len(row) for row in ids]), shown.sum(axis=1)
        places = np.arange(tokens.shape[1] - 3)
        real = places < lengths[:, None]
        always = np.ones(len(ids), bool)
        positions = np.zeros_like(tokens)
        positions[:, 1] = 1 + lengths
        positions[:, 2] = 1 + lengths + has_frames + frames
        positions[:, 3:] = np.where(real, 1 + places, 0)
        types = np.zeros_like(tokens)
        types[:, 1], types[:, 2] = 1, has_frames
        mask = np.concatenate([np.stack([always, has_frames, always], axis=1), real], axis=1)
        read = np.concatenate([np.stack([always, ~always, ~has_frames], axis=1), real], axis=1)
        where = np.where(shown, 2 + lengths[:, None] + np.arange(shown.shape[1]), 0)
        inputs: list[NDArray[Any]] = [
            self._embedded(tokens, positions, types),
            mask,
            read,
            (lengths > 0)[:, None],
            features,
            shown,
            self._rows("position", where) + self._rows("token_type", np.ones_like(where)),
            sinusoidal_positions(shown.shape[1], config["hidden_size"]),
        ]
        return [each.astype(np.float32, copy=False) for each in inputs]


def sinusoidal_positions(length: int, dim: int) -> Floats:
    """(length, dim) float32: as in `model.network.temporal`."""
    time = np.arange(length, dtype=np.float32)[:, None]
    rate = np.exp(np.arange(0, dim, 2, dtype=np.float32) * np.float32(-np.log(10000.0) / dim))
    table = np.zeros((length, dim), np.float32)
    table[:, 0::2] = np.sin(time * rate)
    table[:, 1::2] = np.cos(time * rate)[:, : dim // 2]
    return table


def _padded(rows: Sequence[Sequence[int]]) -> tuple[NDArray[np.int64], Floats]:
    """Numbers of different lengths -> int64 (N, S), and 1.0 where one is real: (N, S)."""
    length = max(map(len, rows))
    numbers, mask = np.zeros((len(rows), length), np.int64), np.zeros((len(rows), length), np.float32)
    for i, row in enumerate(rows):
        numbers[i, : len(row)], mask[i, : len(row)] = row, 1.0
    return numbers, mask
