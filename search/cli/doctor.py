"""`videobert doctor`: check the installation and the library."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import typer

from search.cli.console import FAILED, JsonOption, LibraryOption, out, print_json
from search.cli.formatting import counted
from search.library import Library


@dataclass(frozen=True)
class Finding:
    """The result of one check."""

    subject: str
    good: bool
    detail: str


def doctor(library: LibraryOption = None, json_: JsonOption = False) -> None:
    """Check the installation and the library."""
    findings = examine(library)
    if json_:
        print_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            out.print(f"{'ok ' if finding.good else 'BAD'}  {finding.subject}: {finding.detail}", markup=False)
    if not all(finding.good for finding in findings):
        raise typer.Exit(FAILED)


def examine(folder: Path | None) -> list[Finding]:
    """Run all checks; a failing one is a finding, not an exception."""
    checks: dict[str, Callable[[], str]] = {
        "Python": lambda: sys.version.split()[0],
        "SQLite": _sqlite,
        "decoders": _decoders,
        "FAISS": _faiss,
        "model": _model,
        "library": lambda: _library(folder),
    }
    return list(_run(checks))


def _run(checks: dict[str, Callable[[], str]]) -> Iterator[Finding]:
    for subject, check in checks.items():
        try:
            yield Finding(subject, True, check())
        except Exception as error:  # the user asked what is wrong
            yield Finding(subject, False, f"{type(error).__name__}: {error}")


def _sqlite() -> str:
    with sqlite3.connect(":memory:") as database:
        database.execute("CREATE VIRTUAL TABLE words USING fts5(text)")
    return f"{sqlite3.sqlite_version} with full-text search"


def _decoders() -> str:
    import av
    import decord

    return f"decord {decord.__version__}, PyAV {av.__version__}"


def _faiss() -> str:
    import faiss

    return str(faiss.__version__)


def _model() -> str:
    from importlib.metadata import version

    from model.encoder.load import load

    encoder = load()
    encoder.embed_text(["a dog runs on the beach"])
    libraries = ", ".join(f"{name} {version(name)}" for name in ("openvino", "torch", "transformers"))
    return f"{encoder.fingerprint}, frame features in {encoder.feature_fingerprint.rpartition(':')[2]}; {libraries}"


def _library(folder: Path | None) -> str:
    with Library(folder) as library:
        counts = library.catalog.counts()
        stored = library.catalog.encoder()
        if stored and stored.fingerprint != library.encoder.fingerprint:
            raise ValueError(
                f"{library.folder} was made with {stored.fingerprint}, this program has {library.encoder.fingerprint}"
            )
        in_index = len(library.engine.searcher().index) if counts.segments else 0
        return (
            f"{library.folder}: {counted(counts.videos, 'video')}, {counted(in_index, 'segment')} in the vector index"
        )
