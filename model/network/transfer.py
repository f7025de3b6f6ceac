"""A network of another shape that takes over what fits of a trained one.

A part of the network (BERT, the temporal model, a head) whose weights all have the shape they had keeps them; any other
part can only begin at random. So a change of the temporal model keeps the rest, a change of the width next to nothing.
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
        changes: fields of `VideoBertConfig`.
        seed: of what begins at random.

    Returns:
        the network, and the names of its parts that begin at random.

    Raises:
        ValueError: the fields do not fit each other.
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
    """The weights of each direct part of the network, by the part's name."""
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
