"""Recipes: TOML files with the options and the network of a training run.

    epochs = 6                 # fields of `TrainingOptions`
    learning_rate = 1e-3

    [network]                  # fields of `VideoBertConfig` that differ from the start's
    temporal = "gru"
    num_hidden_layers = 4
    bert = "bert-large"        # initial weights of the joint Transformer
    backbone = "dinov2-small"  # network that computes frame features, or vision:FOLDER

Bundled recipes are known by name (`videobert models list`: configurations).
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
# A recipe's [network] cannot set what the tokenizer or the training options determine.
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
    """The values a recipe gives; the defaults and the start supply the others."""

    options: Mapping[str, Any] = field(default_factory=dict)
    network: Mapping[str, Any] = field(default_factory=dict)


def read_recipe(source: str | Path) -> Recipe:
    """Read a recipe by its path or the name of a bundled one.

    Raises:
        ValueError: the file is not TOML, a key is unknown, or a value has the wrong type.
        OSError: the file cannot be read.
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
    """Read a TOML file; ValueError names the file if it is not TOML."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: {error}") from error


def checked_option(name: str, value: Any, where: str) -> Any:
    """Return the value of a training option in its type; ValueError says what is wrong with it."""
    return _checked(name, value, _OPTIONS, where, "training option")


def checked_network(name: str, value: Any, where: str) -> Any:
    """Return the value of a field of `[network]` in its type; ValueError says what is wrong with it."""
    return _checked(name, value, _NETWORK, where, "field of [network]")


def _checked(name: str, value: Any, known: Mapping[str, type], where: str, what: str) -> Any:
    if name not in known:
        raise ValueError(f"{where}: {name!r} is not a {what}; allowed are {', '.join(known)}")
    if type(value) is not known[name] and not (known[name] is float and type(value) is int):
        raise ValueError(f"{where}: {name} must be {known[name].__name__}, got {value!r}")
    return known[name](value)
