"""Transfer of weights from a trained network to one of another shape.

A part of the network (BERT, the temporal model, a head) keeps its weights if all of them have the same shape; other
parts are randomly initialized. A change of the temporal model keeps the rest; a change of the width keeps little.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from model.network.videobert import VideoBertConfig, VideoBertModel


def transfer(start: VideoBertModel, changes: Mapping[str, Any], *, seed: int) -> tuple[VideoBertModel, list[str]]:
    """Build the network of a changed configuration, with the weights of `start` where they fit.

    Args:
        start: the trained network.
        changes: fields of `VideoBertConfig`.
        seed: seed of the random weights.

    Returns:
        The network, and the names of its randomly initialized parts.

    Raises:
        ValueError: the fields contradict each other.
    """
    config = VideoBertConfig.from_dict(start.config.to_dict() | dict(changes))
    _check(config)
    torch.manual_seed(seed)
    model = VideoBertModel(config)
    parts_of_start = _parts(start)
    fresh = []
    for part, weights in _parts(model).items():
        before = parts_of_start.get(part, {})
        if {name: tensor.shape for name, tensor in weights.items()} == {n: t.shape for n, t in before.items()}:
            with torch.no_grad():
                for name, tensor in weights.items():
                    tensor.copy_(before[name])
        else:
            fresh.append(part)
    return model, fresh


def _parts(model: VideoBertModel) -> dict[str, dict[str, Tensor]]:
    """Return the weights of each direct child module, by its name."""
    parts: dict[str, dict[str, Tensor]] = {}
    for name, tensor in model.state_dict().items():
        parts.setdefault(name.partition(".")[0], {})[name] = tensor
    return parts


def _check(config: VideoBertConfig) -> None:
    heads = {"num_attention_heads": config.num_attention_heads}
    if config.temporal == "transformer":
        heads["temporal_heads"] = config.temporal_heads
    for name, count in heads.items():
        if config.hidden_size % count:
            raise ValueError(f"hidden_size must be a multiple of {name}, got {config.hidden_size} and {count}")
    if config.temporal in ("gru", "lstm") and config.hidden_size % 2:
        raise ValueError(
            f"a {config.temporal} over both directions needs an even hidden_size, got {config.hidden_size}"
        )
    longest = config.max_words + config.max_frames + 3
    if longest > config.max_position_embeddings:
        raise ValueError(
            f"max_words and max_frames make up to {longest} positions, "
            f"max_position_embeddings allows {config.max_position_embeddings}"
        )
