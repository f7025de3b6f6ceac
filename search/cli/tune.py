"""`videobert tune`: a search over hyper-parameters."""

from __future__ import annotations

import importlib.util
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from search.cli.console import INTERRUPTED, JsonOption, err, errors, out, print_json
from search.cli.formatting import aligned, counted

if TYPE_CHECKING:
    from search.training.study import Tuning

_SHOWN = 10  # rows of the table on the terminal; the CSV has all


def tune(
    captions: Annotated[Path, typer.Option("--captions", help="JSON lines, as for train.")],
    videos: Annotated[Path, typer.Option("--videos", help="Folder that the rows' files are in.")],
    space: Annotated[Path, typer.Option("--space", help="TOML file: a recipe with values left open.")],
    output: Annotated[Path, typer.Option("--output", help="Folder for the search and what it finds.")],
    start: Annotated[
        Path | None, typer.Option("--start", help="Checkpoint folder that trials start from.", show_default=False)
    ] = None,
    sampler: Annotated[str, typer.Option(help="grid, random or tpe.")] = "tpe",
    trials: Annotated[
        int | None, typer.Option(min=1, help="In all, earlier runs included.", show_default="the whole grid, or 20")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Trials side by side, a process each.")] = 1,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the search in the output folder.")] = False,
    held_out: Annotated[float, typer.Option(help="Share of the media that trials are judged by.")] = 0.1,
    prune: Annotated[bool, typer.Option("--prune/--no-prune", help="Give up trials below the median.")] = True,
    seed: Annotated[int, typer.Option(help="Of what is tried at random.")] = 0,
    features: Annotated[
        Path | None,
        typer.Option("--features", help="File of what the backbone saw, to share between runs.", show_default=False),
    ] = None,
    json_: JsonOption = False,
) -> None:
    """Search for the best network and training options, by a grid, at random or with TPE."""
    with errors():
        if importlib.util.find_spec("optuna") is None:
            raise ValueError('a search needs Optuna, which is an extra: pip install "videobert-search[tune]"')
        from model.network.checkpoint import DEFAULT_CHECKPOINT
        from search.cli.progress import reading_progress
        from search.training.study import Tuning
        from search.training.tuning import tune as search_for

        tuning = Tuning(
            captions,
            videos,
            start or DEFAULT_CHECKPOINT,
            space,
            output,
            features or output / "examples.safetensors",
            sampler=sampler,
            trials=trials,
            held_out=held_out,
            prune=prune,
            seed=seed,
        )
        try:
            _, problems = search_for(tuning, workers=workers, resume=resume, tell_reading=reading_progress(err))
        except KeyboardInterrupt:
            err.print("Interrupted. The same command with --resume goes on; the trial that was running begins again.")
            raise typer.Exit(INTERRUPTED) from None
        for problem in problems:
            err.print(f"skipped {problem}", markup=False)
        _report(tuning, as_json=json_)


def _report(tuning: Tuning, *, as_json: bool) -> None:
    """Write the table, the picture and the best recipe, and say what they hold."""
    from model.training.search_space import read_space
    from search.training.study import best, draw, opened, table, write_recipe, write_table

    study, output = opened(tuning), tuning.output
    rows = table(study)
    write_table(rows, output / "trials.csv")
    drawn = draw(study, output / "trials.png")
    found = best(study, read_space(tuning.space))
    if found is None:
        reasons = {row["reason"] for row in rows if row["reason"]}
        raise ValueError(f"no trial finished: {'; '.join(sorted(reasons)) or 'all were given up'}")
    trial, recipe = found
    places = {"captions": tuning.captions, "videos": tuning.media, "start": tuning.start, "output": "FOLDER"}
    told = [word for name, place in places.items() for word in (f"--{name}", str(place))]
    command = shlex.join(["videobert", "train", *told, "--recipe", str(output / "best.toml")])
    score = (
        f"Trial {trial.number} of {len(rows)}: held-out MRR {trial.value:.4f} over {tuning.held_out:.0%} of the media."
    )
    write_recipe(recipe, output / "best.toml", comments=[score, command])
    if as_json:
        options, network = dict(recipe.options), dict(recipe.network)
        print_json({"best": {"trial": trial.number, "options": options, "network": network}, "trials": rows})
        return
    _show(rows)
    out.print(score)
    written = ["trials.csv", *(["trials.png"] if drawn else []), "best.toml"]
    out.print(
        f"Wrote {', '.join(written)} into {output} ({counted(len(rows), 'trial')}). To train with it:", markup=False
    )
    out.print(f"  {command}", markup=False)


def _show(rows: list[dict[str, Any]]) -> None:
    shown = rows[:_SHOWN]
    columns = [
        name for name in dict.fromkeys(name for row in shown for name in row) if any(row.get(name) for row in shown)
    ]
    cells = [[_cell(row.get(name, "")) for name in columns] for row in shown]
    for line in aligned([columns, *cells]):
        out.print(line, markup=False)


def _cell(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
