"""Recipes: TOML files of what a training run is made of.

    epochs = 6                 # fields of `TrainingOptions`
    learning_rate = 1e-3

    [network]                  # fields of `VideoBertConfig`, where the network is to be another than the start's
    temporal = "gru"
    num_hidden_layers = 4
    bert = "bert-large"        # model whose weights the joint Transformer begins with
    backbone = "dinov2-small"  # model that looks at frames, or vision:FOLDER

Some come with the program and are known by name (`videobert models list`: configurations).
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from model.network.videobert import VideoBertConfig
from model.registry import registry
from model.training.options import TrainingOptions

_OPTIONS = {field.name: type(getattr(TrainingOptions, field.name)) for field in fields(TrainingOptions)}
# What the tokenizer decides, and what training options decide, is not up to a recipe's [network].
_DECIDED_ELSEWHERE = {
    *("vocab_size", "cls_token_id", "sep_token_id", "mask_token_id", "video_token_id"),
    *("masked_words", "visual_branching", "visual_depth", "frame_input"),
    "vision",  # comes with the backbone
}
_NETWORK = {"bert": str} | {
    name: type(getattr(VideoBertConfig, name))
    for name in VideoBertConfig.__annotations__
    if name not in _DECIDED_ELSEWHERE
}


@dataclass(frozen=True)
class Recipe:
    """What a file says; what it does not say is left to the defaults and to the start."""

    options: Mapping[str, Any] = field(default_factory=dict)
    network: Mapping[str, Any] = field(default_factory=dict)


def read_recipe(source: str | Path) -> Recipe:
    """Read a recipe, by its path or by the name of one that comes with the program.

    Raises:
        ValueError: the file is no TOML, or a key or the type of a value is unknown.
        OSError: there is no such file.
    """
    known = registry.entries().get(str(source))
    if known is not None and known.kind == "configuration":
        source = known.folder / f"{known.name}.toml"
    table = read_toml(Path(source))
    network = table.pop("network", {})
    if not isinstance(network, dict):
        raise ValueError(f"{source}: [network] must be a table, got {network!r}")  # noqa: TRY004 - of a file's content
    return Recipe(
        {name: checked_option(name, value, str(source)) for name, value in table.items()},
        {name: checked_network(name, value, str(source)) for name, value in network.items()},
    )


def read_toml(path: Path) -> dict[str, Any]:
    """A TOML file as a table; ValueError names the file where it is none."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: {error}") from error


def checked_option(name: str, value: Any, where: str) -> Any:
    """The value of a training option, in its type; ValueError says what is wrong with it."""
    return _checked(name, value, _OPTIONS, where, "training option")


def checked_network(name: str, value: Any, where: str) -> Any:
    """The value of a field of `[network]`, in its type; ValueError says what is wrong with it."""
    return _checked(name, value, _NETWORK, where, "field of [network]")


def _checked(name: str, value: Any, known: Mapping[str, type], where: str, what: str) -> Any:
    if name not in known:
        raise ValueError(f"{where}: {name!r} is no {what}; there are {', '.join(known)}")
    if type(value) is not known[name] and not (known[name] is float and type(value) is int):
        raise ValueError(f"{where}: {name} must be {known[name].__name__}, got {value!r}")
    return known[name](value)
