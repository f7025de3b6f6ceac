"""Words as the full-text index sees them, and what a person types as a query to it.

SQLite's ``unicode61`` tokenizer splits at what is neither letter nor digit. Chinese and Japanese put nothing between
words, so a whole sentence would be one token; each of their characters is therefore indexed as a token of its own,
and a run of them is searched as a phrase.
See https://www.sqlite.org/fts5.html#full_text_query_syntax.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable

# Hiragana and Katakana; CJK ideographs with extension A; compatibility ideographs; the supplementary planes of Han.
_UNSPACED = re.compile("([\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff])")
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[^\W\d_])(?=\d)|(?<=\d)(?=[^\W\d_])")
_TERM = re.compile(r"\w+(?:['\u2019]\w+)*")
# Words that hold an English sentence together: whether a subtitle has them says nothing about what it is about.
_FUNCTION_WORDS = frozenset(
    re.findall(
        r"\w+",
        "a an and any are as at be been being but by did do does for from had has have he her him his how i if in into "
        "is it its me my no not of on or our she so some than that the their them then there these they this those to "
        "up us was we were what when where which while who whom whose why will with you your",
    )
)


def storable(text: str) -> str:
    """Return ``text`` without lone surrogates, which UTF-8 cannot write; each becomes a question mark."""
    return text.encode("utf-8", "replace").decode("utf-8")


def spaced(text: str) -> str:
    """Return ``text`` with every Chinese and Japanese character standing alone."""
    return _UNSPACED.sub(r" \1 ", text)


def name_words(path: str) -> str:
    """Return the words in the names of a file and its folders: ``/v/BeachDay_2019.mp4`` -> ``v Beach Day 2019``."""
    return _HUMP.sub(" ", os.path.splitext(path)[0]).replace("_", " ").replace(os.sep, " ").strip()


def terms(text: str) -> list[str]:
    """Return the words of ``text`` that carry its meaning, each once; all its words where none does."""
    words = list(dict.fromkeys(word.casefold() for word in _TERM.findall(storable(text))))
    return [word for word in words if word not in _FUNCTION_WORDS] or words


def match_expression(words: Iterable[str], phrases: Iterable[str] = ()) -> str:
    """Return the FTS5 query for text with any of ``words`` and every one of ``phrases``; "" where there is no word.

    Words are joined by OR: a question is longer than a subtitle line, and bm25 puts the lines with most of its rare
    words first. Everything is quoted, so nothing a person types is an operator.
    """
    needed = [quoted for phrase in phrases if (quoted := _quoted(phrase))]
    if needed:
        return " AND ".join(needed)
    return " OR ".join(quoted for word in words if (quoted := _quoted(word)))


def _quoted(text: str) -> str:
    plain = spaced(storable(text).replace("\0", " ").replace('"', " ")).strip()
    return f'"{plain}"' if _TERM.search(plain) else ""
