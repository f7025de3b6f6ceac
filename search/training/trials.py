"""What a search over hyper-parameters found: a table, a picture, and the best recipe."""

from __future__ import annotations

import csv
import importlib.util
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from model.training.recipe import Recipe
from model.training.search_space import Space
from search.training.study import tried

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SCORES = ("MRR", "R@1", "R@10")


class Again:
    """Chooses what a finished trial had."""

    def __init__(self, params: dict[str, Any]) -> None:
        self.params = params

    def suggest_categorical(self, name: str, choices: list[Any]) -> Any:
        """The choice of the trial."""
        return self.params[name]

    def suggest_float(self, name: str, low: float, high: float, *, step: float | None, log: bool) -> float:
        """The number of the trial."""
        return float(self.params[name])

    def suggest_int(self, name: str, low: int, high: int, *, step: int, log: bool) -> int:
        """The whole number of the trial."""
        return int(self.params[name])


def table(study: optuna.Study) -> list[dict[str, Any]]:
    """A row for each trial, the best first: number, state, scores, epochs, seconds, its values, and why it failed."""
    rows = []
    for trial in sorted(tried(study), key=lambda trial: -_score(trial)):
        scores = trial.user_attrs.get("scores") or {"MRR": _score(trial)}
        known = {name: round(scores[name], 4) for name in _SCORES if scores.get(name, -1.0) >= 0}
        rows.append(
            {"trial": trial.number, "state": trial.state.name.lower()}
            | {name: known.get(name, "") for name in _SCORES}
            | {name: trial.user_attrs.get(name, "") for name in ("epochs", "seconds")}
            | trial.params
            | {"begins at random": ", ".join(trial.user_attrs.get("fresh", []))}
            | {"reason": trial.user_attrs.get("reason", "")}
        )
    return rows


def write_table(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """Write the rows as CSV."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        writer.writerows(rows)


def best(study: optuna.Study, space: Space) -> tuple[FrozenTrial, Recipe] | None:
    """The finished trial with the highest score and its recipe, None where none has finished."""
    finished = [trial for trial in tried(study) if trial.state == TrialState.COMPLETE]
    if not finished:
        return None
    trial = max(finished, key=_score)
    return trial, space.choose(Again(trial.params))


def write_recipe(recipe: Recipe, path: Path, *, comments: Sequence[str]) -> None:
    """Write a recipe as `videobert train --recipe` reads it."""
    lines = [f"# {comment}" for comment in comments] + [""]
    lines += [f"{name} = {_toml(value)}" for name, value in recipe.options.items()]
    if recipe.network:
        lines += ["", "[network]", *(f"{name} = {_toml(value)}" for name, value in recipe.network.items())]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def draw(study: optuna.Study, picture: Path) -> bool:
    """Draw the score over the trials, and over the values of everything that was open.

    Returns:
        whether there is a picture; there is none without matplotlib, or where no trial has a score.
    """
    scored = [trial for trial in tried(study) if _score(trial) >= 0]
    if importlib.util.find_spec("matplotlib") is None or not scored:
        return False
    charts(scored).savefig(picture, dpi=120)
    return True


def charts(scored: Sequence[FrozenTrial]) -> Figure:
    """One chart over the number of the trial with the best so far, and one for every open value."""
    from matplotlib.figure import Figure  # drawn without a display and without pyplot's global state

    names = list(dict.fromkeys(name for trial in scored for name in trial.params))
    figure = Figure(figsize=(3.2 * (1 + len(names)), 3), layout="constrained")
    first, *others = figure.subplots(1, 1 + len(names), sharey=True, squeeze=False)[0]
    highest = [max(_score(trial) for trial in scored[: i + 1]) for i in range(len(scored))]
    first.step([trial.number for trial in scored], highest, where="post", color="tab:orange", linewidth=1)
    first.set(xlabel="trial", ylabel="held-out MRR")
    for axes, name in zip([first, *others], ["", *names], strict=True):
        for state, marker in ((TrialState.COMPLETE, "o"), (TrialState.PRUNED, "x")):
            shown = [trial for trial in scored if trial.state == state and (not name or name in trial.params)]
            if shown:  # matplotlib would forget the names of an axis for an empty row
                at = [_place(trial.params[name]) if name else trial.number for trial in shown]
                axes.plot(at, [_score(trial) for trial in shown], marker, color="tab:blue", markersize=4)
        if name:
            axes.set_xlabel(name)
        if any(getattr(trial.distributions.get(name), "log", False) for trial in scored):
            axes.set_xscale("log")
    figure.suptitle("o finished   x given up", fontsize=8)
    return figure


def _place(value: Any) -> Any:
    """Where a value stands on an axis: numbers by size, anything else by name."""
    return str(value) if isinstance(value, str | bool) else value


def _score(trial: FrozenTrial) -> float:
    """Of a finished trial its result, of another its last epoch's, -1 where there is none."""
    if trial.state == TrialState.COMPLETE and trial.value is not None:
        return trial.value
    values = trial.intermediate_values
    return values[max(values)] if values and trial.state == TrialState.PRUNED else -1.0


def _toml(value: Any) -> str:
    return json.dumps(value) if isinstance(value, str | bool) else repr(value)
