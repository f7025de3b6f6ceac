"""Lines of dialogue in many languages, and how they are encoded."""

from __future__ import annotations

import tomllib
import unicodedata
from collections.abc import Iterator
from pathlib import Path

_TABLE = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
LINES: dict[str, str] = {language: row["lines"] for language, row in _TABLE.items()}
PAGES: dict[str, list[str]] = {language: row["pages"] for language, row in _TABLE.items()}
_TONES = "\u0300\u0301\u0303\u0309\u0323"  # that Windows-1258 writes behind their letters


def encoded(text: str, page: str) -> tuple[str, bytes]:
    """A text in a code page, with what that lacks written as people do without it, and its bytes."""
    written = "".join(_writable(letter, page) for letter in text)
    return unicodedata.normalize("NFC", written), written.encode(page)


def cases() -> Iterator[tuple[str, str, str, bytes]]:
    """Language, code page, a SubRip file of the language as text, and its bytes."""
    for language, pages in PAGES.items():
        lines = LINES[language].split("\n")
        text = "".join(
            f"{number}\n00:00:{2 * number:02},000 --> 00:00:{2 * number + 1:02},500\n{line}\n\n"
            for number, line in enumerate(lines, 1)
        )
        for page in pages:
            yield language, page, *encoded(text, page)


def _writable(letter: str, page: str) -> str:
    for form in (letter, _tone_behind(letter), {"œ": "oe"}.get(letter, ""), unicodedata.normalize("NFKD", letter)):
        known = "".join(part for part in form if _encodes(part, page))
        if known and (form == known or form is not letter):
            return known
    return "?"


def _tone_behind(letter: str) -> str:
    parts = unicodedata.normalize("NFD", letter)
    tones = "".join(part for part in parts if part in _TONES)
    return unicodedata.normalize("NFC", "".join(part for part in parts if part not in _TONES)) + tones


def _encodes(letter: str, page: str) -> bool:
    try:
        letter.encode(page)
    except UnicodeEncodeError:
        return False
    return True
