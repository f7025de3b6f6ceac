"""VideoBERT: one joint Transformer over words and frames, `[CLS] words [>] frames [SEP]`.

After Sun et al., "VideoBERT: A Joint Model for Video and Language Representation Learning", ICCV 2019. One set of
weights serves three regimes: words alone (a query), frames alone (a silent segment), and both (a subtitled segment).
Frames enter as continuous CNN features through a temporal model.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import BertConfig, BertModel, PreTrainedConfig, PreTrainedModel

from model.backbone import Backbone
from model.heads import AlignmentHead, RetrievalHead
from model.temporal import TemporalModel


class VideoBertConfig(PreTrainedConfig):
    """Everything that decides the network's shape; stored as `config.json` in a checkpoint folder."""

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
    video_token_id: int = 1  # `[>]` takes the vocabulary's first unused row
    max_words: int = 64  # tokens of text; longer text loses its end
    max_frames: int = 8  # frames of a segment; more are thinned evenly
    # Frames
    backbone: str = "mobilenet_v2"
    image_size: int = 224  # pixels, a square
    frame_width: int = 1536  # of the layer between frame features and frame tokens
    frame_dropout: float = 0.6  # within it, half of it before it; a few thousand pictures are soon known by heart
    temporal: str = "transformer"  # none, gru, lstm, transformer
    temporal_layers: int = 1
    temporal_heads: int = 6
    temporal_attention: str = "standard"  # standard, positional
    # The shared space
    embedding_size: int = 384


@dataclass(frozen=True)
class Inputs:
    """A batch for the joint Transformer. Masks are True where something real stands.

    A batch of pure text has T = 0, a batch of silent segments has L = 0, and rows of both kinds may be mixed.
    """

    word_ids: Tensor  # int64 (N, L), without special tokens
    word_mask: Tensor  # bool (N, L)
    features: Tensor  # float (N, T, F)
    frame_mask: Tensor  # bool (N, T)

    def __post_init__(self) -> None:
        n, length = self.word_ids.shape
        if self.word_mask.shape != (n, length) or self.word_mask.dtype != torch.bool:
            raise ValueError(f"word_mask must be bool {(n, length)}, got {self.word_mask.dtype} {self.word_mask.shape}")
        if self.features.ndim != 3 or self.features.shape[0] != n:
            raise ValueError(f"features must be ({n}, T, F), got {tuple(self.features.shape)}")
        if self.frame_mask.shape != self.features.shape[:2] or self.frame_mask.dtype != torch.bool:
            raise ValueError(
                f"frame_mask must be bool {tuple(self.features.shape[:2])}, "
                f"got {self.frame_mask.dtype} {tuple(self.frame_mask.shape)}"
            )

    def to(self, device: torch.device) -> Inputs:
        """The same batch on another device."""
        return Inputs(*(tensor.to(device) for tensor in vars(self).values()))


