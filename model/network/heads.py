"""Heads on the joint Transformer, one module per task, and layers over frame features."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_SHARPNESS = 0.7  # exponent of class probabilities; below 1 it flattens them
_NOISE = 0.5  # of training inputs, in standard deviations
_GATE_PACE = 10.0  # learning rate of the gate relative to other weights: it is a single number that starts at 0


class RetrievalHead(nn.Module):
    """Mean states of words and of frames -> an embedding in the space shared by text and video.

    A query is the projection of its words. A segment is the sum of the projections of its frames and of its subtitles,
    which have a projection of their own.
    """

    def __init__(self, hidden: int, dim: int) -> None:
        super().__init__()
        self.words = nn.Linear(hidden, dim)
        self.subtitles = nn.Linear(hidden, dim)
        self.frames = nn.Linear(hidden, dim)
        self.log_scale = nn.Parameter(
            torch.tensor(3.0)
        )  # log of the inverse temperature, trained (Radford et al. 2021)
        if hidden == dim:
            # Start as the identity: the sentence encoder also knows words that no training caption uses.
            for layer in (self.words, self.subtitles):
                nn.init.eye_(layer.weight)
                nn.init.zeros_(layer.bias)

    def forward(
        self, words: Tensor, frames: Tensor, has_words: Tensor, has_frames: Tensor, direct: Tensor | None = None
    ) -> Tensor:
        """Embed rows: float (N, D), unit rows.

        Args:
            words: mean states, float (N, H).
            frames: mean states, float (N, H).
            has_words: bool (N,).
            has_frames: bool (N,).
            direct: float (N, D), unit rows of the direct frame head. The frames' projection then gets the direction of
                the mean of both and keeps its norm, which is its weight relative to subtitles.
        """
        shown = self.frames(frames)
        if direct is not None:
            turned = F.normalize(F.normalize(shown.float(), dim=-1) + direct, dim=-1)
            shown = shown.float().norm(dim=-1, keepdim=True) * turned
        segment = shown + self.subtitles(words) * has_words[:, None]
        point = torch.where(has_frames[:, None], segment, self.words(words))
        return F.normalize(point.float(), dim=-1)

    @property
    def scale(self) -> Tensor:
        """Return the inverse temperature of the contrastive loss, at most 100."""
        return self.log_scale.exp().clamp(max=100.0)


def sum_of_units(features: Tensor, mask: Tensor) -> Tensor:
    """Sum the unit vectors of frames: float (N, T, D), bool (N, T) -> float32 (N, D)."""
    unit = F.normalize(features.float(), dim=-1)
    return (unit * mask[..., None].to(unit)).sum(dim=1)


class TowerGate(nn.Module):
    """The embedding of a frozen vision tower plus, through a gate, VideoBERT's embedding of the same segment.

    The gate starts at zero, so an untrained model equals its towers exactly. As in Flamingo (Alayrac et al., 2022), new
    layers over a frozen model cannot harm it before they are trained.
    """

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(()))

    def forward(self, shown: Tensor, read: Tensor) -> Tensor:
        """Combine the tower's vectors (N, D), of any length, and VideoBERT's unit rows (N, D) -> (N, D), unit rows."""
        gate = _GATE_PACE * self.weight.float()
        return F.normalize(shown + gate * shown.norm(dim=-1, keepdim=True) * read, dim=-1)


class ClassNames(nn.Module):
    """The expected class name of a frame, as an embedding.

    It is the mean of the class names' text embeddings, weighted by the probabilities of the backbone's classifier
    (Norouzi et al., "Zero-shot learning by convex combination of semantic embeddings", ICLR 2014).
    """

    embeddings: Tensor

    def __init__(self, feature_dim: int, names: int, dim: int) -> None:
        super().__init__()
        self.classifier = nn.Linear(feature_dim, names)
        self.register_buffer("embeddings", torch.zeros(names, dim))  # of the names as text, unit length

    def probabilities(self, features: Tensor) -> Tensor:
        """Return class probabilities: (..., F) -> (..., K), rows sum to 1."""
        return F.softmax(self.classifier(features).float(), dim=-1)

    def forward(self, features: Tensor) -> Tensor:
        """Return the embedding of the expected name: (..., F) -> (..., D)."""
        likely = self.probabilities(features).clamp_min(1e-6) ** _SHARPNESS
        return (likely / likely.sum(dim=-1, keepdim=True)) @ self.embeddings.float()


class FrameReader(nn.Module):
    """A frame feature and its expected class name -> an embedding: two layers plus a linear path.

    Inputs are standardized by mean and standard deviation over the training pictures. Training adds noise of half a
    deviation, against overfitting to a few thousand pictures. The linear path is initialized to the expected name.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(
        self, feature_dim: int, name_dim: int, width: int, dim: int, *, dropout: float, unit_length: bool = False
    ) -> None:
        super().__init__()
        described = feature_dim + name_dim
        self.register_buffer("mean", torch.zeros(described))
        self.register_buffer("deviation", torch.ones(described))
        self.wide = nn.Linear(described, width)
        self.narrow = nn.Linear(width, dim)
        self.path = nn.Linear(described, dim)
        self.dropout = nn.Dropout(dropout)
        self.name_dim, self.unit_length = name_dim, unit_length
        nn.init.zeros_(self.path.weight)
        nn.init.zeros_(self.path.bias)

    @property
    def is_fitted(self) -> bool:
        """Whether mean and deviation have been computed."""
        return not torch.equal(self.deviation, torch.ones_like(self.deviation))

    @torch.no_grad()
    def fit(self, described: Tensor) -> None:
        """Compute mean and deviation of frames (N, F + D), and initialize the linear path to the expected name."""
        self.mean.copy_(described.mean(dim=0))
        self.deviation.copy_(described.std(dim=0) + 1e-4)
        if self.name_dim == self.path.out_features:
            self.path.weight[:, -self.name_dim :] = torch.diag(2 * self.deviation[-self.name_dim :])

    def forward(self, described: Tensor) -> Tensor:
        """Map (..., F + D) to (..., dim); float32 unit rows if `unit_length`."""
        frames = (described - self.mean) / self.deviation
        if self.training:
            frames = frames + _NOISE * torch.randn_like(frames)
        wide = F.gelu(self.wide(self.dropout(frames)))
        points: Tensor = self.narrow(self.dropout(wide)) + self.path(frames)
        return F.normalize(points.float(), dim=-1) if self.unit_length else points


