"""The initial network of a training run: a checkpoint, or a network of another shape with the weights that fit.

`model.network.transfer` decides which weights fit. The joint Transformer can also start from a BERT of its shape.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from model.encoder.over_towers import PREFIX, fields_over, read_towers, stand_on
from model.encoder.two_tower import TwoTowerEncoder
from model.network.transfer import transfer
from model.network.videobert import VideoBertModel
from model.network.weights import find_weights
from model.registry.registry import locate
from model.training.options import TrainingOptions


def begin(
    start: VideoBertModel, network: Mapping[str, Any], *, seed: int, towers: TwoTowerEncoder | None = None
) -> tuple[VideoBertModel, list[str]]:
    """Build the network to train.

    Args:
        start: the checkpoint's network; returned itself if `network` changes nothing.
        network: fields of `VideoBertConfig`. `backbone` is a name of the table of models, `vision:FOLDER`,
            `towers:NAME` or `towers:FOLDER`; `bert` is the name or folder of a BERT to start from.
        seed: seed of the random weights.
        towers: the loaded towers that `network` names; loaded here if not given.

    Returns:
        The network, and the names of its randomly initialized parts.

    Raises:
        ValueError: the fields contradict each other, or the BERT has another shape than the network.
        FileNotFoundError: the backbone or the BERT is not on this machine.
    """
    overrides, bert, found = dict(network), network.get("bert"), None
    overrides.pop("bert", None)
    backbone, stands_on = overrides.pop("backbone", start.config.backbone), None
    if backbone.startswith(PREFIX):
        towers = towers or read_towers(backbone)
        if start.config.towers != fields_over(towers)["towers"]:
            stands_on = towers
    elif backbone != start.config.backbone:
        found = find_weights(backbone)
        overrides = {"class_names": ()} | dict(found.fields) | overrides  # class names belong to the old backbone
    changes = {name: value for name, value in overrides.items() if getattr(start.config, name) != value}
    model, fresh = start, list[str]()
    if stands_on:
        model, fresh = stand_on(stands_on, start, changes, seed=seed)
    elif changes:
        model, fresh = transfer(start, changes, seed=seed)
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


def check_options(options: TrainingOptions, fresh: list[str], *, over_towers: bool = False) -> None:
    """Reject options that keep or anchor query embeddings when the text side is randomly initialized.

    Over towers, queries are embedded by the text tower, which is frozen.

    Raises:
        ValueError: the message says what to change.
    """
    if over_towers:
        if options.weights.keys() == {"anchor"}:
            raise ValueError("anchor_weight alone trains nothing over towers, whose query embeddings are fixed")
        return
    random_parts = [part for part in ("bert", "retrieval") if part in fresh]
    if random_parts and options.frozen:
        raise ValueError(f"bert_learning_rate 0 freezes queries, but {random_parts[0]} is randomly initialized here")
    if random_parts and "anchor" in options.weights:
        raise ValueError(
            f"anchor_weight anchors queries, but {random_parts[0]} is randomly initialized here: set it to 0"
        )
