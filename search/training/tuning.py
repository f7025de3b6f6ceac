"""A search over hyper-parameters: trials of `videobert train` on a share of the captions, judged on the rest.

What the backbone sees is looked at once and shared by all trials. Each is scored after every epoch on media that none
of them trains on; one that stands below the median of the others at that epoch is given up.
"""

from __future__ import annotations

import copy
import hashlib
import math
import multiprocessing
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import optuna
import torch
from optuna.trial import TrialState

from indexer.features.examples import load_examples
from indexer.workers.process import without_main
from model.encoder.load import load_videobert
from model.encoder.over_towers import around
from model.encoder.videobert import VideoBertEncoder
from model.training.dataset import CaptionedSet, Example
from model.training.initialization import begin, check_options
from model.training.loop import Step, train
from model.training.objectives import anchor_of
from model.training.options import TrainingOptions
from model.training.search_space import Space, read_space
from search.evaluation.metrics import ranks
from search.training import study
from search.training.study import Tuning
from search.training.training import examples_of, features_key

_TRIALS = 20  # at random or by TPE, where no number was given
# All trials share what the backbone of the start saw, at its pace.
_SHARED = {f"network.{name}" for name in ("backbone", "image_size", "frame_fit", "fps", "clip_frames")}


def tune(
    tuning: Tuning,
    *,
    workers: int = 1,
    resume: bool = False,
    tell_reading: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[optuna.Study, list[str]]:
    """Run trials until there are as many as wanted.

    Args:
        workers: processes that run trials side by side.
        resume: go on with the search in the output folder; trials that were interrupted are run again.
        tell_reading: called with rows read and rows in all.

    Returns:
        the study, and a sentence for every row of the captions that was skipped.

    Raises:
        ValueError: the space, the captions or the output folder cannot be used, or the search to resume is another.
    """
    space = read_space(tuning.space)
    if shared := sorted(_SHARED & {*space.fixed, *space.choices, *space.ranges}):
        raise ValueError(
            f"{tuning.space} names {', '.join(shared)}, which decides what frames look like and is the same for all "
            "trials: name a start that has it"
        )
    grid = space.grid() if tuning.sampler == "grid" else []
    tuning.output.mkdir(parents=True, exist_ok=True)
    with study.alone(tuning.output):
        study.check_folder(tuning, resume=resume)
        encoder = load_videobert(tuning.start)
        examples, problems = examples_of(tuning.captions, tuning.media, encoder, tuning.features, tell=tell_reading)
        split(examples, tuning.held_out)  # says before the long work whether it can be done
        study.begin(tuning, grid)
        most = tuning.trials or len(grid) or _TRIALS
        if workers == 1:
            _work(tuning, most, torch.get_num_threads())
        else:
            _work_side_by_side(tuning, most, workers)
    return study.opened(tuning), problems


def split(examples: Sequence[Example], held_out: float) -> tuple[list[Example], list[Example]]:
    """What is trained on and what is held out. A medium is on one side with all its rows, always the same.

    Raises:
        ValueError: one of the sides has too little to train on or to rank.
    """
    sides: tuple[list[Example], list[Example]] = ([], [])
    for example in examples:
        digest = hashlib.blake2b(example.media.encode(errors="surrogateescape"), digest_size=8).digest()
        sides[int.from_bytes(digest) / 2**64 < held_out].append(example)
    if not sides[0] or len(sides[1]) < 2:
        raise ValueError(
            f"a held-out share of {held_out} leaves {len(sides[0])} examples to train on and {len(sides[1])} to rank; "
            "there must be at least one and two"
        )
    return sides


def held_out_scores(encoder: VideoBertEncoder, examples: Sequence[Example]) -> dict[str, float]:
    """How well each caption finds its example among the held-out ones, by frames alone: MRR, R@1 and R@10."""
    segments = encoder.embed_segments([e.features for e in examples], [""] * len(examples))
    texts = [(text, row) for row, e in enumerate(examples) for text in (e.captions or (e.label,))]
    labels = np.array([example.label for example in examples])
    rows = np.array([row for _, row in texts])
    right = (rows[:, None] == np.arange(len(examples))) | ((labels[rows][:, None] == labels) & (labels != ""))
    places = ranks(encoder.embed_text([text for text, _ in texts]) @ segments.T, right)
    return {"MRR": float((1 / places).mean()), "R@1": float((places <= 1).mean()), "R@10": float((places <= 10).mean())}


def _work(tuning: Tuning, most: int, threads: int) -> None:
    """Run trials, one after the other, until there are enough; the body of a worker process."""
    torch.set_num_threads(threads)
    space, start = read_space(tuning.space), load_videobert(tuning.start)
    examples, _ = load_examples(tuning.features, key=features_key(tuning.captions, start))
    trained, held_out = split(examples, tuning.held_out)
    while (trial := study.next_trial(tuning, most)) is not None:
        try:
            value = _run(trial, space, start, trained, held_out)
        except optuna.TrialPruned:
            trial.study.tell(trial, state=TrialState.PRUNED)
        except (ValueError, RuntimeError) as error:  # fields that do not fit each other, or too little memory
            trial.set_user_attr("reason", str(error))
            trial.study.tell(trial, state=TrialState.FAIL)
        else:
            trial.study.tell(trial, value)


def _run(
    trial: optuna.Trial, space: Space, start: VideoBertEncoder, trained: Sequence[Example], held_out: Sequence[Example]
) -> float:
    began = time.monotonic()
    recipe = space.choose(trial)
    options = TrainingOptions(**recipe.options)
    model, fresh = begin(copy.deepcopy(start.model), recipe.network, seed=options.seed)
    check_options(options, fresh, over_towers=model.config.over_towers)
    encoder, dataset = around(model, start.tokenizer, start.towers), CaptionedSet(trained)
    anchor = anchor_of(encoder, dataset.texts(), options.max_words)

    def report(step: Step) -> None:
        if step.step % (step.steps // options.epochs):
            return
        with _looking(model):
            trial.report(held_out_scores(encoder, held_out)["MRR"], step.epoch + 1)
        trial.set_user_attr("epochs", step.epoch + 1)
        if step.step < step.steps and trial.should_prune():
            raise optuna.TrialPruned

    train(model, start.tokenizer, dataset, options, anchor=anchor, report=report)
    scores = held_out_scores(encoder, held_out)  # of the averaged weights, where the recipe asks for them
    trial.set_user_attr("scores", scores)
    trial.set_user_attr("fresh", fresh)
    trial.set_user_attr("seconds", round(time.monotonic() - began, 1))
    if not math.isfinite(scores["MRR"]):
        raise ValueError("the training diverged")
    return scores["MRR"]


@contextmanager
def _looking(model: torch.nn.Module) -> Iterator[None]:
    """A network in the middle of its training, without dropout for a while."""
    modes = {part: part.training for part in model.modules()}
    model.eval()
    try:
        yield
    finally:
        for part, mode in modes.items():
            part.training = mode


def _work_side_by_side(tuning: Tuning, most: int, workers: int) -> None:
    context = multiprocessing.get_context("spawn")
    threads = max(1, torch.get_num_threads() // workers)
    processes = [context.Process(target=_work_quietly, args=(tuning, most, threads)) for _ in range(workers)]
    with without_main():
        for process in processes:
            process.start()
    try:
        for process in processes:
            process.join()
    finally:
        for process in processes:
            process.terminate()
            process.join()
    if any(process.exitcode for process in processes):
        raise ValueError("a worker died; --resume goes on with what is left")


def _work_quietly(tuning: Tuning, most: int, threads: int) -> None:
    try:
        _work(tuning, most, threads)
    except KeyboardInterrupt:  # the command itself says so, once
        return
