"""Subtitle text as the full-text index sees it, and what a person types as a query to it.

SQLite's ``unicode61`` tokenizer splits at what is neither letter nor digit. Chinese and Japanese put nothing between
words, so a whole sentence would be one token; each of their characters is therefore indexed as a token of its own,
and a run of them is searched as a phrase.
See https://www.sqlite.org/fts5.html#full_text_query_syntax.
"""

from __future__ import annotations

import re

# Hiragana and Katakana; CJK ideographs with extension A; compatibility ideographs; the supplementary planes of Han.
_UNSPACED = re.compile("([\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff])")


def storable(text: str) -> str:
    """Return ``text`` without lone surrogates, which UTF-8 cannot write; each becomes a question mark."""
    return text.encode("utf-8", "replace").decode("utf-8")


def spaced(text: str) -> str:
    """Return ``text`` with every Chinese and Japanese character standing alone."""
    return _UNSPACED.sub(r" \1 ", text)


def match_expression(text: str) -> str:
    """Return the FTS5 query for any of the words in ``text``, or "" where it holds none.

    Words are joined by OR: a question is longer than a subtitle line, and bm25 puts the lines with most of its rare
    words first. Every word is quoted, so nothing a person types is an operator.
    """
    words = dict.fromkeys(storable(text).replace("\0", " ").replace('"', " ").split())
    return " OR ".join(f'"{spaced(word)}"' for word in words)
