"""`videobert train` and `videobert tune`."""

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


def train(
    captions: Annotated[Path, typer.Option("--captions", help="JSON lines: media and captions, or media and a label.")],
    videos: Annotated[Path, typer.Option("--videos", help="Folder of the rows' files, clips or photos.")],
    output: Annotated[Path, typer.Option("--output", help="Checkpoint folder to write.")],
    start: Annotated[
        Path | None, typer.Option("--start", help="Checkpoint folder to start from.", show_default=False)
    ] = None,
    recipe: Annotated[
        str | None,
        typer.Option("--recipe", help="TOML file of options and network, or its name.", show_default=False),
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over the rows.", show_default="10")] = None,
    batch_size: Annotated[
        int | None, typer.Option(help="Rows per batch, contrasted with each other.", show_default="128")
    ] = None,
    learning_rate: Annotated[
        float | None, typer.Option(help="Learning rate of weights that are not BERT's.", show_default="5e-4")
    ] = None,
    bert_learning_rate: Annotated[
        float | None, typer.Option(help="Learning rate of BERT's weights; 0 freezes them.", show_default="3e-5")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Random seed.", show_default="0")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue an interrupted run.")] = False,
    save_minutes: Annotated[float, typer.Option(min=0, help="Minutes between saved states to resume from.")] = 5.0,
    features: Annotated[
        Path | None,
        typer.Option("--features", help="File of frame features, to share between runs.", show_default=False),
    ] = None,
) -> None:
    """Train VideoBERT on captioned photos and clips, starting from the model that comes with the program."""
    from model.network.checkpoint import DEFAULT_CHECKPOINT
    from model.training.options import TrainingOptions
    from model.training.recipe import Recipe, read_recipe
    from search.cli.progress import reading_progress, training_progress
    from search.training.training import train_on

    flags = {
        "epochs": epochs,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "bert_learning_rate": bert_learning_rate,
        "seed": seed,
    }
    with errors():
        chosen = {name: value for name, value in flags.items() if value is not None}
        read = read_recipe(recipe) if recipe else Recipe()
        options = TrainingOptions(**(dict(read.options) | chosen))
        try:
            used, problems = train_on(
                captions,
                videos,
                start or DEFAULT_CHECKPOINT,
                output,
                options,
                network=read.network,
                resume=resume,
                save_seconds=60 * save_minutes,
                features=features,
                tell_reading=reading_progress(err),
                tell_step=training_progress(err),
                tell_fresh=lambda parts: err.print(f"initialized at random: {', '.join(parts)}"),
            )
        except KeyboardInterrupt:
            err.print("Interrupted. The same command with --resume goes on from the last saved state.")
            raise typer.Exit(INTERRUPTED) from None
    for problem in problems:
        err.print(f"skipped {problem}", markup=False)
    out.print(f"Trained on {counted(used, 'row')}, wrote {output}.", markup=False)


_SHOWN = 10  # rows printed; the CSV has all


def tune(
    captions: Annotated[Path, typer.Option("--captions", help="JSON lines, as for train.")],
    videos: Annotated[Path, typer.Option("--videos", help="Folder of the rows' files.")],
    space: Annotated[Path, typer.Option("--space", help="TOML file: a recipe with ranges of values.")],
    output: Annotated[Path, typer.Option("--output", help="Folder for the search and its results.")],
    start: Annotated[
        Path | None, typer.Option("--start", help="Checkpoint folder to start trials from.", show_default=False)
    ] = None,
    sampler: Annotated[str, typer.Option(help="grid, random or tpe.")] = "tpe",
    trials: Annotated[
        int | None,
        typer.Option(min=1, help="Total number, including earlier runs.", show_default="the whole grid, or 20"),
    ] = None,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Parallel trials, one process each.")] = 1,
    resume: Annotated[bool, typer.Option("--resume", help="Continue the search in the output folder.")] = False,
    held_out: Annotated[float, typer.Option(help="Share of the media for validation.")] = 0.1,
    prune: Annotated[bool, typer.Option("--prune/--no-prune", help="Stop trials below the median.")] = True,
    seed: Annotated[int, typer.Option(help="Seed of the sampler.")] = 0,
    features: Annotated[
        Path | None,
        typer.Option("--features", help="File of frame features, to share between runs.", show_default=False),
    ] = None,
    json_: JsonOption = False,
) -> None:
    """Search for the best network and training options: grid, random or TPE."""
    with errors():
        if importlib.util.find_spec("optuna") is None:
            raise ValueError('this needs Optuna: pip install "videobert-search[tune]"')
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
    """Write the table, the plot and the best recipe, and print a summary."""
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
    options = [word for name, place in places.items() for word in (f"--{name}", str(place))]
    command = shlex.join(["videobert", "train", *options, "--recipe", str(output / "best.toml")])
    score = (
        f"Trial {trial.number} of {len(rows)}: held-out MRR {trial.value:.4f} over {tuning.held_out:.0%} of the media."
    )
    write_recipe(recipe, output / "best.toml", comments=[score, command])
    if as_json:
        found_recipe = {"options": dict(recipe.options), "network": dict(recipe.network)}
        print_json({"best": {"trial": trial.number, **found_recipe}, "trials": rows})
        return
    _show_trials(rows)
    out.print(score)
    written = ["trials.csv", *(["trials.png"] if drawn else []), "best.toml"]
    out.print(
        f"Wrote {', '.join(written)} into {output} ({counted(len(rows), 'trial')}). To train with it:", markup=False
    )
    out.print(f"  {command}", markup=False)


def _show_trials(rows: list[dict[str, Any]]) -> None:
    shown = rows[:_SHOWN]
    columns = [
        name for name in dict.fromkeys(name for row in shown for name in row) if any(row.get(name) for row in shown)
    ]
    cells = [[_cell(row.get(name, "")) for name in columns] for row in shown]
    for line in aligned([columns, *cells]):
        out.print(line, markup=False)


def _cell(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
