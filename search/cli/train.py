"""`videobert train`: captioned photos and clips -> a checkpoint folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from search.cli.console import INTERRUPTED, err, errors, out
from search.cli.formatting import counted


def train(
    captions: Annotated[Path, typer.Option("--captions", help="JSON lines: media and captions, or media and a label.")],
    videos: Annotated[Path, typer.Option("--videos", help="Folder that the rows' files, clips or photos, are in.")],
    output: Annotated[Path, typer.Option("--output", help="Checkpoint folder to write.")],
    start: Annotated[
        Path | None, typer.Option("--start", help="Checkpoint folder to start from.", show_default=False)
    ] = None,
    recipe: Annotated[
        str | None,
        typer.Option("--recipe", help="TOML file of options and network, or its name.", show_default=False),
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over the rows.", show_default="10")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Rows compared with each other.", show_default="128")] = None,
    learning_rate: Annotated[
        float | None, typer.Option(help="Of what does not come from BERT.", show_default="5e-4")
    ] = None,
    bert_learning_rate: Annotated[
        float | None, typer.Option(help="Of what comes from BERT; 0 freezes it.", show_default="3e-5")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Another seed is another run.", show_default="0")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an interrupted run.")] = False,
    save_minutes: Annotated[float, typer.Option(min=0, help="Minutes between states that a run can go on from.")] = 5.0,
    features: Annotated[
        Path | None,
        typer.Option("--features", help="File of what the backbone saw, to share between runs.", show_default=False),
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
                tell_fresh=lambda parts: err.print(f"begins at random: {', '.join(parts)}"),
            )
        except KeyboardInterrupt:
            err.print("Interrupted. The same command with --resume goes on from the last saved state.")
            raise typer.Exit(INTERRUPTED) from None
    for problem in problems:
        err.print(f"skipped {problem}", markup=False)
    out.print(f"Trained on {counted(used, 'row')}, wrote {output}.", markup=False)
