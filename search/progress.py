"""How far an indexing run is: a live bar on a terminal, a line per file elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bar

from indexer.pipeline import Progress
from model.train import Step
from search.wording import clock

Tell = Callable[[Progress], None]


@contextmanager
def live_progress(console: Console) -> Iterator[Tell]:
    """Videos done, seconds of video, speed and time left, redrawn in place."""
    bar = Bar(
        SpinnerColumn(),
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
        task = bar.add_task("index", total=None, video=clock(0), speed="", name="")

        def tell(progress: Progress) -> None:
            elapsed = bar.tasks[0].elapsed or 0.0
            speed = f"{progress.video_seconds / elapsed:.0f}x" if elapsed > 1 else ""
            bar.update(
                task,
                total=progress.total,
                completed=progress.done,
                video=clock(progress.video_seconds),
                speed=speed,
                name=Path(progress.path).name,
            )

        yield tell


def plain_progress(console: Console) -> Tell:
    """One line for every file that is finished, for logs and pipes."""
    done = 0

    def tell(progress: Progress) -> None:
        nonlocal done
        if progress.done > done:
            done = progress.done
            console.print(f"[{done}/{progress.total}] {progress.path}", markup=False)

    return tell


def reading_progress(console: Console) -> Callable[[int, int], None]:
    """A line for every tenth of the rows."""

    def tell(done: int, total: int) -> None:
        if done * 10 // total > (done - 1) * 10 // total:
            console.print(f"read {done:,} of {total:,} rows")

    return tell


def training_progress(console: Console) -> Callable[[Step], None]:
    """A line for every epoch, with its mean losses and the time left."""
    latest: Step | None = None

    def tell(step: Step) -> None:
        nonlocal latest
        if latest is not None and (step.epoch > latest.epoch or step.step == step.steps):
            ended = step if step.step == step.steps else latest
            losses = "  ".join(f"{name} {value:.3f}" for name, value in ended.losses.items())
            left = ended.seconds / ended.step * (ended.steps - ended.step)
            console.print(f"epoch {ended.epoch + 1}  {losses}  {clock(left)} left")
        latest = step

    return tell
