"""VideoBERT behind the `Encoder` contract."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from model.encoder.batches import check_pairs, pad, require_words, stack
from model.encoder.two_tower import TwoTowerEncoder
from model.network import checkpoint
from model.network.tokenizer import TextTokenizer
from model.network.videobert import Inputs, VideoBertModel
from model.preprocessing import prepare_views
from model.registry.registry import Located
from model.runtime.graph_cache import picture_settings
from model.runtime.hardware import best_device
from model.runtime.runtimes import open_session
from model.runtime.session import Session

_FRAMES_AT_ONCE = 1024  # 4 MB of class probabilities
_SEGMENTS_AT_ONCE = 64  # rows of ~90 tokens: some 100 MB of activations


class VideoBertEncoder:
    """A loaded VideoBERT checkpoint; see `Encoder`."""

    def __init__(
        self,
        model: VideoBertModel,
        tokenizer: TextTokenizer,
        *,
        fingerprint: str,
        name: str = "",
        tier: str = "in memory",
    ) -> None:
        self.device = best_device()
        self.model: VideoBertModel = model.eval().to(self.device)  # type: ignore
        self.fps, self.clip_frames = model.config.fps, model.config.clip_frames
        self.tokenizer = tokenizer
        self.fingerprint, self.name, self.tier = fingerprint, name, tier
        self.dim: int = model.config.embedding_size
        self.feature_dim: int = model.backbone.feature_dim
        self.scale = float(model.retrieval.scale.detach())
        self.class_names = tuple(model.config.class_names)
        bank = model.query_bank if model.config.query_bank_size else torch.zeros(0, self.dim)
        self.query_bank = bank.cpu().float().numpy()

    @classmethod
    def read(cls, place: Located) -> VideoBertEncoder:
        """Load the checkpoint in a located folder.

        Raises:
            FileNotFoundError: a file is missing.
            ValueError: the folder contains another model.
        """
        if place.family not in ("", "videobert"):
            raise ValueError(f"{place.folder} holds a model of the family {place.family!r}, not VideoBERT")
        model, tokenizer = checkpoint.load(place.folder)
        fingerprint = place.fingerprint()
        return cls(model, tokenizer, fingerprint=fingerprint, name=place.name, tier=place.tier)

    @property
    def towers(self) -> TwoTowerEncoder | None:
        """The towers that it stands on; see `model.encoder.over_towers`."""
        return None

    def save(self, folder: Path) -> None:
        """Write a checkpoint folder."""
        checkpoint.save(self.model, self.tokenizer, folder)

    @cached_property
    def feature_fingerprint(self) -> str:
        """BLAKE2b-64 of the backbone's weights and preprocessing, and the session's precision."""
        config = self.model.config
        digest = hashlib.blake2b(picture_settings(config.image_size, config.frame_fit).encode(), digest_size=8)
        for tensor in self.model.backbone.state_dict().values():
            digest.update(tensor.cpu().contiguous().numpy())
        return f"{digest.hexdigest()}:{self.session.precision}"

    @torch.inference_mode()
    def features(self, frames: NDArray[np.uint8]) -> NDArray[np.float16]:
        """uint8 (T, 3, H, W) -> float16 (T, F), averaged over the views of each frame."""
        config = self.model.config
        views = prepare_views(frames, config.image_size, fit=config.frame_fit)
        features = [self.session.run(view)[0] for view in views]
        return np.asarray(np.mean(features, axis=0).astype(np.float16))

    @cached_property
    def session(self) -> Session:
        """The backbone in the fastest runtime."""
        return open_session(self.model.backbone, self.device)

    @torch.inference_mode()
    def class_probabilities(self, segments: Sequence[NDArray[np.float16]]) -> NDArray[np.float32]:
        """N times (T_i, F) -> (N, K), without visual words and time: each frame for itself."""
        if not self.class_names or not segments:
            return np.zeros((len(segments), len(self.class_names)), np.float32)
        frames = torch.from_numpy(np.concatenate(segments)).float().to(self.device)
        likely = torch.cat([self.model.class_names.probabilities(part) for part in frames.split(_FRAMES_AT_ONCE)])
        lengths = [len(segment) for segment in segments]
        return stack([part.mean(dim=0, keepdim=True) for part in likely.split(lengths)], len(self.class_names))

    @torch.inference_mode()
    def embed_segments(self, segments: Sequence[NDArray[np.float16]], texts: Sequence[str]) -> NDArray[np.float32]:
        """N times (T_i, F) and N texts -> (N, D)."""
        return stack([self.model.embed(inputs) for inputs in self._batches(segments, texts)], self.dim)

    @torch.inference_mode()
    def embed_text(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """N texts -> (N, D)."""
        require_words(texts)
        nothing = [np.zeros((0, self.feature_dim), np.float16)] * len(texts)
        return stack([self.model.embed(inputs) for inputs in self._batches(nothing, texts)], self.dim)

    @torch.inference_mode()
    def align(self, segments: Sequence[NDArray[np.float16]], texts: Sequence[str]) -> NDArray[np.float32]:
        """Linguistic-visual alignment: N times (T_i, F) and N texts -> (N,).

        A cross-encoder: more accurate than the cosine of two embeddings, at one pass per pair: for re-ranking.
        """
        return stack([self.model.align(inputs)[:, None] for inputs in self._batches(segments, texts)], 1)[:, 0]

    def pad(self, segments: Sequence[NDArray[np.float16]]) -> tuple[NDArray[np.float16], NDArray[np.bool_]]:
        """Pad segments: float16 (N, T, F), bool (N, T); T is at most `config.max_frames`."""
        return pad(segments, self.feature_dim, clip_frames=self.clip_frames, max_frames=self.model.config.max_frames)

    def _batches(self, segments: Sequence[NDArray[np.float16]], texts: Sequence[str]) -> Iterator[Inputs]:
        check_pairs(segments, texts)
        features, mask = self.pad(segments)
        for first in range(0, len(texts), _SEGMENTS_AT_ONCE):
            rows = slice(first, first + _SEGMENTS_AT_ONCE)
            ids, word_mask = self.tokenizer(list(texts[rows]), max_tokens=self.model.config.max_words)
            frames = torch.from_numpy(features[rows]).float()
            yield Inputs(ids, word_mask, frames, torch.from_numpy(mask[rows])).to(self.device)
