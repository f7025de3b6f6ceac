"""What a masked objective hides: BERT's masking of words, and whole frames.

Randomness comes from torch's global generator on the CPU, which training seeds at every step.
"""

from __future__ import annotations

import torch
from torch import Tensor

SHARE = 0.15  # of the words and of the frames (Devlin et al., 2019; Sun et al., 2019)


def mask_words(ids: Tensor, mask: Tensor, *, mask_token_id: int, vocab_size: int) -> tuple[Tensor, Tensor]:
    """Choose words to predict; of these 80 % become `[MASK]`, 10 % a random word, 10 % stay.

    Args:
        ids: int64 (N, L).
        mask: bool (N, L), True = real.

    Returns:
        the ids that the model is to see, int64 (N, L), and the chosen words, bool (N, L).
    """
    chosen = choose(mask)
    fate = torch.rand(ids.shape)
    seen = torch.where(chosen & (fate < 0.8), mask_token_id, ids)
    anything = torch.randint(vocab_size, ids.shape)
    return torch.where(chosen & (fate >= 0.9), anything, seen), chosen


def choose(mask: Tensor) -> Tensor:
    """15 % of the real positions, at least one in every row that has any: bool (N, L) -> bool (N, L)."""
    if mask.shape[1] == 0:
        return mask
    draw = torch.rand(mask.shape).masked_fill(~mask, 2.0)
    return mask & ((draw < SHARE) | (draw == draw.min(dim=1, keepdim=True).values))
