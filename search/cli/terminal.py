"""Text from files on a terminal: what would command it is shown instead."""

from __future__ import annotations

import logging
import unicodedata
from typing import Any

from rich.console import Console

_DIRECTIONS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_ENDS = frozenset("\u2028\u2029")


def visible(text: str, *, lines: bool = False) -> str:
    r"""Return the text with everything that a terminal would obey as text: an escape character as `\x1b`.

    Control characters (C0, C1, delete), marks that turn the direction of writing, and what is no character. Names of
    files, subtitles and what containers say of themselves can hold any of them.

    Args:
        lines: whether line breaks and tabs stay as they are.
    """
    kept = "\n\t" if lines else ""
    if text.isprintable() and text.isascii():
        return text
    return "".join(letter if letter in kept or not _obeyed(letter) else _escaped(letter) for letter in text)


class Terminal(Console):
    """A console whose strings are shown with `visible`; what rich draws itself is left alone."""

    def print(self, *objects: Any, **options: Any) -> None:
        """Print as `Console.print` does."""
        super().print(*(visible(each, lines=True) if isinstance(each, str) else each for each in objects), **options)


class LogFormatter(logging.Formatter):
    """Log lines shown with `visible`."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        return visible(super().format(record), lines=True)


def _obeyed(letter: str) -> bool:
    return letter in _DIRECTIONS or letter in _ENDS or unicodedata.category(letter) in ("Cc", "Cs")


def _escaped(letter: str) -> str:
    return letter.encode("unicode_escape", "surrogatepass").decode("ascii")
