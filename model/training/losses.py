"""Losses as pure functions."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

_CAPTION_SCALE = 25.0  # inverse temperature of caption cosines: +0.1 multiplies the share by 12


def multi_positive_contrastive(queries: Tensor, items: Tensor, target: Tensor, scale: Tensor) -> Tensor:
    """Symmetric contrastive loss in which a query may have several positives in the batch.

    The cross-entropy of the softmax over the batch against a target over the positives (Khosla et al., "Supervised
    contrastive learning", 2020, L_out), in both directions.

    Args:
        queries: float (N, D), unit rows.
        items: float (N, D), unit rows.
        target: float (N, N), 0 or more, the relevance of item j to query i; rows and columns are scaled to sum to 1.
        scale: inverse temperature, scalar.

    Returns:
        Scalar, averaged over queries and directions.
    """
    with torch.autocast(queries.device.type, enabled=False):  # in bfloat16, cosines that differ by 0.002 are the same
        logits = scale.float() * queries.float() @ items.float().T
    forward = -(F.log_softmax(logits, dim=1) * target).sum(1) / target.sum(1)
    backward = -(F.log_softmax(logits, dim=0) * target).sum(0) / target.sum(0)
    return (forward.mean() + backward.mean()) / 2


def soft_target(same: Tensor, captions: Tensor, share: float, others: Tensor | None = None) -> Tensor:
    """Return a contrastive target: uniform over the positives, mixed with the similarity of captions.

    Args:
        same: bool (N, M), True where item j is a positive of query i; every row has one.
        captions: float (N, D), unit rows, embedded before training.
        share: weight of caption similarity in the target, 0 to 1.
        others: float (M, D), captions of the items; those of the queries by default.

    Returns:
        float32 (N, M), rows sum to 1.
    """
    positives = same.float() / same.sum(dim=1, keepdim=True)
    if not share:
        return positives
    others = captions if others is None else others
    alike = F.softmax(_CAPTION_SCALE * captions.float() @ others.float().T, dim=1)
    return (1 - share) * positives + share * alike


def alignment(logits: Tensor, aligned: Tensor) -> Tensor:
    """Binary cross-entropy of the alignment head: (N,) logits, bool (N,) -> scalar."""
    return F.binary_cross_entropy_with_logits(logits, aligned.float())


def soft_label_loss(items: Tensor, names: Tensor, soft_labels: Tensor, scale: Tensor) -> Tensor:
    """Cross-entropy of the softmax over names against soft labels (Hinton et al., 2015).

    Args:
        items: float (N, D), unit rows.
        names: float (K, D), unit rows, without gradient.
        soft_labels: float (N, K); rows sum to 1, or to 0 for an item without soft labels.
        scale: inverse temperature, scalar.

    Returns:
        Scalar, averaged over the items with soft labels; 0 if there are none.
    """
    with torch.autocast(items.device.type, enabled=False):
        logits = scale.float() * items.float() @ names.float().T
    return -(F.log_softmax(logits, dim=1) * soft_labels).sum() / soft_labels.sum().clamp(min=1.0)


def anchoring(points: Tensor, anchors: Tensor) -> Tensor:
    """Mean of 1 - cosine to fixed vectors: keeps a fine-tuned text encoder near its initial state.

    Args:
        points: float (N, D), unit rows.
        anchors: float (N, D), unit rows, without gradient.

    Returns:
        Scalar.
    """
    return 1 - torch.sum(points * anchors, dim=-1).mean()
