"""VideoBERT: one joint Transformer over words and frames, `[CLS] words [>] frames [SEP]`.

After Sun et al., "VideoBERT: A Joint Model for Video and Language Representation Learning", ICCV 2019. One set of
weights serves three regimes: words alone (a query), frames alone (a silent segment), and both (a subtitled segment).
Frames pass through a temporal model, as continuous CNN features or as the visual words nearest to these.

Optional heads are part of the configuration (`masked_words`, `visual_branching`), so that weights always fit the
network exactly; training adds the heads that its objectives need.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import BertConfig, BertModel, PreTrainedConfig, PreTrainedModel

from model.network.backbone import TOWERS, build_backbone
from model.network.heads import (
    AlignmentHead,
    ClassNames,
    DirectFrameHead,
    FrameReader,
    MaskedFrameHead,
    MaskedWordHead,
    RetrievalHead,
    TowerGate,
    frame_layers,
    sum_of_units,
)
from model.network.temporal import TemporalModel
from model.network.visual_words import VisualWords

FRAME_INPUTS = ("features", "visual_words")
_FRAMES_AT_ONCE = 4096  # frames per chunk: class probabilities take 4 MB per thousand


@dataclass(frozen=True)
class Inputs:
    """A batch for the joint Transformer. Masks are True at real positions, False at padding.

    T is 0 in a batch of texts, L is 0 in a batch of silent segments; rows of both kinds may be mixed.

    Raises:
        ValueError: the arrays have shapes or dtypes that do not fit each other.
    """

    word_ids: Tensor  # int64 (N, L), without special tokens
    word_mask: Tensor  # bool (N, L)
    features: Tensor  # float (N, T, F)
    frame_mask: Tensor  # bool (N, T)
    hidden: Tensor | None = None  # bool (N, T), True for masked frames

    def __post_init__(self) -> None:
        if self.features.ndim != 3 or self.features.shape[0] != self.word_ids.shape[0]:
            raise ValueError(f"features must be ({len(self.word_ids)}, T, F), got {tuple(self.features.shape)}")
        for name, shape in (
            ("word_mask", self.word_ids.shape),
            ("frame_mask", self.features.shape[:2]),
            ("hidden", self.features.shape[:2]),
        ):
            mask: Tensor | None = getattr(self, name)
            if mask is not None and (mask.shape != shape or mask.dtype != torch.bool):
                raise ValueError(f"{name} must be bool {tuple(shape)}, got {mask.dtype} {tuple(mask.shape)}")

    def to(self, device: torch.device) -> Inputs:
        """Move the batch to a device."""
        return Inputs(
            self.word_ids.to(device),
            self.word_mask.to(device),
            self.features.to(device),
            self.frame_mask.to(device),
            None if self.hidden is None else self.hidden.to(device),
        )


class VideoBertConfig(PreTrainedConfig):
    """The shape of the network; stored as `config.json` in a checkpoint folder."""

    model_type = "videobert"

    # The joint Transformer (defaults: all-MiniLM-L6-v2)
    vocab_size: int = 30522
    hidden_size: int = 384
    num_hidden_layers: int = 6
    num_attention_heads: int = 12
    intermediate_size: int = 1536
    max_position_embeddings: int = 512
    hidden_dropout_prob: float = 0.1
    attention_probs_dropout_prob: float = 0.1
    cls_token_id: int = 101
    sep_token_id: int = 102
    mask_token_id: int = 103
    video_token_id: int = 1  # `[>]` takes the vocabulary's first unused row
    max_words: int = 64  # tokens of text; longer text is truncated
    max_frames: int = 8  # frames of a segment; longer ones are subsampled evenly
    # Frames
    backbone: str = "mobilenet_v2"  # or resnet18, resnet50, torchvision:NAME, vision, towers
    vision: dict[str, Any] | None = None  # the tower of the backbone "vision"; see `model.network.backbone`
    towers: dict[str, Any] | None = None  # those of the backbone "towers"; see `model.encoder.over_towers`
    image_size: int = 224  # pixels, a square
    # middle: cropped to that square; whole: as many pixels at the picture's aspect ratio; both: mean of both features
    frame_fit: str = "middle"
    fps: float = 2.0  # frames sampled per second of video
    clip_frames: int = 1  # frames per feature; above 1 for a backbone that takes clips
    # Class names of the backbone's classifier; if given, frame features are concatenated with their expected name.
    class_names: tuple[str, ...] = ()
    frame_width: int = 1536  # hidden units between frame features and frame tokens
    frame_dropout: float = 0.6  # of the hidden units; half as much on the input
    temporal: str = "transformer"  # none, gru, lstm, transformer
    temporal_layers: int = 1
    temporal_heads: int = 6
    temporal_attention: str = "standard"  # standard, positional
    frame_input: str = "features"  # features, visual_words
    # Visual words: branching**depth of them; 0 for none, without which masked frames cannot be predicted
    visual_branching: int = 0
    visual_depth: int = 0
    masked_words: bool = False  # whether the model can predict masked words
    # Whether BERT predicts masked words without attention to frames, whose embedding the head still gets: frame tokens
    # of much larger norm than word tokens would dominate attention.
    masked_words_alone: bool = False
    # The shared space
    embedding_size: int = 384
    query_bank_size: int = 0  # embeddings of training captions stored with the weights, for hubness
    glance_width: int = 0  # hidden units of the direct frame head; 0 for none

    @property
    def over_towers(self) -> bool:
        """Whether a frozen two-tower model computes frame features and embeds queries."""
        return self.backbone == TOWERS


class VideoBertModel(PreTrainedModel):
    """The backbone, the temporal model, the joint Transformer and its heads."""

    config_class = VideoBertConfig
    config: VideoBertConfig
    base_model_prefix = "videobert"
    query_bank: Tensor  # (Q, D), if the configuration has one

    def __init__(self, config: VideoBertConfig) -> None:
        super().__init__(config)
        if config.frame_input not in FRAME_INPUTS:
            raise ValueError(f"frame_input must be one of {', '.join(FRAME_INPUTS)}, got {config.frame_input!r}")
        if config.frame_input == "visual_words" and not config.visual_branching:
            raise ValueError("frame_input 'visual_words' needs visual_branching and visual_depth, got 0")
        hidden = config.hidden_size
        self.backbone = build_backbone(
            config.backbone, clip_frames=config.clip_frames, vision=config.vision, towers=config.towers
        )
        if config.over_towers:
            if config.embedding_size != self.backbone.feature_dim:
                wide = self.backbone.feature_dim
                raise ValueError(f"embedding_size over towers must be theirs, {wide}, got {config.embedding_size}")
            self.gate = TowerGate()
        if config.query_bank_size:
            self.register_buffer("query_bank", torch.zeros(config.query_bank_size, config.embedding_size))
        if config.class_names:
            self.class_names = ClassNames(self.backbone.feature_dim, len(config.class_names), config.embedding_size)
        self.frame_projection = self._frame_reader(config.frame_width, hidden)
        self.temporal = TemporalModel(
            config.temporal,
            hidden,
            heads=config.temporal_heads,
            layers=config.temporal_layers,
            attention=config.temporal_attention,
        )
        self.bert = BertModel(_bert_config(config), add_pooling_layer=False)
        # Weight of BERT's output for frames, by channel: small initially, since its layers were trained on words.
        self.frame_gain = nn.Parameter(torch.full((hidden,), 0.1))
        self.retrieval = RetrievalHead(hidden, config.embedding_size)
        self.alignment = AlignmentHead(hidden, config.embedding_size)
        if config.glance_width:
            # The direct frame head; `glance` is its name in stored weights, recipes and config.json.
            self.glance = DirectFrameHead(
                self._frame_reader(config.glance_width, config.embedding_size, unit_length=True)
            )
        if config.masked_words:
            self.add_masked_words()
        if config.visual_branching:
            self.add_visual_words(config.visual_branching, config.visual_depth, frame_input=config.frame_input)
        self.post_init()  # type: ignore[no-untyped-call]

    def _init_weights(self, module: nn.Module) -> None:
        # Every part initializes itself; the default would overwrite the He initialization of the backbone and the
        # identity of the retrieval head.
        pass

    def _frame_reader(self, width: int, dim: int, *, unit_length: bool = False) -> nn.Module:
        """`unit_length` applies to models with class names only; other readers never normalize."""
        features, dropout = self.backbone.feature_dim, self.config.frame_dropout
        if self.config.class_names:
            names = self.config.embedding_size
            return FrameReader(features, names, width, dim, dropout=dropout, unit_length=unit_length)
        return frame_layers(features, width, dim, dropout=dropout)

    def described(self, features: Tensor) -> Tensor:
        """Append expected class names to frame features: (..., F) -> (..., F + D); unchanged without class names."""
        if not self.config.class_names:
            return features
        return torch.cat([features, self.class_names(features).to(features.dtype)], dim=-1)

    @torch.no_grad()
    def fit_frame_readers(self, features: NDArray[np.floating]) -> None:
        """Fit frame readers that are not fitted yet to features of training pictures (N, F)."""
        readers = [self.frame_projection, self.glance.read] if self.config.glance_width else [self.frame_projection]
        fresh = [read for read in readers if isinstance(read, FrameReader) and not read.is_fitted]
        if fresh:
            parts = torch.from_numpy(features).split(_FRAMES_AT_ONCE)
            described = torch.cat([self.described(part.float()) for part in parts])
            for read in fresh:
                read.fit(described)

    def add_masked_words(self) -> None:
        """Add a randomly initialized head for masked words."""
        self.masked_words = MaskedWordHead(self.config.hidden_size, self.config.embedding_size, self.config.vocab_size)
        self.config.masked_words = True

    def add_visual_words(self, branching: int, depth: int, *, frame_input: str) -> None:
        """Add unfitted visual words, the head and mask embedding of masked frames and, if visual words are the input,
        their embeddings.
        """
        feature_dim, hidden = self.backbone.feature_dim, self.config.hidden_size
        self.visual_words = VisualWords(feature_dim, branching=branching, depth=depth)
        self.masked_frames = MaskedFrameHead(hidden, len(self.visual_words))
        self.hidden_frame = nn.Parameter(torch.randn(hidden) * 0.02)
        if frame_input == "visual_words":
            self.visual_word_features = nn.Embedding(len(self.visual_words), feature_dim)
        self.config.visual_branching, self.config.visual_depth = branching, depth
        self.config.frame_input = frame_input

    @torch.no_grad()
    def fit_visual_words(self, features: NDArray[np.floating], *, seed: int) -> None:
        """Fit the visual words to frame features (N, F); their embeddings, if any, start as the centroids."""
        self.visual_words.fit(features, seed=seed)
        if self.config.frame_input == "visual_words":
            self.visual_word_features.weight.copy_(self.visual_words.centroids)

    def load_bert(self, folder: Path) -> None:
        """Load weights of a BERT or sentence encoder of the same shape into the joint Transformer.

        Args:
            folder: with `model.safetensors` in the transformers layout of `BertModel`.

        Raises:
            RuntimeError: a weight is missing or has another shape.
        """
        weights = load_file(folder / "model.safetensors")
        weights = {name.removeprefix("bert."): tensor for name, tensor in weights.items()}
        # TensorFlow's names, as in the checkpoints of the BERT paper.
        renamed = (("LayerNorm.gamma", "LayerNorm.weight"), ("LayerNorm.beta", "LayerNorm.bias"))
        for theirs, ours in renamed:
            weights = {name.replace(theirs, ours): tensor for name, tensor in weights.items()}
        # Positions beyond the longest sequence are never used.
        places = "embeddings.position_embeddings.weight"
        if places in weights:
            weights[places] = weights[places][: self.config.max_position_embeddings]
        expected = set(self.bert.state_dict())
        self.bert.load_state_dict({name: tensor for name, tensor in weights.items() if name in expected})

    def forward(self, inputs: Inputs) -> tuple[Tensor, Tensor, Tensor]:
        """Run the joint Transformer over `[CLS] words [>] frames [SEP]`.

        Returns:
            States (N, 1+L+1+T+1, H) of every position, mask bool (N, 1+L+1+T+1), and token types int64 of the same
            shape: 0 for text, 1 for video.
        """
        tokens, mask, types = self._sequence(inputs)
        # Positions skip padding, which may be in the middle of a row.
        positions = (mask.cumsum(dim=1) - 1).clamp(min=0)
        states = self.bert(
            inputs_embeds=tokens, attention_mask=mask.long(), token_type_ids=types, position_ids=positions
        ).last_hidden_state
        # A residual path for frames around layers that were trained on words.
        return torch.where((types == 1)[..., None], tokens + self.frame_gain * states, states), mask, types

    def embed(self, inputs: Inputs, *, direct: bool = True, tower: Tensor | None = None) -> Tensor:
        """Embed each row into the space shared by text and video: float32 (N, D), unit rows.

        Args:
            inputs: N rows.
            direct: whether to use the direct frame head, if there is one.
            tower: float (N, D), of any length, the vision tower's vector of each row, for a network over towers;
                computed from the frames of `inputs` by default.

        Raises:
            ValueError: a row has neither words nor frames, or has no frames in a network over towers.
        """
        has_words, has_frames = inputs.word_mask.any(dim=1), inputs.frame_mask.any(dim=1)
        if not bool((has_words | has_frames).all()):
            raise ValueError("every row needs a word or a frame to embed; got a row with neither")
        if self.config.over_towers and not bool(has_frames.all()):
            raise ValueError("every row needs a frame to embed; text alone is embedded by the text tower")
        _, words, frames = self._read(inputs)
        direct_point = None
        visible = inputs.frame_mask if inputs.hidden is None else inputs.frame_mask & ~inputs.hidden
        if direct and self.config.glance_width:
            direct_point = self.glance(self.described(inputs.features), visible)
        point: Tensor = self.retrieval(words, frames, has_words, has_frames, direct_point)
        if not self.config.over_towers:
            return point
        return self.gate(sum_of_units(inputs.features, visible) if tower is None else tower, point)  # type: ignore[no-any-return]

    def align(self, inputs: Inputs) -> Tensor:
        """Score how well the words and frames of each row match: float32 (N,), logits."""
        cls, words, frames = self._read(inputs)
        return self.alignment(cls, self.retrieval.words(words), self.retrieval.frames(frames))  # type: ignore[no-any-return]

    def _read(self, inputs: Inputs) -> tuple[Tensor, Tensor, Tensor]:
        """Return the state of [CLS], the mean state of text and special tokens, and that of frames: (N, H) each."""
        states, mask, types = self(inputs)
        shown = states[:, 2 + inputs.word_ids.shape[1] : -1]  # after [CLS], the words, and [>]
        return states[:, 0], _mean(states, mask & (types == 0)), _mean(shown, inputs.frame_mask)

    def masked_logits(self, inputs: Inputs, words_at: Tensor, frames_at: Tensor) -> tuple[Tensor, Tensor]:
        """Predict masked words and frames, at the masked positions only.

        Args:
            inputs: with `[MASK]` and other replacements among the words, and `hidden` frames.
            words_at: bool (N, L), words to predict.
            frames_at: bool (N, T), frames to predict.

        Returns:
            Logits float32 (M, V) over the vocabulary and (M', W) over the visual words, by row and position.

        Raises:
            ValueError: the checkpoint lacks the head.
        """
        words_wanted, frames_wanted = bool(words_at.any()), bool(frames_at.any())
        if words_wanted and not self.config.masked_words:
            raise ValueError("this checkpoint cannot predict masked words: it was trained without them")
        if frames_wanted and not self.config.visual_branching:
            raise ValueError("this checkpoint cannot predict masked frames: it has no visual words")
        alone = self.config.masked_words_alone and inputs.features.shape[1] > 0
        words = frames = torch.zeros(0, 0, device=inputs.word_ids.device)
        if frames_wanted or (words_wanted and not alone):
            of_words, of_frames = self._states(inputs)
            if frames_wanted:
                frames = self.masked_frames(of_frames[frames_at])
        if words_wanted:
            if alone:
                of_frames = self._states(_frames_of(inputs))[1]
                of_words = self._states(_words_of(inputs))[0]
            point = self.retrieval.frames(_mean(of_frames, inputs.frame_mask))
            point = point * inputs.frame_mask.any(dim=1)[:, None]
            words = self.masked_words(
                of_words[words_at], point[words_at.nonzero()[:, 0]], self.bert.embeddings.word_embeddings.weight
            )
        return words, frames

    def _states(self, inputs: Inputs) -> tuple[Tensor, Tensor]:
        """Return the joint Transformer's states of words (N, L, H) and of frames (N, T, H)."""
        states, length = self(inputs)[0], inputs.word_ids.shape[1]
        return states[:, 1 : 1 + length], states[:, 2 + length : -1]  # after [CLS], and after the words and [>]

    def _sequence(self, inputs: Inputs) -> tuple[Tensor, Tensor, Tensor]:
        n, device = inputs.word_ids.shape[0], inputs.word_ids.device
        embed_words = self.bert.embeddings.word_embeddings
        has_frames = inputs.frame_mask.any(dim=1, keepdim=True)  # (N, 1)
        always = torch.ones_like(has_frames)

        def special(token_id: int) -> Tensor:
            return embed_words(torch.full((n, 1), token_id, device=device))  # type: ignore[no-any-return]

        parts = [
            special(self.config.cls_token_id),
            embed_words(inputs.word_ids),
            special(self.config.video_token_id),
            self._frame_tokens(inputs),
            special(self.config.sep_token_id),
        ]
        mask = torch.cat([always, inputs.word_mask, has_frames, inputs.frame_mask, always], dim=1)
        text = torch.zeros(n, 1 + inputs.word_ids.shape[1], dtype=torch.int64, device=device)
        video = torch.ones(n, 1 + inputs.frame_mask.shape[1], dtype=torch.int64, device=device)
        types = torch.cat([text, video, has_frames.long()], dim=1)  # the last [SEP] has the type of what precedes it
        return torch.cat(parts, dim=1), mask, types

    def _frame_tokens(self, inputs: Inputs) -> Tensor:
        if inputs.features.shape[1] == 0:
            return inputs.features.new_zeros(inputs.features.shape[0], 0, self.config.hidden_size)
        features = inputs.features
        if self.config.frame_input == "visual_words":
            features = self.visual_word_features(self.visual_words(features))
        tokens = self.frame_projection(self.described(features))
        if inputs.hidden is not None:
            if not self.config.visual_branching:
                raise ValueError("masked frames need a checkpoint with visual words; this one has none")
            tokens = torch.where(inputs.hidden[..., None], self.hidden_frame.to(tokens.dtype), tokens)
        return self.temporal(tokens, inputs.frame_mask)  # type: ignore[no-any-return]


def _frames_of(inputs: Inputs) -> Inputs:
    return replace(inputs, word_ids=inputs.word_ids[:, :0], word_mask=inputs.word_mask[:, :0])


def _words_of(inputs: Inputs) -> Inputs:
    return replace(inputs, features=inputs.features[:, :0], frame_mask=inputs.frame_mask[:, :0], hidden=None)


def _mean(states: Tensor, mask: Tensor) -> Tensor:
    """Average over masked positions: (N, S, H), bool (N, S) -> (N, H); zeros for rows without any."""
    weights = mask[..., None].to(states.dtype)
    return (states * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1)


def _bert_config(config: VideoBertConfig) -> BertConfig:
    names: tuple[str, ...] = (
        "vocab_size",
        "hidden_size",
        "num_hidden_layers",
        "num_attention_heads",
        "intermediate_size",
        "max_position_embeddings",
        "hidden_dropout_prob",
        "attention_probs_dropout_prob",
    )
    shared: dict[str, Any] = {name: getattr(config, name) for name in names}
    return BertConfig(**shared)
