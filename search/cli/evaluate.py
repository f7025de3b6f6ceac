"""`videobert judge` and `videobert evaluate`: relevance judgements and retrieval metrics."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from search.cli.console import FELL, SOME_FAILED, JsonOption, LibraryOption, err, opened, out, print_json
from search.cli.formatting import counted
from search.cli.index import run_index
from search.evaluation.annotations import FORMATS
from search.library import Library
from search.query.times import ClipRange
from store.catalog.judgements import Judgement

if TYPE_CHECKING:
    from search.evaluation.annotations import Annotations
    from search.evaluation.judged import Floor
    from search.evaluation.retrieval import Evaluation, Options, Retrieval, Score


def judge(
    text: Annotated[str, typer.Argument(help="The query.")],
    video: Annotated[str, typer.Argument(help="A video of the library, or VIDEO@START-END for a part of it.")],
    folder: LibraryOption = None,
    wrong: Annotated[bool, typer.Option("--wrong", help="The video is a wrong answer.")] = False,
    forget: Annotated[bool, typer.Option("--forget", help="Delete the judgement.")] = False,
) -> None:
    """Save a right or wrong answer to a query, for `videobert evaluate --judged`."""
    if wrong and forget:
        raise typer.BadParameter("--wrong and --forget exclude each other")
    with opened(folder, make=True) as library:
        place = ClipRange.parse(video)
        path = os.path.abspath(place.path.expanduser())
        judgement = Judgement(text.strip(), path, not wrong, place.start, place.end)
        if forget:
            if not library.catalog.judgements.remove(judgement):
                raise ValueError(f"nothing was judged of {video} as an answer to “{text}”")
        else:
            if not judgement.text:
                raise ValueError(f"a query needs at least one word, got {text!r}")
            duration = library.show(path)[0].duration
            if judgement.start is not None and judgement.start >= duration:
                raise ValueError(f"{path} ends at {duration:.1f} s, before the judged part begins")
            library.catalog.judgements.put(judgement)
        count = len(library.catalog.judgements.all())
    out.print(f"The library has {counted(count, 'judged answer')}.")


_SCORING = "a video scores as its best segment; ties count as lost"


def evaluate(
    annotations: Annotated[
        Path | None,
        typer.Argument(help="Annotations of a published data set, or your own JSON lines.", show_default=False),
    ] = None,
    videos: Annotated[
        Path | None, typer.Option("--videos", help="Folder with the annotated videos.", show_default=False)
    ] = None,
    library: LibraryOption = None,
    format: Annotated[
        str | None,
        typer.Option(help=f"{', '.join(FORMATS)}; recognised by default.", show_default=False),
    ] = None,
    only: Annotated[
        Path | None, typer.Option(help="Text file with the videos of a split, one per line.", show_default=False)
    ] = None,
    dual_softmax: Annotated[
        bool, typer.Option("--dual-softmax", help="Normalize scores over all queries of the test.")
    ] = False,
    plot: Annotated[Path | None, typer.Option(help="Plot recall at k into this file.", show_default=False)] = None,
    judged: Annotated[
        bool, typer.Option("--judged", help="Evaluate the judged queries of the library instead.")
    ] = False,
    at_least: Annotated[
        list[str] | None, typer.Option(help="With --judged: R@10=0.8, or kept-out@5=1.", show_default=False)
    ] = None,
    accept: Annotated[
        bool, typer.Option("--accept", help="With --judged: make this run the baseline even if scores fell.")
    ] = False,
    resamples: Annotated[int, typer.Option(min=10, help="Number of bootstrap resamples.")] = 1000,
    seed: Annotated[int, typer.Option(help="Seed of the bootstrap.")] = 0,
    json_: JsonOption = False,
) -> None:
    """Measure retrieval against annotations or judged queries; exit code 4 if judged queries got worse."""
    from search.evaluation.judged import Floor
    from search.evaluation.retrieval import Options

    options = Options(dual_softmax, resamples, seed)
    if judged:
        if annotations or videos or format or only or dual_softmax or plot:
            raise typer.BadParameter(
                "--judged takes its queries from the library, so of the others only "
                "--at-least, --accept, --resamples, --seed, --library and --json go with it"
            )
        try:
            floors = [Floor.parse(floor) for floor in at_least or []]
        except ValueError as error:
            raise typer.BadParameter(str(error)) from error
        _evaluate_judged(library, floors, options, accept=accept, as_json=json_)
        return
    if at_least or accept:
        raise typer.BadParameter("--at-least and --accept go with --judged only")
    if annotations is None or videos is None:
        raise typer.BadParameter("give annotations together with --videos FOLDER, or --judged")
    if format is not None and format not in FORMATS:
        raise typer.BadParameter(f"--format is one of {', '.join(FORMATS)}, got {format!r}")
    _evaluate_annotated(library, annotations, videos, options, format=format, only=only, plot=plot, as_json=json_)


def _evaluate_annotated(
    folder: str | None,
    path: Path,
    videos: Path,
    options: Options,
    *,
    format: str | None,
    only: Path | None,
    plot: Path | None,
    as_json: bool,
) -> None:
    from indexer.pipeline import IndexOptions
    from search.evaluation.annotations import locate, read_annotations
    from search.evaluation.plot import check_plot, plot_recall
    from search.evaluation.retrieval import evaluate

    with opened(folder, make=True) as library:
        if plot:
            check_plot(plot)
        annotations = read_annotations(path, format=format, only=only)
        files, missing = locate(annotations.videos, videos)
        if not files:
            raise ValueError(f"none of the {len(missing):,} annotated videos, such as {missing[0]}, is in {videos}")
        run_index(library, sorted(set(files.values())), IndexOptions(words="none"), quiet=as_json)
        failed = {
            name: _reason(library, file) for name, file in files.items() if not library.catalog.videos.at(str(file))
        }
        evaluation = evaluate(library, annotations, files, options)
        model = library.encoder.fingerprint
        if plot:
            plot_recall(evaluation, plot, options)
    if as_json:
        facts = {
            "annotations": str(path),
            "format": annotations.format,
            "asks": annotations.asks.value,
            "model": model,
            "scoring": _SCORING,
            "dual_softmax": options.dual_softmax,
            "bootstrap": {"confidence": 0.95, "resamples": options.resamples, "seed": options.seed},
            "annotated": {"texts": len(annotations.queries), "videos": len(annotations.videos)},
            "missing": missing,
            "failed": failed,
            "bad_rows": annotations.problems,
            "left_out": evaluation.left_out,
        }
        print_json(facts | _scores_as_dict(evaluation))
    else:
        _show(annotations, evaluation, options, model, missing, failed)
    if missing or failed or annotations.problems or evaluation.left_out:
        raise typer.Exit(SOME_FAILED)


def _evaluate_judged(folder: str | None, floors: list[Floor], options: Options, *, accept: bool, as_json: bool) -> None:
    from search.evaluation.judged import ask, below, fallen, judged_scores

    with opened(folder, make=True) as library:
        judgements = library.catalog.judgements.all()
        if not judgements:
            raise ValueError("this library has no judged queries yet; `videobert judge TEXT VIDEO` adds one")
        ranks, last = ask(library, judgements), library.catalog.judgements.last_run()
        scores = judged_scores(library, judgements, ranks, options)
        fell = below(ranks, floors) + (fallen(last.ranks, ranks) if last else [])
        if accept or not fell:
            library.catalog.judgements.put_run(library.encoder.fingerprint, ranks)
    if as_json:
        print_json(
            {
                "scores": {name: asdict(score) for name, score in scores.items()},
                "bootstrap": {"confidence": 0.95, "resamples": options.resamples, "seed": options.seed},
                "ranks": ranks,
                "compared_with": asdict(last) if last else None,
                "fell": fell,
                "accepted": accept or not fell,
            }
        )
    else:
        out.print(_table(f"saved queries ({counted(len(judgements), 'judged answer')})", scores))
        before = last.ranks if last else {}
        for answer, places in ranks.items():
            for text, rank in places.items():
                out.print(f"{answer:>6} answer {_place(rank, before.get(answer, {}).get(text))}  {text}", markup=False)
        out.print(_bootstrapped(options))
        for sentence in fell:
            err.print(sentence, markup=False)
    if fell and not accept:
        raise typer.Exit(FELL)


def _place(rank: int, before: int | None) -> str:
    from search.evaluation.judged import DEPTH

    now, then = (None if place is None else f"#{place}" if place <= DEPTH else "not found" for place in (rank, before))
    return f"{now}" if then in (None, now) else f"{now} (before: {then})"


def _reason(library: Library, file: Path) -> str:
    failure = library.catalog.failures.at(str(file))
    return failure.reason if failure else "it was not indexed"


def _scores_as_dict(evaluation: Evaluation) -> dict[str, Any]:
    rows: dict[str, Any] = {}
    for name, direction in _directions(evaluation).items():
        scores = {score: asdict(value) for score, value in direction.scores.items()}
        rows[name] = {"queries": direction.queries, "candidates": direction.candidates, "scores": scores}
    moments = evaluation.moments
    rows["moments"] = moments and {
        "queries": moments.queries,
        "scores": {name: asdict(score) for name, score in moments.scores.items()},
    }
    return rows


def _directions(evaluation: Evaluation) -> dict[str, Retrieval]:
    return {"text_to_video": evaluation.text_to_video, "video_to_text": evaluation.video_to_text}


def _show(
    annotations: Annotations,
    evaluation: Evaluation,
    options: Options,
    model: str,
    missing: list[str],
    failed: Mapping[str, str],
) -> None:
    named, found = len(annotations.videos), len(annotations.videos) - len(missing) - len(failed)
    out.print(f"{annotations.format}: {annotations.asks.value}; {found:,} of {named:,} videos are here; model {model}.")
    what = ", with dual softmax" if options.dual_softmax else ""
    for name, direction in _directions(evaluation).items():
        size = f"{direction.queries:,} queries, {direction.candidates:,} candidates"
        out.print(_table(f"{name.replace('_', ' ')}{what} ({size})", direction.scores))
    if evaluation.moments:
        out.print(
            _table(f"moments in the right video ({evaluation.moments.queries:,} queries)", evaluation.moments.scores)
        )
    out.print(f"{_SCORING.capitalize()}. {_bootstrapped(options)}")
    for what, lines in (
        ("missing", missing),
        ("failed", [f"{name}: {reason}" for name, reason in failed.items()]),
        ("bad row", annotations.problems),
        ("left out", evaluation.left_out),
    ):
        for line in lines:
            err.print(f"{what}: {line}", markup=False)


def _table(title: str, scores: Mapping[str, Score]) -> Table:
    table = Table(title=title, title_justify="left")
    baselines = next(iter(scores.values())).baselines
    for column in ("", "score", "95 % interval", *baselines):
        table.add_column(column, justify="right" if column else "left")
    for name, score in scores.items():
        interval = f"{_number(name, score.low).rstrip('%')}–{_number(name, score.high)}"
        blind = [_number(name, score.baselines[baseline]) for baseline in baselines]
        table.add_row(name, _number(name, score.value), interval, *blind)
    return table


def _number(name: str, value: float) -> str:
    return f"{value:.1f}" if name in ("MedR", "MnR") else f"{value:.1%}"


def _bootstrapped(options: Options) -> str:
    return f"Intervals: {options.resamples:,} bootstrap resamples of the queries, seed {options.seed}."
