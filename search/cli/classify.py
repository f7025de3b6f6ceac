"""`videobert classify`: labels for videos, by words alone or by a classifier trained on examples."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer

from search.cli.console import SOME_FAILED, JsonOption, LibraryOption, err, errors, opened, out, print_json
from search.cli.formatting import counted
from search.library import Library
from search.query.times import clock

if TYPE_CHECKING:
    from indexer.features.video import Film
    from model.encoder.classifier import Classifier
    from search.tasks.classification import Classification, Labels

_ORIGIN = "labels"  # of tags by words alone
_SHOWN = 3  # labels said of a video


def classify(
    videos: Annotated[
        list[Path] | None,
        typer.Argument(help="Videos of the library or other files; without any, the whole library is tagged."),
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
    library: LibraryOption = None,
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
    with opened(library) as held:
        if train is not None and classifier is not None:
            failed = _train(held, train, classifier)
            if not videos:
                raise typer.Exit(SOME_FAILED if failed else 0)
        by = _by(held, labels, classifier)
        found: list[Classification] = []
        if videos:
            failed |= _each(held, videos, by, found)
        else:
            origin = _ORIGIN if classifier is None else classifier.name
            held.tag(by, origin=origin, least=least, tell=found.append)
        if json_:
            print_json([one.as_dict() for one in found])
        elif videos:
            for one in found:
                _show(one)
        else:
            for name, count in held.catalog.tags.counts().items():
                out.print(f"{count:>8,}  {name}", markup=False)
            out.print(f"{counted(len(found), 'video')} looked through; `videobert search TEXT --tag NAME` filters.")
    if failed:
        raise typer.Exit(SOME_FAILED)


def _by(library: Library, labels: str | None, classifier: Path | None) -> Labels | Classifier:
    from model.encoder.classifier import Classifier
    from search.tasks.classification import Labels, read_labels

    if classifier is not None:
        return Classifier.load(classifier, encoder=library.encoder.fingerprint)
    return Labels.of(read_labels(labels or ""), library.encoder)


def _train(library: Library, rows: Path, folder: Path) -> bool:
    """Train and save; whether some rows could not be used."""
    from indexer.media.container import MediaError
    from search.tasks.classification import read_labelled, train_classifier

    labelled, problems = read_labelled(rows)

    def films() -> Iterator[tuple[Film, str]]:
        for path, label in labelled:
            try:
                yield library.film(path), label
            except MediaError as error:
                problems.append(f"{path}: {error}")

    trained = train_classifier(films(), library.encoder)
    trained.save(folder)
    for problem in problems:
        err.print(f"  {problem}", markup=False)
    said = "too few to hold any out" if trained.accuracy is None else f"{trained.accuracy:.0%} of those held out right"
    err.print(f"{folder}: {counted(len(trained.names), 'label')}, {said}.", markup=False)
    return bool(problems)


def _each(library: Library, videos: list[Path], by: Labels | Classifier, found: list[Classification]) -> bool:
    """Classify one after the other; whether some could not be read."""
    from indexer.media.container import MediaError

    failed = False
    for video in videos:
        try:
            found.append(library.classify(video, by))
        except MediaError as error:
            failed = True
            err.print(f"videobert: {video}: {error}", markup=False)
    return failed


def _show(one: Classification) -> None:
    out.print(str(one.path), markup=False)
    out.print(f"  {'':>13}  {_said(one.names, one.overall)}", markup=False)
    if len(one.probabilities) > 1:
        for start, end, row in zip(one.bounds[:-1], one.bounds[1:], one.probabilities, strict=True):
            out.print(f"  {clock(start):>6}–{clock(end):<6}  {_said(one.names, row)}", markup=False)


def _said(names: tuple[str, ...], row: np.ndarray) -> str:
    return ", ".join(f"{names[i]} {row[i]:.0%}" for i in np.argsort(-row)[:_SHOWN])
