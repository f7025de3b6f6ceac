"""Plot recall at k. matplotlib is an extra: `pip install "videobert-search[plot]"`."""

from __future__ import annotations

from functools import partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from search.evaluation.metrics import bootstrap, chance, recall_curve
from search.evaluation.retrieval import Evaluation, Options

_SUFFIXES = (".png", ".svg", ".pdf")
_DEPTH = 100


def check_plot(path: Path) -> None:
    """Check, before long work, that a plot can be written.

    Raises:
        ValueError: matplotlib or the folder is missing, or the suffix is unsupported.
    """
    if find_spec("matplotlib") is None:
        raise ValueError('a plot needs matplotlib, which is an extra: pip install "videobert-search[plot]"')
    if path.suffix.lower() not in _SUFFIXES:
        raise ValueError(f"a plot is written as {', '.join(_SUFFIXES)}, got {path}")
    if not path.absolute().parent.is_dir():
        raise ValueError(f"there is no folder {path.absolute().parent} to write the plot into")


def plot_recall(evaluation: Evaluation, path: Path, options: Options) -> None:
    """Plot recall at k with 95 % bands for both directions, and a random order as dotted lines."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.5), layout="constrained")  # pyplot would keep figures and choose a GUI backend
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for name, direction, color, line in (
        ("text → video", evaluation.text_to_video, "tab:blue", "-"),
        ("video → text", evaluation.video_to_text, "tab:orange", "--"),
    ):
        depth = min(_DEPTH, direction.candidates)
        at = np.arange(1, depth + 1)
        low, high = bootstrap(
            direction.ranks,
            partial(recall_curve, depth=depth),
            resamples=options.resamples,
            seed=options.seed,
        )
        axes.fill_between(at, low, high, color=color, alpha=0.2, linewidth=0)
        label = f"{name}, {direction.queries:,} queries"
        axes.plot(at, recall_curve(direction.ranks, depth), line, color=color, label=label)
        axes.plot(at, chance(direction.right_counts, direction.candidates)[:depth], ":", color=color)
    axes.set(xlabel="k", ylabel="recall at k", ylim=(0, 1.02))
    if options.dual_softmax:
        axes.set_title("with dual softmax")
    axes.legend(title="dotted: a random order")
    figure.savefig(path)
