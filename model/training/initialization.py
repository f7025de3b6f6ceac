"""What a training run begins from: a checkpoint as it is, or a network of another shape that takes over what fits.

What fits is in `model.network.transfer`. The joint Transformer can also begin from a BERT of the right shape.
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
    """The network to train.

    Args:
        start: it, where nothing changes, is returned itself.
        network: fields of `VideoBertConfig`; as `backbone`, the name of one of the table of models, `vision:FOLDER`,
            `towers:NAME` or `towers:FOLDER`; and as `bert`, the name or folder of a BERT to begin with.
        seed: of what begins at random.
        towers: the loaded ones that `network` names; loaded here if not given.

    Returns:
        the network, and the names of its parts that begin at random.

    Raises:
        ValueError: the fields do not fit each other, or the BERT not the network.
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
        overrides = {"class_names": ()} | dict(found.fields) | overrides  # they read features of the start's backbone
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
    """Refuse what makes no sense where a query begins at random: to keep its meaning, or to hold it near where it was.

    Over towers a query is the text tower's, which stays as it is.

    Raises:
        ValueError: with what to change.
    """
    if over_towers:
        if options.weights.keys() == {"anchor"}:
            raise ValueError("anchor_weight alone teaches nothing over towers, whose queries stay as they are")
        return
    random_parts = [part for part in ("bert", "retrieval") if part in fresh]
    if random_parts and options.frozen:
        raise ValueError(f"bert_learning_rate 0 keeps what a query means, but {random_parts[0]} begins at random here")
    if random_parts and "anchor" in options.weights:
        raise ValueError(
            f"anchor_weight holds queries where they were, but {random_parts[0]} begins at random here: set it to 0"
        )
