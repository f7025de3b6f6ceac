"""`videobert summarize`, `classify` and `fill`: tasks on one video."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from search.cli.console import SOME_FAILED, JsonOption, LibraryOption, err, errors, opened, out, print_json
from search.cli.formatting import counted
from search.library import Library
from search.query.times import clock

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from indexer.features.video import VideoFeatures
    from model.encoder.classifier import Classifier
    from search.tasks.classification import Classification, Labels
    from search.tasks.summarization import Summary

_HIGHLIGHT_SECONDS = 30.0  # if only --output is given


def summarize(
    video: Annotated[Path, typer.Argument(help="A video of the library, or any other file.")],
    folder: LibraryOption = None,
    about: Annotated[str | None, typer.Option(help="Topic to show more of.", show_default=False)] = None,
    frames: Annotated[int, typer.Option(min=1, max=100, help="Maximum number of keyframes.")] = 12,
    chapters: Annotated[
        int | None,
        typer.Option(min=1, help="Maximum number of chapters; depends on the duration by default.", show_default=False),
    ] = None,
    seconds: Annotated[
        float | None, typer.Option(min=1, max=600, help="Cut highlights of at most this duration.", show_default=False)
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Video file for the highlights: .mp4, .mov or .mkv.", show_default=False),
    ] = None,
    output_folder: Annotated[Path, typer.Option("--folder", help="Folder for the storyboard.")] = Path(),
    json_: JsonOption = False,
) -> None:
    """Summarize a video: a storyboard, chapters, and a cut of its highlights."""
    from search.export.cuts import check_video_name, write_parts
    from search.tasks.storyboard import SHORT_SIDE, stills, write_page, write_picture

    with opened(folder, make=True) as library:
        output_folder.mkdir(parents=True, exist_ok=True)
        if output is None and seconds is not None:
            output = output_folder / f"{video.stem}.highlights.mp4"
        if output is not None:
            check_video_name(output, source=video)
            seconds = seconds or _HIGHLIGHT_SECONDS
        summary = library.summarize(video, frames=frames, seconds=seconds, about=about, chapters=chapters)
        with library.open_video(summary.path) as source:
            pictures = stills(source, [frame.seconds for frame in summary.keyframes], short_side=SHORT_SIDE)
        files = [output_folder / f"{video.stem}.storyboard.{suffix}" for suffix in ("png", "html")]
        write_picture(summary, pictures, files[0], protected=library.is_indexed)
        write_page(summary, pictures, files[1], protected=library.is_indexed)
        if output is not None:
            with err.status("cutting") as status:
                write_parts(
                    summary.path,
                    summary.highlights,
                    output,
                    source_of=library.open_video,
                    force=True,
                    protected=library.is_indexed,
                    tell=lambda done: status.update(f"cutting {clock(done)}"),
                )
            files.append(output)
    if json_:
        print_json(summary.as_dict() | {"files": [str(file) for file in files]})
    else:
        _show_summary(summary, files)


def _show_summary(summary: Summary, files: list[Path]) -> None:
    for chapter in summary.chapters:
        title = f"“{chapter.title}”" if chapter.spoken else chapter.title
        out.print(f"{clock(chapter.start):>7}–{clock(chapter.end)}  {title}", markup=False)
    what = f"{counted(len(summary.keyframes), 'keyframe')} cover {summary.coverage:.0%} of the video"
    if summary.highlights:
        length = sum(end - start for start, end in summary.highlights)
        parts = counted(len(summary.highlights), "part")
        what += f", highlights of {length:.1f} s in {parts} {summary.highlights_coverage:.0%}"
    out.print(f"{what}.")
    for file in files:
        out.print(str(file), markup=False)


_ORIGIN = "labels"  # of tags from zero-shot classification
_SHOWN = 3  # most likely labels printed


def classify(
    videos: Annotated[
        list[Path] | None,
        typer.Argument(help="Videos of the library or other files; if none, the whole library is tagged."),
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option("--labels", help='"cat,dog,car", or a file with a label a line.', show_default=False),
    ] = None,
    classifier: Annotated[
        Path | None, typer.Option("--classifier", help="Folder of a trained classifier.", show_default=False)
    ] = None,
    train: Annotated[
        Path | None,
        typer.Option("--train", help="CSV (video,label): train a classifier, into --classifier.", show_default=False),
    ] = None,
    folder: LibraryOption = None,
    least: Annotated[float, typer.Option(min=0.0, max=1.0, help="Probability from which a label is a tag.")] = 0.5,
    json_: JsonOption = False,
) -> None:
    """Say which labels fit videos, or tag the whole library with them."""
    with errors():
        if (labels is None) == (classifier is None):
            raise ValueError("classify needs either --labels or --classifier")
        if train is not None and classifier is None:
            raise ValueError("--train needs --classifier, the folder to write")
    failed = False
    with opened(folder, make=True) as library:
        if train is not None and classifier is not None:
            failed = _train_classifier(library, train, classifier)
            if not videos:
                raise typer.Exit(SOME_FAILED if failed else 0)
        by = _labels_or_classifier(library, labels, classifier)
        found: list[Classification] = []
        if videos:
            failed |= _classify_each(library, videos, by, found)
        else:
            origin = _ORIGIN if classifier is None else classifier.name
            library.tag(by, origin=origin, least=least, tell=found.append)
        if json_:
            print_json([one.as_dict() for one in found])
        elif videos:
            for one in found:
                _show_classification(one)
        else:
            for name, count in library.catalog.tags.counts().items():
                out.print(f"{count:>8,}  {name}", markup=False)
            out.print(f"Classified {counted(len(found), 'video')}; `videobert search TEXT --tag NAME` filters them.")
    if failed:
        raise typer.Exit(SOME_FAILED)


def _labels_or_classifier(library: Library, labels: str | None, classifier: Path | None) -> Labels | Classifier:
    from model.encoder.classifier import Classifier
    from search.tasks.classification import Labels, read_labels

    if classifier is not None:
        return Classifier.load(classifier, encoder=library.encoder.fingerprint)
    return Labels.of(read_labels(labels or ""), library.encoder)


def _train_classifier(library: Library, rows: Path, folder: Path) -> bool:
    """Train and save a classifier; return whether some rows were unusable."""
    from indexer.media.container import MediaError
    from search.tasks.classification import read_labelled, train_classifier

    labelled, problems = read_labelled(rows)

    def examples() -> Iterator[tuple[VideoFeatures, str]]:
        for path, label in labelled:
            try:
                yield library.film(path), label
            except MediaError as error:
                problems.append(f"{path}: {error}")

    trained = train_classifier(examples(), library.encoder)
    trained.save(folder)
    for problem in problems:
        err.print(f"  {problem}", markup=False)
    accuracy = (
        "too few examples to validate" if trained.accuracy is None else f"{trained.accuracy:.0%} validation accuracy"
    )
    err.print(f"Wrote {folder}: {counted(len(trained.names), 'label')}, {accuracy}.", markup=False)
    return bool(problems)


def _classify_each(library: Library, videos: list[Path], by: Labels | Classifier, found: list[Classification]) -> bool:
    """Classify videos; return whether some were unreadable."""
    from indexer.media.container import MediaError

    failed = False
    for video in videos:
        try:
            found.append(library.classify(video, by))
        except MediaError as error:
            failed = True
            err.print(f"videobert: {video}: {error}", markup=False)
    return failed


def _show_classification(one: Classification) -> None:
    out.print(str(one.path), markup=False)
    out.print(f"  {'':>13}  {_most_likely(one.names, one.overall)}", markup=False)
    if len(one.probabilities) > 1:
        for start, end, row in zip(one.bounds[:-1], one.bounds[1:], one.probabilities, strict=True):
            out.print(f"  {clock(start):>6}–{clock(end):<6}  {_most_likely(one.names, row)}", markup=False)


def _most_likely(names: tuple[str, ...], row: NDArray[np.float32]) -> str:
    return ", ".join(f"{names[i]} {row[i]:.0%}" for i in (-row).argsort()[:_SHOWN])


def fill(
    video: Annotated[str, typer.Argument(help="A video of the library or any other, or PATH@START-END for a part.")],
    text: Annotated[
        str, typer.Argument(help='A sentence with blanks: "now let me show you how to [MASK] the [MASK]".')
    ],
    folder: LibraryOption = None,
    top: Annotated[int, typer.Option("--top", "-n", min=1, help="Number of guesses per blank.")] = 5,
    json_: JsonOption = False,
) -> None:
    """Fill the blanks in a sentence about a video."""
    with opened(folder, make=True) as library:
        guesses = library.fill(video, text, top=top)
    if json_:
        print_json([[asdict(guess) for guess in blank] for blank in guesses])
        return
    for number, blank in enumerate(guesses, start=1):
        line = ", ".join(f"{guess.word} {guess.probability:.0%}" for guess in blank)
        out.print(f"{number:>3}. {line}", markup=False)
