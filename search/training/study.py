"""A search over hyper-parameters on disk: its trials, which one is next, and the report of what it found.

Optuna chooses and remembers. Its journal, one line of text for every event, is made for several processes that write
one file; its SQLite storage is not (optuna/optuna#4002: two processes may take the same waiting trial). What a trial
gets follows from the seed and its number, not from the process that runs it.
"""

from __future__ import annotations

import csv
import hashlib
import importlib.util
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import optuna
from filelock import FileLock, Timeout
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.trial import FixedTrial, FrozenTrial, TrialState

from model.registry.registry import locate
from model.training.recipe import Recipe
from model.training.search_space import Space
from search.training.training import fingerprint

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SAMPLERS = ("grid", "random", "tpe")
STUDY_FILE = "study.journal"
_STUDY = "videobert"
_SCORES = ("MRR", "R@1", "R@10")
_FIRST_WITHOUT_PRUNING = 4  # trials that make the median which later ones are pruned by


@dataclass(frozen=True)
class Tuning:
    """What a search is made of."""

    captions: Path
    media: Path
    start: Path
    space: Path
    output: Path
    features: Path
    sampler: str = "tpe"
    trials: int | None = None  # in all, those of earlier runs included; None for the whole grid, or 20
    held_out: float = 0.1  # share of the media that score the trials
    prune: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        if self.sampler not in SAMPLERS:
            raise ValueError(f"the sampler must be one of {', '.join(SAMPLERS)}, got {self.sampler!r}")
        if not 0 < self.held_out < 1:
            raise ValueError(f"the held-out share must be between 0 and 1, got {self.held_out}")

    def made_of(self) -> dict[str, Any]:
        """What decides the trials; a search can only be resumed with the same."""
        return {
            "captions": fingerprint(self.captions),
            "start": locate(self.start).fingerprint(),
            "space": self.space.read_text(encoding="utf-8"),
            "sampler": self.sampler,
            "held_out": self.held_out,
            "seed": self.seed,
        }


def check_folder(tuning: Tuning, *, resume: bool) -> None:
    """Whether the output folder holds what is to be resumed, or nothing.

    Raises:
        ValueError: it does not, or what it holds was begun differently.
    """
    there = (tuning.output / STUDY_FILE).is_file()
    if there and not resume:
        raise ValueError(f"{tuning.output} holds a search already: resume it, or choose another output folder")
    if resume and not there:
        raise ValueError(f"nothing to resume: {tuning.output} holds no {STUDY_FILE}")
    if there:
        was, made_of = opened(tuning).user_attrs.get("made_of", {}), tuning.made_of()
        changes = [name for name in made_of if json.dumps(was.get(name)) != json.dumps(made_of[name])]
        if changes:
            raise ValueError(f"the search in {tuning.output} was begun with other {', '.join(changes)}")


def begin(tuning: Tuning, grid: Sequence[dict[str, Any]]) -> None:
    """Make the study, or go on with it: what a grid tries waits in line, and so does what was interrupted."""
    study = opened(tuning)
    study.set_user_attr("made_of", tuning.made_of())
    for combination in grid:
        study.enqueue_trial(combination, skip_if_exists=True)
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        study.tell(trial.number, state=TrialState.FAIL)
        chosen = trial.system_attrs.get("fixed_params", {}) | trial.params
        study.enqueue_trial(chosen, user_attrs={"again": trial.number})


def opened(tuning: Tuning) -> optuna.Study:
    """The study of an output folder."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    path = str(tuning.output / STUDY_FILE)
    # Locks by opening a file, since the other kind, by a symbolic link, needs privileges on Windows.
    storage = JournalStorage(JournalFileBackend(path, lock_obj=JournalFileOpenLock(path)))
    pruner = (
        optuna.pruners.MedianPruner(n_startup_trials=_FIRST_WITHOUT_PRUNING)
        if tuning.prune
        else optuna.pruners.NopPruner()
    )
    return optuna.create_study(
        study_name=_STUDY, storage=storage, pruner=pruner, direction="maximize", load_if_exists=True
    )


def tried(study: optuna.Study) -> list[FrozenTrial]:
    """The trials that were begun, without those that were interrupted and are run again."""
    trials = study.get_trials(deepcopy=False)
    interrupted = {trial.user_attrs.get("again") for trial in trials}
    return [trial for trial in trials if trial.state != TrialState.WAITING and trial.number not in interrupted]


def next_trial(tuning: Tuning, most: int) -> optuna.Trial | None:
    """Begin the next trial, None where there are enough. Processes that ask at once wait for each other."""
    with FileLock(tuning.output / "next.lock"):
        study = opened(tuning)
        waiting = study.get_trials(deepcopy=False, states=(TrialState.WAITING,))
        if len(tried(study)) >= most or (tuning.sampler == "grid" and not waiting):
            return None
        study.sampler = _sampler(tuning.sampler, f"{tuning.seed} {len(study.get_trials(deepcopy=False))}")
        return study.ask()


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Nobody else searches in this folder meanwhile; ValueError where somebody does."""
    lock = FileLock(folder / "tune.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise ValueError(f"another search is running in {folder}") from error
    try:
        yield
    finally:
        lock.release()


def _sampler(name: str, seed: str) -> optuna.samplers.BaseSampler:
    number = int.from_bytes(hashlib.blake2b(seed.encode(), digest_size=4).digest())
    if name == "tpe":
        return optuna.samplers.TPESampler(seed=number, constant_liar=True)  # knows of trials that others still run
    return optuna.samplers.RandomSampler(seed=number)


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
    return trial, space.choose(FixedTrial(trial.params))


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
            chosen = [trial for trial in scored if trial.state == state and (not name or name in trial.params)]
            if chosen:  # matplotlib would forget the names of an axis for an empty row
                at = [_place(trial.params[name]) if name else trial.number for trial in chosen]
                axes.plot(at, [_score(trial) for trial in chosen], marker, color="tab:blue", markersize=4)
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
