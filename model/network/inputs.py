"""What goes into the joint Transformer: words and frames side by side, with masks that say what is real."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Inputs:
    """A batch for the joint Transformer. Masks are True where something real stands.

    A batch of pure text has T = 0, a batch of silent segments has L = 0, and rows of both kinds may be mixed.
    """

    word_ids: Tensor  # int64 (N, L), without special tokens
    word_mask: Tensor  # bool (N, L)
    features: Tensor  # float (N, T, F)
    frame_mask: Tensor  # bool (N, T)
    hidden: Tensor | None = None  # bool (N, T), True where the model must not see the frame but guess it

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
        """The same batch on another device."""
        return Inputs(
            self.word_ids.to(device),
            self.word_mask.to(device),
            self.features.to(device),
            self.frame_mask.to(device),
            None if self.hidden is None else self.hidden.to(device),
        )
