"""What stands on the joint Transformer: one small module a task."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class RetrievalHead(nn.Module):
    """States of words and of frames -> one point in the shared space of text and video.

    Each modality is averaged over its positions and projected. A query is its words; a segment is its frames, plus its
    subtitles where it has some, with a projection of their own, since what is said says less than what is asked.
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
            # A sentence encoder stays what it was before the first step.
            nn.init.eye_(self.words.weight)
            nn.init.zeros_(self.words.bias)

    def forward(self, words: Tensor, frames: Tensor, has_words: Tensor, has_frames: Tensor) -> Tensor:
        """Mean states (N, H), (N, H) and bool (N,), (N,) -> (N, D), unit length."""
        segment = self.frames(frames) + self.subtitles(words) * has_words[:, None]
        point = torch.where(has_frames[:, None], segment, self.words(words))
        return F.normalize(point.float(), dim=-1)

    @property
    def scale(self) -> Tensor:
        """The factor on cosines in the contrastive loss, at most 100."""
        return self.log_scale.exp().clamp(max=100.0)


class AlignmentHead(nn.Module):
    """The state of [CLS] over text and video -> does this text belong to this video (logit)."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.dense = nn.Linear(hidden, hidden)
        self.score = nn.Linear(hidden, 1)

    def forward(self, cls_state: Tensor) -> Tensor:
        """(N, H) -> (N,) logits."""
        return self.score(torch.tanh(self.dense(cls_state))).squeeze(-1).float()  # type: ignore[no-any-return]
