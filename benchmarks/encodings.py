"""Accuracy of encoding detection for subtitle files, by language and code page.

    python -m benchmarks.encodings

The files are six lines of dialogue in each of 36 languages, as SubRip, in the code pages common for that language; and,
harder, every two of these lines without times. A result is right if the text equals the original exactly. Other
detectors for comparison: chardet and, if installed, charset-normalizer and faust-cchardet.
"""

from __future__ import annotations

import time
import unicodedata
from collections.abc import Callable
from functools import partial
from importlib import import_module
from itertools import combinations
from types import ModuleType

from indexer.text.encoding import decode
from tests.support.sentences import LINES, PAGES, cases, encoded

Reader = Callable[[bytes, str], str]  # bytes and the language in the file's name


def main() -> None:
    """Print a table."""
    files = [(language, text, raw) for language, _, text, raw in cases()]
    pairs = [
        (language, *encoded("\n".join(two), page))
        for language, pages in PAGES.items()
        for page in pages
        for two in combinations(LINES[language].split("\n"), 2)
    ]
    short = [(language, text, raw) for language, text, raw in pairs if not raw.isascii()]
    print(f"{'':34} {len(files):>5} files {len(short):>5} pairs of lines   ms a file")
    for name, read in readers().items():
        began = time.perf_counter()
        whole = right(read, files)
        spent = 1000 * (time.perf_counter() - began) / len(files)
        print(f"{name:34} {whole:10.1%} {right(read, short):18.1%} {spent:11.1f}")


def right(read: Reader, files: list[tuple[str, str, bytes]]) -> float:
    """Return the share of files that are read correctly."""
    return sum(unicodedata.normalize("NFC", read(raw, name[:2])) == text for name, text, raw in files) / len(files)


def readers() -> dict[str, Reader]:
    """Return the installed readers, by name."""
    found: dict[str, Reader] = {
        "indexer.text.encoding, named": decode,
        "indexer.text.encoding": lambda raw, _: decode(raw),
    }
    for name in ("chardet", "cchardet", "charset_normalizer"):
        try:
            detector = import_module(name)
        except ImportError:
            print(f"{name} is not installed")
        else:
            found[f"{name} {detector.__version__}"] = partial(_detected, detector)
    return found


def _detected(detector: ModuleType, raw: bytes, language: str) -> str:
    del language  # detectors look at bytes only
    return _read(raw, detector.detect(raw)["encoding"])


def _read(raw: bytes, encoding: str | None) -> str:
    try:
        return raw.decode(encoding or "latin-1")
    except (LookupError, UnicodeError):
        return ""


if __name__ == "__main__":
    main()
