"""The memory of a search over hyper-parameters: what was tried, what is being tried, and what comes next.

Optuna chooses and remembers. Its journal, one line of text for every event, is made for several processes that write
one file; its SQLite storage is not (optuna/optuna#4002: two processes may take the same waiting trial). What a trial
gets follows from the seed and its number, not from the process that runs it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from filelock import FileLock, Timeout
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.trial import TrialState

from model.network import checkpoint
from search.training.training import fingerprint

SAMPLERS = ("grid", "random", "tpe")
STUDY_FILE = "study.journal"
_STUDY = "videobert"
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
            "start": checkpoint.fingerprint(self.start),
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


def tried(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
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
