"""Loss curves of a training run as a picture, where matplotlib is installed."""

from __future__ import annotations

import csv
import importlib.util
from pathlib import Path

_POINTS = 400  # of a curve; each is the mean of the steps around it


def read_losses(path: Path) -> dict[str, tuple[list[int], list[float]]]:
    """`losses.csv` -> for each objective the steps it was computed in and its values there."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return {
        name: (
            [int(row["step"]) for row in rows if row[name]],
            [float(row[name]) for row in rows if row[name]],
        )
        for name in (rows[0] if rows else {})
        if name != "step"
    }


def smooth(steps: list[int], values: list[float]) -> tuple[list[float], list[float]]:
    """Means over as many neighbours as leave at most 400 points."""
    size = -(-len(steps) // _POINTS) or 1
    starts = range(0, len(steps), size)
    return tuple(  # type: ignore[return-value]
        [sum(numbers[i : i + size]) / len(numbers[i : i + size]) for i in starts] for numbers in (steps, values)
    )


def draw_curves(losses: Path, picture: Path) -> None:
    """Draw one small chart for every objective; nothing happens without matplotlib."""
    if importlib.util.find_spec("matplotlib") is None:
        return
    from matplotlib.figure import Figure  # drawn without a display and without pyplot's global state

    curves = {name: curve for name, curve in read_losses(losses).items() if curve[0]}
    figure = Figure(figsize=(4 * len(curves), 3), layout="constrained")
    for axes, (name, curve) in zip(figure.subplots(1, len(curves), squeeze=False)[0], curves.items(), strict=True):
        axes.plot(*smooth(*curve), linewidth=1)
        axes.set_title(name.replace("_", " "))
        axes.set_xlabel("step")
    figure.savefig(picture, dpi=100)
