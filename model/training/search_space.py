"""The search space of hyper-parameter tuning: a recipe in which values may be lists or ranges.

    epochs = 5                                             # fixed
    batch_size = [64, 128]                                 # one of these
    learning_rate = {low = 1e-4, high = 3e-3, log = true}  # any value between
    right_subtitles = {low = 0.0, high = 0.6, step = 0.2}  # 0.0, 0.2, 0.4 or 0.6

    [network]
    temporal = ["none", "gru", "lstm", "transformer"]
    num_hidden_layers = [4, 6]

A grid search tries every combination, so it needs lists or ranges with a step.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from model.training.recipe import Recipe, checked_network, checked_option, read_toml

_NETWORK = "network."


class Suggests(Protocol):
    """The part of an Optuna trial that chooses values."""

    def suggest_categorical(self, name: str, choices: list[Any]) -> Any:
        """Return one of the choices."""

    def suggest_float(self, name: str, low: float, high: float, *, step: float | None, log: bool) -> float:
        """Return a number from `low` to `high`."""

    def suggest_int(self, name: str, low: int, high: int, *, step: int, log: bool) -> int:
        """Return an integer from `low` to `high`."""


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`, both included; integers if both are.

    Raises:
        ValueError: the bounds or the step are out of order, or a log range has a step or starts at 0 or below.
    """

    low: float
    high: float
    step: float | None = None
    log: bool = False

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise ValueError(f"low must be below high, got {self.low} and {self.high}")
        if self.log and (self.low <= 0 or self.step is not None):
            raise ValueError(f"a log range must start above 0 and have no step, got {self}")
        if self.step is not None and not 0 < self.step <= self.high - self.low:
            raise ValueError(f"step must be above 0 and at most high - low, got {self.step}")

    @property
    def values(self) -> list[float]:
        """The values of a grid search; ValueError if there is no step."""
        if self.step is None:
            raise ValueError("a grid needs a list of values, or a range with a step")
        count = math.floor((self.high - self.low) / self.step + 1e-9)
        return [_rounded(self.low + i * self.step) for i in range(count + 1)]

    def suggest(self, trial: Suggests, name: str, *, whole: bool) -> float:
        """Let a trial choose a value, an integer if `whole`."""
        if whole:
            return trial.suggest_int(name, int(self.low), int(self.high), step=int(self.step or 1), log=self.log)
        return _rounded(trial.suggest_float(name, self.low, self.high, step=self.step, log=self.log))


@dataclass(frozen=True)
class Space:
    """Fixed values, choices and ranges, by name; fields of the network are named `network.NAME`."""

    fixed: Mapping[str, Any]
    choices: Mapping[str, list[Any]]
    ranges: Mapping[str, Range]

    def choose(self, trial: Suggests) -> Recipe:
        """Let a trial choose a value for every list and range."""
        values = dict(self.fixed)
        for name, choices in self.choices.items():
            values[name] = trial.suggest_categorical(name, choices)
        for name, span in self.ranges.items():
            values[name] = span.suggest(trial, name, whole=self.whole(name))
        return Recipe(
            {name: value for name, value in values.items() if not name.startswith(_NETWORK)},
            {name.removeprefix(_NETWORK): value for name, value in values.items() if name.startswith(_NETWORK)},
        )

    def whole(self, name: str) -> bool:
        """Whether a range is one of integers."""
        return isinstance(self.ranges[name].low, int)

    def grid(self) -> list[dict[str, Any]]:
        """Return every combination of the lists and ranges.

        Raises:
            ValueError: a range has no step.
        """
        values: dict[str, list[Any]] = dict(self.choices)
        for name, span in self.ranges.items():
            try:
                values[name] = [int(value) for value in span.values] if self.whole(name) else list(span.values)
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from error
        return [dict(zip(values, chosen, strict=True)) for chosen in itertools.product(*values.values())]


def read_space(path: Path) -> Space:
    """Read a search space.

    Raises:
        ValueError: the file is not TOML, a name or value is not valid in a recipe, or no value is a list or range.
        OSError: the file cannot be read.
    """
    table = read_toml(path)
    network = table.pop("network", {})
    if not isinstance(network, dict):
        raise ValueError(f"{path}: [network] must be a table, got {network!r}")  # noqa: TRY004 - of a file's content
    fixed: dict[str, Any] = {}
    choices: dict[str, list[Any]] = {}
    ranges: dict[str, Range] = {}
    for prefix, values, checked in (("", table, checked_option), (_NETWORK, network, checked_network)):
        for name, value in values.items():
            if isinstance(value, list):
                if not value:
                    raise ValueError(f"{path}: {name} needs at least one value, got none")
                choices[prefix + name] = [checked(name, one, str(path)) for one in value]
            elif isinstance(value, dict):
                ranges[prefix + name] = _range(name, value, checked, str(path))
            else:
                fixed[prefix + name] = checked(name, value, str(path))
    if not choices and not ranges:
        raise ValueError(f"{path} has nothing to search: give a list, or a table with low and high")
    return Space(fixed, choices, ranges)


def _range(name: str, table: Mapping[str, Any], checked: Callable[[str, Any, str], Any], where: str) -> Range:
    known = {"low", "high", "step", "log"}
    if not {"low", "high"} <= table.keys() <= known or not isinstance(table.get("log", False), bool):
        raise ValueError(f"{where}: {name} needs low and high, and may have step or log = true, got {dict(table)}")
    numbers = {key: checked(name, table[key], where) for key in ("low", "high", "step") if key in table}
    if any(isinstance(number, bool | str) for number in numbers.values()):
        raise ValueError(f"{where}: {name} is not a number and needs a list of values, got {dict(table)}")
    try:
        return Range(**numbers, log=table.get("log", False))
    except ValueError as error:
        raise ValueError(f"{where}: {name}: {error}") from error


def _rounded(value: float) -> float:
    """Round to ten significant digits: sums of steps carry rounding errors."""
    return float(f"{value:.10g}")
