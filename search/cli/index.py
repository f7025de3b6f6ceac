"""`videobert index`, `watch` and `reindex`."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import asdict
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from indexer.text.languages import is_language, spelled
from search.cli.console import (
    INTERRUPTED,
    SOME_FAILED,
    JsonOption,
    LibraryOption,
    ModelOption,
    err,
    on_terminal,
    opened,
    out,
    print_json,
)
from search.cli.formatting import counted, report_lines
from search.library import Library
from search.library.library import library_address
from search.query.times import clock

if TYPE_CHECKING:
    from indexer.pipeline import IndexOptions, Report


LanguageOption = Annotated[
    str | None,
    typer.Option(help="Subtitles to embed where there are several: en, pt-BR, German.", show_default="the sound's"),
]

WordsOption = Annotated[
    Literal["all", "speech", "screen", "none"] | None,
    typer.Option(
        help="Words to recognize when pictures are indexed; named, speech also where there are subtitles.",
        show_default="what is installed",
    ),
]


def _language(name: str | None) -> str:
    if name and not is_language(name):
        message = f"{name!r} is no language; write a code (en, pt-BR) or an English name"
        raise typer.BadParameter(message, param_hint="--language")
    return spelled(name) if name else ""


def model_line(library: Library) -> str:
    """Say in one line what a library finds with, what that scores by its model card, and how to find better."""
    from model.registry.card import read_scores
    from model.registry.registry import entries

    name, tier = library.encoder.name, library.encoder.tier
    known = entries().get(name)
    scores = read_scores(known.folder if known else Path(name))
    line = f"Model: {name} ({tier}{f'; {scores}' if scores else ''})."
    if known is None or not known.better:
        return line
    better = entries()[known.better]
    steps = [] if better.here else [f"videobert models fetch {better.name}"]
    library_option = [] if library.folder == library_address() else ["--library", library.name]
    steps.append(shlex.join(["videobert", "reindex", "--model", better.name, *library_option]))
    return f"{line} For a better one: {' && '.join(steps)}"


def run_index(library: Library, targets: Sequence[str | Path], options: IndexOptions, *, quiet: bool) -> Report:
    """Index with a progress bar on a terminal, else with a line per file."""
    from search.cli.progress import progress

    if not quiet and library.catalog.encoder() is None and on_terminal():
        err.print(model_line(library), markup=False)
    try:
        with progress(err, quiet=quiet) as tell:
            return library.index(targets, options=options, tell=tell)
    except KeyboardInterrupt:
        err.print("Interrupted. The library is consistent; run the same command again to go on.")
        raise typer.Exit(INTERRUPTED) from None


def index(
    targets: Annotated[list[str], typer.Argument(help="Video files, folders and globs.")],
    folder: LibraryOption = None,
    model: ModelOption = None,
    fps: Annotated[
        float | None,
        typer.Option(min=0.1, max=30, help="Frames sampled per second of video.", show_default="2, or the model's own"),
    ] = None,
    fast: Annotated[
        bool,
        typer.Option("--fast", help="Read key frames only; what is shown between them, for at most 10 s, is missed."),
    ] = False,
    segment_seconds: Annotated[float, typer.Option(min=2, max=60, help="Maximum length of a segment.")] = 10.0,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Decoding processes.")] = 1,
    timeout: Annotated[float, typer.Option(min=1, help="Seconds without a frame before a decoder is killed.")] = 60.0,
    memory: Annotated[int, typer.Option(min=256, help="Memory limit of a decoder in MiB.")] = 4096,
    reader: Annotated[
        Literal["pyav", "decord"],
        typer.Option(help="Decoder; decord is an extra and brings an FFmpeg of 2018."),
    ] = "pyav",
    all_files: Annotated[
        bool, typer.Option("--all-files", help="Try every file in folders, whatever its suffix.")
    ] = False,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Retry files that failed before.")] = False,
    prune: Annotated[bool, typer.Option("--prune", help="Remove videos whose files are gone.")] = False,
    language: LanguageOption = None,
    stream: Annotated[
        int | None,
        typer.Option(min=1, max=99, help="Video stream to read of files with several.", show_default="the main one"),
    ] = None,
    words: WordsOption = None,
    json_: JsonOption = False,
) -> None:
    """Index videos; unchanged ones are skipped."""
    from indexer.pipeline import IndexOptions

    options = IndexOptions(
        fps=fps,
        fast=fast,
        max_segment_seconds=segment_seconds,
        workers=workers,
        timeout_seconds=timeout,
        memory_mib=memory,
        reader=reader,
        all_files=all_files,
        retry_failed=retry_failed,
        prune=prune,
        language=_language(language),
        stream=stream or 0,
        words=words,
    )
    with opened(folder, model=model, make=True) as library:
        if reader == "decord" and find_spec("decord") is None:
            raise ValueError('decord is an extra: pip install "videobert-search[decord]"')
        report = run_index(library, targets, options, quiet=json_)
    if json_:
        print_json(asdict(report))
    else:
        for line in report_lines(report):
            out.print(line, markup=False)
        if fast and report.indexed:
            out.print("Only key frames were read; to read all, remove these videos and index them without --fast.")
    if report.failed or report.problems or (prune and report.offline):
        raise typer.Exit(SOME_FAILED)


def watch(
    folders: Annotated[list[Path], typer.Argument(help="Folders to follow, with all folders below.")],
    folder: LibraryOption = None,
    model: ModelOption = None,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Decoding processes.")] = 1,
    settle: Annotated[
        float, typer.Option(min=0.5, max=3600, help="Seconds that a file must stay unchanged before it is indexed.")
    ] = 2.0,
    poll: Annotated[
        bool, typer.Option("--poll", help="Poll for changes, for network drives without notifications.")
    ] = False,
    prune: Annotated[bool, typer.Option("--prune", help="First remove videos whose files are gone.")] = False,
    language: LanguageOption = None,
    words: WordsOption = None,
) -> None:
    """Index folders and keep the library up to date with them until Ctrl-C."""
    from indexer.pipeline import IndexOptions, Report
    from search.library.watch import Watch, changes

    with opened(folder, model=model, make=True) as library:
        options = IndexOptions(workers=workers, prune=prune, language=_language(language), words=words)
        follower = Watch(library, folders, options=options, settle_seconds=settle)
        sets = changes(follower.folders, poll=poll)
        first = next(sets)  # from here on no change is missed
        for line in report_lines(run_index(library, follower.folders, options, quiet=False)):
            out.print(line, markup=False)
        try:
            err.print(f"Watching {counted(len(folders), 'folder')}; press Ctrl-C to stop.")
            for update in follower.follow(chain([first], sets)):
                for line in report_lines(update.report) if update.report != Report() else ():
                    out.print(line, markup=False)
                for sentence in update.offline:
                    err.print(sentence, markup=False)
                if update.forgotten:
                    out.print(f"Removed {counted(update.forgotten, 'video')} no longer on disk.")
        except KeyboardInterrupt:
            err.print("Stopped. The library is consistent.")


def reindex(
    folder: LibraryOption = None,
    model: ModelOption = None,
    fps: Annotated[
        float | None,
        typer.Option(
            min=0.1, max=30, help="As for index, if videos are decoded again.", show_default="2, or the model's own"
        ),
    ] = None,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Decoding processes.")] = 1,
    forget_missing: Annotated[
        bool, typer.Option("--forget-missing", help="Remove videos that are missing, changed or unreadable.")
    ] = False,
    json_: JsonOption = False,
) -> None:
    """Move the library to another model; searches use the old one until it is complete."""
    from indexer.pipeline import IndexOptions
    from search.cli.progress import progress

    options = IndexOptions(fps=fps, workers=workers)
    with opened(folder) as library:
        try:
            with progress(err, quiet=json_) as tell:
                report = library.reindex(model, options=options, forget_missing=forget_missing, tell=tell)
        except KeyboardInterrupt:
            err.print("Interrupted. The library is as it was; run the same command again to go on.")
            raise typer.Exit(INTERRUPTED) from None
        facts = library.status()
    if json_:
        print_json(asdict(report) | {"model": facts["model"]})
    else:
        embedded = f"Embedded {counted(report.embedded, 'video')}, {report.decoded:,} of them decoded again"
        out.print(f"{embedded}: {clock(report.video_seconds)} of video in {clock(report.elapsed_seconds)}.")
        if report.labelled:
            out.print(f"Labelled {counted(report.labelled, 'video')} from stored frames.")
        for path, reason in report.left:
            err.print(f"  {path}: {reason}", markup=False)
        if report.done:
            gone = f"; {counted(report.forgotten, 'video')} left it" if report.forgotten else ""
            out.print(f"The library now uses {facts['model']} ({facts['tier']}){gone}.", markup=False)
        else:
            out.print(
                f"The library still uses {facts['model']}, as {counted(len(report.left), 'video')} could not be read: "
                "bring them back and run the command again, or let them go with --forget-missing.",
                markup=False,
            )
    if report.left:
        raise typer.Exit(SOME_FAILED)
