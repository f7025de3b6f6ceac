"""Temporal models over the frames of a segment: recurrent, Transformer, or none.

Mask polarity, here and everywhere: True marks a real frame, False padding. Padding is at the end of a row.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

TEMPORAL_MODELS = ("none", "gru", "lstm", "transformer")
ATTENTIONS = ("standard", "positional")


def sinusoidal_positions(length: int, dim: int) -> Tensor:
    """Return float32 (length, dim), the position encoding of Vaswani et al., "Attention is all you need", 2017."""
    time = torch.arange(length, dtype=torch.float32)[:, None]
    rate = torch.exp(torch.arange(0, dim, 2, dtype=torch.float32) * (-math.log(10000.0) / dim))
    table = torch.zeros(length, dim)
    table[:, 0::2] = torch.sin(time * rate)
    table[:, 1::2] = torch.cos(time * rate)[:, : dim // 2]
    return table


class TemporalModel(nn.Module):
    """A residual layer over time: states = input + model(input).

    It is initialized close to the identity; `none` omits the second term.

    Raises:
        ValueError: `kind` or `attention` is unknown.
    """

    def __init__(self, kind: str, dim: int, *, heads: int = 6, layers: int = 1, attention: str = "standard") -> None:
        super().__init__()
        if kind not in TEMPORAL_MODELS:
            raise ValueError(f"temporal model must be one of {', '.join(TEMPORAL_MODELS)}, got {kind!r}")
        if attention not in ATTENTIONS:
            raise ValueError(f"attention must be one of {', '.join(ATTENTIONS)}, got {attention!r}")
        self.kind = kind
        if kind in ("gru", "lstm"):
            recurrent = nn.GRU if kind == "gru" else nn.LSTM
            self.recurrent = recurrent(dim, dim // 2, num_layers=layers, batch_first=True, bidirectional=True)
        elif kind == "transformer":
            self.layers = nn.ModuleList(
                TemporalLayer(dim, heads, positional=attention == "positional") for _ in range(layers)
            )

    def forward(self, frames: Tensor, mask: Tensor) -> Tensor:
        """Compute states (B, T, D) of frames (B, T, D) with mask bool (B, T); states of padding are zero."""
        if self.kind in ("gru", "lstm"):
            states = frames + self._recur(frames, mask)
        elif self.kind == "transformer":
            states = frames
            positions = sinusoidal_positions(frames.shape[1], frames.shape[2]).to(frames)
            for layer in self.layers:
                states = layer(states, mask, positions)
        else:
            states = frames
        return states * mask[..., None]

    def _recur(self, frames: Tensor, mask: Tensor) -> Tensor:
        # Packing lets the backward direction start at the last real frame. A row without frames cannot be packed; it
        # has one step of padding, which the caller's mask removes.
        lengths = mask.sum(dim=1).clamp(min=1).cpu()
        packed = nn.utils.rnn.pack_padded_sequence(frames, lengths, batch_first=True, enforce_sorted=False)
        states, _ = nn.utils.rnn.pad_packed_sequence(
            self.recurrent(packed)[0], batch_first=True, total_length=frames.shape[1]
        )
        return states


class TemporalLayer(nn.Module):
    """Pre-norm self-attention and feed-forward over frames.

    Positions are added either to the input (standard) or only to the queries, softmax((Q + PE) K^T / sqrt(d_k)) V
    (positional attention).
    """

    def __init__(self, dim: int, heads: int, *, positional: bool) -> None:
        super().__init__()
        self.heads, self.positional = heads, positional
        self.norm = nn.LayerNorm(dim)
        self.qkv = nn.Linear(dim, 3 * dim)
        self.out = nn.Linear(dim, dim)
        narrow = nn.Linear(2 * dim, dim)
        self.feed_forward = nn.Sequential(nn.LayerNorm(dim), nn.Linear(dim, 2 * dim), nn.GELU(), narrow)
        for last in (self.out, narrow):  # initialized close to the identity
            nn.init.normal_(last.weight, std=0.002)
            nn.init.zeros_(last.bias)

    def forward(self, frames: Tensor, mask: Tensor, positions: Tensor) -> Tensor:
        """Compute states (B, T, D) of frames (B, T, D) with mask bool (B, T) and positions (T, D)."""
        b, t, d = frames.shape
        x = self.norm(frames)
        q, k, v = self.qkv(x if self.positional else x + positions).chunk(3, dim=-1)
        if self.positional:
            q = q + positions
        q, k, v = (z.view(b, t, self.heads, d // self.heads).transpose(1, 2) for z in (q, k, v))  # (B, heads, T, d_k)
        # A row without frames attends to its padding: softmax over nothing is NaN.
        visible = (mask | ~mask.any(dim=1, keepdim=True))[:, None, None, :]
        attended = F.scaled_dot_product_attention(q, k, v, attn_mask=visible)
        frames = frames + self.out(attended.transpose(1, 2).reshape(b, t, d))
        return frames + self.feed_forward(frames)  # type: ignore[no-any-return]