class VideoBertModel(PreTrainedModel):
    """The backbone, the temporal model, the joint Transformer and its heads."""

    config_class = VideoBertConfig
    config: VideoBertConfig
    base_model_prefix = "videobert"

    def __init__(self, config: VideoBertConfig) -> None:
        super().__init__(config)
        hidden = config.hidden_size
        self.backbone = Backbone(config.backbone)
        self.frame_projection = nn.Sequential(
            nn.LayerNorm(self.backbone.feature_dim),
            nn.Dropout(config.frame_dropout / 2),
            nn.Linear(self.backbone.feature_dim, config.frame_width),
            nn.GELU(),
            nn.Dropout(config.frame_dropout),
            nn.Linear(config.frame_width, hidden),
        )
        self.temporal = TemporalModel(
            config.temporal,
            hidden,
            heads=config.temporal_heads,
            layers=config.temporal_layers,
            attention=config.temporal_attention,
        )
        self.bert = BertModel(_bert_config(config), add_pooling_layer=False)
        # What BERT adds to a frame, by channel: little at first, since its layers were made for words.
        self.frame_gain = nn.Parameter(torch.full((hidden,), 0.1))
        self.retrieval = RetrievalHead(hidden, config.embedding_size)
        self.alignment = AlignmentHead(hidden, config.embedding_size)
        self.post_init()  # type: ignore[no-untyped-call]

    def _init_weights(self, module: nn.Module) -> None:
        # Every part initialises itself as its paper says; the default would overwrite the backbone's He and the
        # retrieval head's identity.
        pass

    def load_bert(self, folder: Path) -> None:
        """Start the joint Transformer from a BERT or sentence-encoder checkpoint of the same shape.

        Args:
            folder: holds `model.safetensors` in the transformers layout for `BertModel`.

        Raises:
            RuntimeError: a weight is missing or has another shape.
        """
        weights = load_file(folder / "model.safetensors")
        weights = {name.removeprefix("bert."): tensor for name, tensor in weights.items()}
        expected = set(self.bert.state_dict())
        self.bert.load_state_dict({name: tensor for name, tensor in weights.items() if name in expected})

    def frame_features(self, frames: Tensor) -> Tensor:
        """Prepared frames (T, 3, S, S) float -> frame features (T, F) float."""
        return self.backbone(frames)  # type: ignore[no-any-return]

    def forward(self, inputs: Inputs) -> tuple[Tensor, Tensor, Tensor]:
        """Run the joint Transformer over `[CLS] words [>] frames [SEP]`.

        Returns:
            states (N, 1+L+1+T+1, H) of every position, mask bool (N, 1+L+1+T+1), and token types int64 of the same
            shape: 0 for text, 1 for video.
        """
        tokens, mask, types = self._sequence(inputs)
        # Positions count what is real, so padding in the middle of a row moves nothing.
        positions = (mask.cumsum(dim=1) - 1).clamp(min=0)
        states = self.bert(
            inputs_embeds=tokens, attention_mask=mask.long(), token_type_ids=types, position_ids=positions
        ).last_hidden_state
        # A way around for frames: what a frame shows does not have to pass through layers made for words.
        return torch.where((types == 1)[..., None], tokens + self.frame_gain * states, states), mask, types

    def embed(self, inputs: Inputs) -> Tensor:
        """One point per row in the space shared by text and video: float32 (N, D), unit length.

        Raises:
            ValueError: a row has neither words nor frames.
        """
        has_words, has_frames = inputs.word_mask.any(dim=1), inputs.frame_mask.any(dim=1)
        if not bool((has_words | has_frames).all()):
            raise ValueError("every row needs a word or a frame to embed; got a row with neither")
        _, words, frames = self._read(inputs)
        return self.retrieval(words, frames, has_words, has_frames)  # type: ignore[no-any-return]

    def align(self, inputs: Inputs) -> Tensor:
        """How well words and frames of each row belong together: float32 (N,), logits."""
        cls, words, frames = self._read(inputs)
        return self.alignment(cls, self.retrieval.words(words), self.retrieval.frames(frames))  # type: ignore[no-any-return]

    def _read(self, inputs: Inputs) -> tuple[Tensor, Tensor, Tensor]:
        """The state of [CLS], the mean of the words with the marks around them, the mean of the frames: (N, H) each."""
        states, mask, types = self(inputs)
        shown = states[:, 2 + inputs.word_ids.shape[1] : -1]  # after [CLS], the words, and [>]
        return states[:, 0], _mean(states, mask & (types == 0)), _mean(shown, inputs.frame_mask)

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
        types = torch.cat([text, video, has_frames.long()], dim=1)  # the last [SEP] belongs to what stands before it
        return torch.cat(parts, dim=1), mask, types

    def _frame_tokens(self, inputs: Inputs) -> Tensor:
        if inputs.features.shape[1] == 0:
            return inputs.features.new_zeros(inputs.features.shape[0], 0, self.config.hidden_size)
        return self.temporal(self.frame_projection(inputs.features), inputs.frame_mask)  # type: ignore[no-any-return]


def _mean(states: Tensor, mask: Tensor) -> Tensor:
    """Mean over the positions that the mask allows: (N, S, H), bool (N, S) -> (N, H); zeros where there are none."""
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
