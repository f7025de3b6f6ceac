"""Progress of indexing and training: a bar on a terminal, a line per file or epoch elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bar

from search.cli.terminal import visible
from search.query.times import clock

if TYPE_CHECKING:
    from indexer.pipeline import Progress
    from model.training.loop import Step

Tell = Callable[["Progress"], None]
_BARS = "▁▂▃▄▅▆▇█"


@contextmanager
def progress(console: Console, *, quiet: bool) -> Iterator[Tell]:
    """Report indexing: not at all if quiet, with a bar on a terminal, else with a line per file."""
    if quiet:
        yield lambda progress: None
    elif console.is_terminal:
        with live_progress(console) as tell:
            yield tell
    else:
        yield plain_progress(console)


@contextmanager
def counting(console: Console, what: str) -> Iterator[Callable[[int, int], None]]:
    """Report how much of something is done, with a bar on a terminal and else not at all."""
    if not console.is_terminal:
        yield lambda done, count: None
        return
    bar = Bar(
        SpinnerColumn(), TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console
    )
    with bar:
        task = bar.add_task(what, total=None)
        yield lambda done, count: bar.update(task, completed=done, total=count)


@contextmanager
def live_progress(console: Console) -> Iterator[Tell]:
    """Show a bar with videos done, seconds of video, speed and time left."""
    bar = Bar(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[video]} of video"),
        TextColumn("{task.fields[speed]}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[name]}", markup=False),
        console=console,
    )
    with bar:
        tasks: dict[str, TaskID] = {}  # by what is read: pictures, then words

        def tell(progress: Progress) -> None:
            source = progress.source or "pictures"
            if source not in tasks:
                tasks[source] = bar.add_task(source, total=None, video=clock(0), speed="", name="")
            task = tasks[source]
            elapsed = next(each.elapsed for each in bar.tasks if each.id == task) or 0.0
            speed = f"{progress.video_seconds / elapsed:.0f}x" if elapsed > 1 else ""
            bar.update(
                task,
                total=progress.total,
                completed=progress.done,
                video=clock(progress.video_seconds),
                speed=speed,
                name=visible(Path(progress.path).name),
            )

        yield tell


def plain_progress(console: Console) -> Tell:
    """Print a line per finished file, for logs and pipes."""
    done: dict[str, int] = {}  # by what is read: pictures, then words

    def tell(progress: Progress) -> None:
        if progress.done > done.get(progress.source, 0):
            done[progress.source] = progress.done
            source = f" {progress.source}" if progress.source else ""
            console.print(f"[{progress.done}/{progress.total}]{source} {progress.path}", markup=False)

    return tell


def reading_progress(console: Console, verb: str = "read", noun: str = "rows") -> Callable[[int, int], None]:
    """Print a line for every tenth of the rows, or of something else."""

    def tell(done: int, total: int) -> None:
        if done * 10 // total > (done - 1) * 10 // total:
            console.print(f"{verb} {done:,} of {total:,} {noun}")

    return tell


def training_progress(console: Console) -> Callable[[Step], None]:
    """Print a line per epoch: mean losses with their curves, and the time left."""
    latest: Step | None = None
    curves: dict[str, list[float]] = {}

    def tell(step: Step) -> None:
        nonlocal latest
        if latest is not None and (step.epoch > latest.epoch or step.step == step.steps):
            ended = step if step.step == step.steps else latest
            for name, value in ended.losses.items():
                curves.setdefault(name, []).append(value)
            losses = "  ".join(f"{name} {sparkline(curves[name])} {value:.3f}" for name, value in ended.losses.items())
            console.print(f"epoch {ended.epoch + 1}  {losses}  {clock(ended.seconds_left)} left")
        latest = step

    return tell


def sparkline(values: Sequence[float], *, width: int = 12) -> str:
    """Draw the last `width` values as bars, scaled to their range."""
    shown = values[-width:]
    low, span = min(shown), max(shown) - min(shown)
    return "".join(_BARS[round((value - low) / span * (len(_BARS) - 1)) if span else 0] for value in shown)
