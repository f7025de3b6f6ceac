"""The Encoder: the only class of the model that the rest of the house uses. Arrays in, arrays out.

It hides torch, devices and batching. Frames, segments and text all end in one space, as unit vectors. `Encoder` is the
contract; VideoBERT keeps it here, models of two towers in `model.encoder.two_tower`.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from model.network import checkpoint
from model.network.preprocessing import prepare_views
from model.network.tokenizer import TextTokenizer
from model.network.videobert import Inputs, VideoBertModel
from model.registry.registry import DEFAULT_MODEL, Located, locate
from model.runtime.hardware import best_device
from model.runtime.session import Session, open_session

_SEGMENTS_AT_ONCE = 64  # rows of ~90 tokens: some 100 MB of activations


class Encoder(ABC):
    """What a model has to offer to index and to search with.

    `fingerprint` names the weights: two encoders with one fingerprint give the same vectors. `backbone` names what
    decides the frame features, in the same way. `dim` is D, the length of an embedding; `feature_dim` is F, the length
    of a frame feature. `name` is what `load` takes to get the encoder again, `tier` says where its weights come from.
    """

    name: str
    tier: str
    fingerprint: str
    dim: int
    feature_dim: int
    scale: float  # of cosines, as they were compared in training
    max_frames: int | None  # of a segment that are read, more are thinned; None where all are
    fps: float = 2.0  # frames per second of video that it is made for
    clip_frames: int = 1  # frames in a row that share one feature; whoever looks at a video gives whole clips
    device: torch.device

    @classmethod
    def load(cls, source: str | Path = DEFAULT_MODEL) -> Encoder:
        """Load a model by its name in the table of models, or from a folder.

        Raises:
            FileNotFoundError: it is not on this machine; the message says what to do.
            ValueError: the folder holds something else, or files other than those that were fetched.
        """
        from model.encoder.two_tower import FAMILIES, TwoTowerEncoder

        place = locate(source)
        return TwoTowerEncoder.read(place) if place.family in FAMILIES else VideoBertEncoder.read(place)

    @property
    @abstractmethod
    def backbone(self) -> str:
        """A name for what decides the features of a frame."""

    @abstractmethod
    def features(self, frames: NDArray[np.uint8]) -> NDArray[np.float16]:
        """Look at frames: uint8 (T, 3, H, W), RGB, of any size -> float16 (T, F)."""

    @abstractmethod
    def embed_segments(
        self, features: NDArray[np.float16], mask: NDArray[np.bool_], texts: Sequence[str]
    ) -> NDArray[np.float32]:
        """Make one vector of each segment.

        Args:
            features: float16 (N, T, F).
            mask: bool (N, T), True where a real frame stands; see `pad_frames`.
            texts: N strings, the subtitles; "" for a segment without words.

        Returns:
            float32 (N, D), unit length.

        Raises:
            ValueError: there is not one text per segment, or a segment has neither frames nor words.
        """

    @abstractmethod
    def embed_text(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed queries: float32 (N, D), unit length.

        Raises:
            ValueError: a text has no word in it.
        """

    @abstractmethod
    def align(
        self, features: NDArray[np.float16], mask: NDArray[np.bool_], texts: Sequence[str]
    ) -> NDArray[np.float32]:
        """How well N pairs of segment and text belong together: float32 (N,), the higher the better.

        Arguments as in `embed_segments`.
        """

    def pad_frames(self, segments: Sequence[NDArray[np.float16]]) -> tuple[NDArray[np.float16], NDArray[np.bool_]]:
        """Segments of different lengths in one array: N times (T_i, F) -> float16 (N, T, F), bool (N, T).

        A segment of more frames than the model was built for is thinned evenly. Where frames share the feature of
        their clip, each clip is read once.
        """
        segments = [_thin(self.one_a_clip(segment), self.max_frames) for segment in segments]
        length = max((len(segment) for segment in segments), default=0)
        features = np.zeros((len(segments), length, self.feature_dim), np.float16)
        mask = np.zeros((len(segments), length), bool)
        for i, segment in enumerate(segments):
            features[i, : len(segment)] = segment
            mask[i, : len(segment)] = True
        return features, mask

    def one_a_clip(self, features: NDArray[np.float16]) -> NDArray[np.float16]:
        """Leave out what repeats the feature before it, for encoders that look at clips: (T, F) -> (T', F)."""
        if self.clip_frames == 1 or not len(features):
            return features
        differs = (features[1:] != features[:-1]).any(axis=1)
        return np.asarray(features[np.concatenate([[True], differs])])