class DirectFrameHead(nn.Module):
    """Frame features -> an embedding, frame by frame, without the temporal model and BERT.

    It is trained with its own loss, so its errors differ from theirs, and the mean of both is better than either
    (Hansen and Salamon, "Neural network ensembles", 1990).
    """

    def __init__(self, read: nn.Module) -> None:
        super().__init__()
        self.read = read

    def forward(self, features: Tensor, mask: Tensor) -> Tensor:
        """Embed frame features (N, T, F) with mask bool (N, T): (N, D), unit rows; zeros for rows without frames."""
        points = self.read(features)
        return F.normalize((points * mask[..., None]).sum(dim=1).float(), dim=-1)


def frame_layers(feature_dim: int, width: int, dim: int, *, dropout: float) -> nn.Sequential:
    """Build two layers over frame features, with strong dropout against overfitting to a few thousand pictures."""
    return nn.Sequential(
        nn.LayerNorm(feature_dim),
        nn.Dropout(dropout / 2),
        nn.Linear(feature_dim, width),
        nn.GELU(),
        nn.Dropout(dropout),
        nn.Linear(width, dim),
    )


class AlignmentHead(nn.Module):
    """Logit of a text and a video matching (linguistic-visual alignment).

    Inputs are the state of [CLS], as in VideoBERT, the elementwise product of the text and frame embeddings, and its
    sum, the cosine: with few captions, [CLS] alone does not learn to compare.
    """

    def __init__(self, hidden: int, dim: int) -> None:
        super().__init__()
        self.dense = nn.Linear(hidden + dim, hidden)
        self.score = nn.Linear(hidden, 1)
        self.of_cosine = nn.Parameter(torch.tensor(10.0))

    def forward(self, cls_state: Tensor, words: Tensor, frames: Tensor) -> Tensor:
        """Score a state (N, H) and embeddings of words and of frames (N, D) each: logits (N,)."""
        product = F.normalize(words.float(), dim=-1) * F.normalize(frames.float(), dim=-1)
        # Products of unit vectors are of order 1/D; scale them to order 1.
        state = torch.cat([cls_state, (product * words.shape[-1]).to(cls_state.dtype)], dim=-1)
        read = self.score(torch.tanh(self.dense(state))).squeeze(-1).float()
        return read + self.of_cosine.float() * product.sum(dim=-1)  # type: ignore[no-any-return]


class MaskedWordHead(nn.Module):
    """States of masked words -> logits over the vocabulary.

    BERT's head (Devlin et al., 2019) with its decoder tied to the word embeddings, which are passed in, so that a
    checkpoint stores them once. It also reads the embedding of the frames: with BERT frozen, attention carries little
    from frames to masked words.
    """

    def __init__(self, hidden: int, dim: int, vocab_size: int) -> None:
        super().__init__()
        self.dense = nn.Linear(hidden + dim, hidden)
        self.norm = nn.LayerNorm(hidden)
        self.bias = nn.Parameter(torch.zeros(vocab_size))

    def forward(self, states: Tensor, frames: Tensor, word_embeddings: Tensor) -> Tensor:
        """Predict masked words: logits (M, V).

        Args:
            states: of masked words, (M, H).
            frames: embeddings of the frames of each word's row, (M, D); zeros if it has none.
            word_embeddings: of the vocabulary, (V, H).
        """
        shown = F.normalize(frames.float(), dim=-1) * frames.shape[-1] ** 0.5  # of order 1
        read = self.dense(torch.cat([states, shown.to(states.dtype)], dim=-1))
        return F.linear(self.norm(F.gelu(read)), word_embeddings, self.bias).float()


class MaskedFrameHead(nn.Module):
    """States of masked frames -> logits over the visual words."""

    def __init__(self, hidden: int, words: int) -> None:
        super().__init__()
        self.score = nn.Linear(hidden, words)

    def forward(self, states: Tensor) -> Tensor:
        """Predict masked frames: states (M, H) -> logits (M, W)."""
        return self.score(states).float()  # type: ignore[no-any-return]
