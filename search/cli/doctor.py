"""`videobert doctor`: check the installation and the library."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Annotated

import typer

from search.cli.console import FAILED, JsonOption, LibraryOption, out, print_json
from search.cli.formatting import counted
from search.engine.engine import CATALOG_FILE
from search.library import Library
from search.library.library import library_address
from store.catalog.address import without_password
from store.errors import DamagedLibrary, NoLibrary


@dataclass(frozen=True)
class Finding:
    """The result of one check."""

    subject: str
    good: bool
    detail: str


def doctor(
    library: LibraryOption = None,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Also list the native libraries that packages bring along.")
    ] = False,
    json_: JsonOption = False,
) -> None:
    """Check the installation and the library."""
    findings = examine(library)
    if verbose:
        findings += [Finding(name, True, said) for name, said in native_libraries().items()]
    if json_:
        print_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            out.print(f"{'ok ' if finding.good else 'BAD'}  {finding.subject}: {finding.detail}", markup=False)
    if not all(finding.good for finding in findings):
        raise typer.Exit(FAILED)


def examine(folder: str | None) -> list[Finding]:
    """Run all checks; a failing one is a finding, not an exception."""
    checks: dict[str, Callable[[], str]] = {
        "Python": lambda: sys.version.split()[0],
        "SQLite": _sqlite,
        "decoders": _decoders,
        "FAISS": _faiss,
        "model": _model,
        "words": _words,
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

    try:
        import decord
    except ImportError:
        return f"PyAV {av.__version__}"
    return f"PyAV {av.__version__}, decord {decord.__version__} (--reader decord)"


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


def _words() -> str:
    """What recognizes words, or how to get it: none of that is wrong."""
    from indexer.text.recognizer import NotInstalled
    from indexer.text.recognizers import RECOGNIZERS

    found = []
    for name, make in RECOGNIZERS.items():
        try:
            recognizer = make()
            recognizer.check()
            found.append(f"{name} ({recognizer.stamp})")
        except NotInstalled as error:
            found.append(str(error))
    return "; ".join(found)


def native_libraries() -> dict[str, str]:
    """Return what each package brings along of libraries that are not Python, with their versions."""
    import ssl
    from importlib.metadata import version

    found = {"SQLite, of Python": sqlite3.sqlite_version, "OpenSSL, of Python": ssl.OPENSSL_VERSION}
    for name, look in (
        ("FFmpeg, of PyAV", _ffmpeg_of_pyav),
        ("codecs, of Pillow", _codecs_of_pillow),
        ("ffmpeg, the program", _ffmpeg_program),
        ("OpenCV", lambda: version_of("opencv-python-headless", "opencv-python", "opencv-contrib-python")),
        ("FAISS and OpenBLAS, of faiss-cpu", lambda: version("faiss-cpu")),
        ("oneDNN and MKL, of torch", lambda: version("torch")),
        ("OpenVINO", lambda: version("openvino")),
        ("FFmpeg 4.1.6, of decord", lambda: version_of("decord")),
        ("FFmpeg, of decord2", lambda: version_of("decord2")),
    ):
        try:
            found[name] = look()
        except Exception as error:  # whatever is missing or broken is what was asked for
            found[name] = f"not there ({type(error).__name__})"
    return found


def version_of(*packages: str) -> str:
    """Return the version of the first of these packages that is installed."""
    from importlib.metadata import PackageNotFoundError, version

    for package in packages:
        with suppress(PackageNotFoundError):
            return f"{package} {version(package)}"
    raise PackageNotFoundError(packages[0])


def _ffmpeg_of_pyav() -> str:
    import av

    return ", ".join(f"{name} {'.'.join(map(str, number))}" for name, number in av.library_versions.items())


def _codecs_of_pillow() -> str:
    from PIL import features

    names = [*features.get_supported_codecs(), *features.get_supported_modules()]
    pairs = [(name, features.version(name)) for name in dict.fromkeys(names)]
    return ", ".join(f"{name} {number}" for name, number in pairs if number)


def _ffmpeg_program() -> str:
    place = shutil.which("ffmpeg")
    if place is None:
        return "not there; previews need it"
    said = subprocess.run([place, "-version"], capture_output=True, text=True, timeout=20, check=True).stdout
    return said.split(" Copyright")[0]


def _library(folder: str | None) -> str:
    from store.catalog.integrity import problems, problems_on_server

    address = library_address(folder)
    path = None if isinstance(address, str) else address / CATALOG_FILE
    if path is not None and not path.is_file():
        if folder is not None:
            raise NoLibrary(f"no library at {folder}")
        return f"none yet at {path.parent}; `videobert index FOLDER` makes it"
    found = problems_on_server(str(address)) if path is None else problems(path)
    if found:
        place = path or without_password(str(address))
        raise DamagedLibrary(f"{place}: {'; '.join(found[:5])}; `videobert library repair` saves what can be read")
    with Library(folder) as library:
        counts = library.catalog.counts()
        stored = library.catalog.encoder()
        if stored and stored.fingerprint != library.encoder.fingerprint:
            raise ValueError(
                f"{library.name} was made with {stored.fingerprint}, this program has {library.encoder.fingerprint}"
            )
        in_index = len(library.engine.searcher().index) if counts.segments else 0
        if in_index != counts.segments:
            raise DamagedLibrary(f"the vector index has {in_index} of {counts.segments} segments")
        others = (
            "" if path is None or os.name != "posix" or not path.stat().st_mode & 0o077 else "; other users may read it"
        )
        return (
            f"{library.name}: {counted(counts.videos, 'video')}, "
            f"{counted(in_index, 'segment')} in the vector index{others}"
        )