class VideoBertEncoder(Encoder):
    """A loaded VideoBERT checkpoint."""

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
        self.max_frames = model.config.max_frames
        self.scale = float(model.retrieval.scale.detach())

    @classmethod
    def load(cls, source: str | Path = DEFAULT_MODEL) -> VideoBertEncoder:
        """Load VideoBERT by name or from a checkpoint folder (`config.json`, `model.safetensors`, `tokenizer.json`).

        Raises:
            FileNotFoundError: it is not on this machine, or the folder lacks a file that the message names.
            ValueError: the folder holds another model.
        """
        return cls.read(locate(source))

    @classmethod
    def read(cls, place: Located) -> VideoBertEncoder:
        """Load the checkpoint of a located folder."""
        if place.family not in ("", "videobert"):
            raise ValueError(f"{place.folder} holds a model of the family {place.family!r}, not VideoBERT")
        model, tokenizer = checkpoint.load(place.folder)
        fingerprint = checkpoint.fingerprint(place.folder)
        return cls(model, tokenizer, fingerprint=fingerprint, name=place.name, tier=place.tier)

    @cached_property
    def backbone(self) -> str:
        """A name for what decides frame features: a BLAKE2b-64 of the weights and of how pictures are fed."""
        config = self.model.config
        picture = str(config.image_size) + (f" {config.frame_fit}" if config.frame_fit != "middle" else "")
        digest = hashlib.blake2b(picture.encode(), digest_size=8)
        for tensor in self.model.backbone.state_dict().values():
            digest.update(tensor.cpu().contiguous().numpy())
        return digest.hexdigest()

    @torch.inference_mode()
    def features(self, frames: NDArray[np.uint8]) -> NDArray[np.float16]:
        """Look at frames one by one, or in clips of `clip_frames` where the backbone does.

        Where the model has two views of a frame, the feature is the mean of what it sees in either.

        Args:
            frames: uint8 (T, 3, H, W), RGB, any size.

        Returns:
            float16 (T, F).
        """
        config = self.model.config
        views = prepare_views(torch.from_numpy(frames), config.image_size, fit=config.frame_fit)
        features = [self.session.run(view.numpy()) for view in views]
        return np.asarray(np.mean(features, axis=0).astype(np.float16))

    @cached_property
    def session(self) -> Session:
        """The backbone in the runtime that looks at frames."""
        return open_session(self.model.backbone, self.device)

    @torch.inference_mode()
    def embed_segments(
        self, features: NDArray[np.float16], mask: NDArray[np.bool_], texts: Sequence[str]
    ) -> NDArray[np.float32]:
        """Fuse the frames of each segment with its subtitles.

        Args:
            features: float16 (N, T, F).
            mask: bool (N, T), True where a real frame stands; see `pad_frames`.
            texts: N strings; "" for a segment without words.

        Returns:
            float32 (N, D), unit length.
        """
        rows = [self.model.embed(inputs) for inputs in self._batches(features, mask, texts)]
        return _stack(rows, self.dim)

    @torch.inference_mode()
    def embed_text(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed queries.

        Returns:
            float32 (N, D), unit length.

        Raises:
            ValueError: a text has no word in it.
        """
        require_words(texts)
        nothing = np.zeros((len(texts), 0, self.feature_dim), np.float16)
        rows = [self.model.embed(inputs) for inputs in self._batches(nothing, np.zeros(nothing.shape[:2], bool), texts)]
        return _stack(rows, self.dim)

    @torch.inference_mode()
    def align(
        self, features: NDArray[np.float16], mask: NDArray[np.bool_], texts: Sequence[str]
    ) -> NDArray[np.float32]:
        """Linguistic-visual alignment of N pairs of segment and text: float32 (N,), the higher the better.

        Arguments as in `embed_segments`. It reads both together and so sees more than a product of two vectors, at the
        price of one pass through the network for every pair: made for re-ranking a short list.
        """
        rows = [self.model.align(inputs)[:, None] for inputs in self._batches(features, mask, texts)]
        return _stack(rows, 1)[:, 0]

    def _batches(
        self, features: NDArray[np.float16], mask: NDArray[np.bool_], texts: Sequence[str]
    ) -> Iterator[Inputs]:
        if len(texts) != len(features):
            raise ValueError(f"one text per segment: got {len(texts)} texts for {len(features)} segments")
        for first in range(0, len(texts), _SEGMENTS_AT_ONCE):
            rows = slice(first, first + _SEGMENTS_AT_ONCE)
            ids, word_mask = self.tokenizer(list(texts[rows]), max_tokens=self.model.config.max_words)
            frames = torch.from_numpy(features[rows]).float()
            yield Inputs(ids, word_mask, frames, torch.from_numpy(mask[rows])).to(self.device)


def require_words(texts: Sequence[str]) -> None:
    """Raise ValueError for a query without a word."""
    for text in texts:
        if not text.strip():
            raise ValueError(f"a query needs at least one word, got {text!r}")


def _thin(frames: NDArray[np.float16], most: int | None) -> NDArray[np.float16]:
    if most is None or len(frames) <= most:
        return frames
    kept = np.linspace(0, len(frames) - 1, most).round().astype(int)
    return np.asarray(frames[kept])


def _stack(rows: list[torch.Tensor], width: int) -> NDArray[np.float32]:
    if not rows:
        return np.zeros((0, width), np.float32)
    return np.asarray(torch.cat(rows).float().cpu().numpy())
