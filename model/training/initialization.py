"""What a training run begins from: a checkpoint as it is, or a network of another shape that takes over what fits.

A part of the network (BERT, the temporal model, a head) whose weights all have the shape they had keeps them; any other
part can only begin at random. So a change of the temporal model keeps the rest, a change of the width next to nothing.
The joint Transformer can also begin from a BERT of the right shape.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from model.network.videobert import VideoBertConfig, VideoBertModel
from model.network.weights import find_weights
from model.registry.registry import locate
from model.training.options import TrainingOptions


def begin(start: VideoBertModel, network: Mapping[str, Any], *, seed: int) -> tuple[VideoBertModel, list[str]]:
    """The network to train.

    Args:
        start: it, where nothing changes, is returned itself.
        network: fields of `VideoBertConfig`; as `backbone`, the name of one of the table of models or `vision:FOLDER`;
            and as `bert`, the name or folder of a BERT to begin with.
        seed: of what begins at random.

    Returns:
        the network, and the names of its parts that begin at random.

    Raises:
        ValueError: the fields do not fit each other, or the BERT not the network.
        FileNotFoundError: the backbone or the BERT is not on this machine.
    """
    overrides, bert, found = dict(network), network.get("bert"), None
    overrides.pop("bert", None)
    if overrides.get("backbone", start.config.backbone) != start.config.backbone:
        found = find_weights(overrides.pop("backbone"))
        overrides = dict(found.fields) | overrides
    changes = {name: value for name, value in overrides.items() if getattr(start.config, name) != value}
    model, fresh = _changed(start, changes, seed=seed) if changes else (start, [])
    if found:
        model.backbone.load_state_dict(found.state)
        fresh = [part for part in fresh if part != "backbone"]
    if bert:
        try:
            model.load_bert(locate(bert).folder)
        except RuntimeError as error:
            raise ValueError(f"the BERT of {bert} has another shape than this network's: {error}") from error
        fresh = [part for part in fresh if part != "bert"]
    return model, fresh


def check_options(options: TrainingOptions, fresh: list[str]) -> None:
    """Refuse what makes no sense where a query begins at random: to keep its meaning, or to hold it near where it was.

    Raises:
        ValueError: with what to change.
    """
    random_parts = [part for part in ("bert", "retrieval") if part in fresh]
    if random_parts and options.frozen:
        raise ValueError(f"bert_learning_rate 0 keeps what a query means, but {random_parts[0]} begins at random here")
    if random_parts and "anchor" in options.weights:
        raise ValueError(
            f"anchor_weight holds queries where they were, but {random_parts[0]} begins at random here: set it to 0"
        )


def _changed(start: VideoBertModel, changes: Mapping[str, Any], *, seed: int) -> tuple[VideoBertModel, list[str]]:
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
