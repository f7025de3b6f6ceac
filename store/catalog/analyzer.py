"""Analyzer: texts and queries -> tokens of the full-text index.

All is done here, to texts and queries alike, and SQLite's ``unicode61`` tokenizer only splits what comes out: case,
accents of Latin letters, compatibility forms (wide Latin, narrow Katakana, ligatures), points and variants of letters
that people write or leave out (Hebrew, Arabic, Greek, Russian), stems of words, and scripts that put nothing between
words. There a whole sentence would be one token, and in Korean a word with its particles; so each of their
characters is a token, so that any part of a line can be found as a phrase, and a query is cut into
overlapping pairs (CJK) or triples (the South-East Asian alphabets, whose words are longer), as in Lucene's CJKAnalyzer.
See https://www.sqlite.org/fts5.html#full_text_query_syntax and Unicode Standard Annex 29.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from store.catalog.stemming import ENGLISH, stem

TOKENIZER = "unicode61 remove_diacritics 2 categories 'L* N* Co M*'"  # a vowel sign does not end a word

_MARKS = "".join(mark for mark in map(chr, range(0x300, 0x3100)) if unicodedata.category(mark)[0] == "M")
_CJK = (  # Hangul, marks of repetition, Kana, Bopomofo, ideographs with their extensions and compatibility forms
    "\u1100-\u11ff\u3005-\u3007\u3040-\u312f\u3130-\u318f\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\U00020000-\U0003ffff"
)
_ALPHABETS = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u1950-\u19df\u1a20-\u1aaf\ua9e0-\ua9ff\uaa60-\uaadf"
_PAIRS = re.compile(f"[{_CJK}][{_MARKS}]*")
_TRIPLES = re.compile(f"[{_ALPHABETS}][{_MARKS}]*")  # Thai, Lao, Burmese, Khmer, Tai
_UNSPACED = re.compile(f"([{_CJK}{_ALPHABETS}][{_MARKS}]*)")
_RUN = re.compile(f"(?:[{_CJK}][{_MARKS}]*)+|(?:[{_ALPHABETS}][{_MARKS}]*)+|[^{_CJK}{_ALPHABETS}]+")

_TOKEN = re.compile(f"[{_CJK}{_ALPHABETS}][{_MARKS}]*|(?:(?![{_CJK}{_ALPHABETS}])[^\\W_]|[{_MARKS}])+")
_ASCII_TOKEN = re.compile(r"[a-z0-9]+")  # the same in a tenth of the time
_ACCENTED = re.compile(r"[\xc0-\u024f\u1e00-\u1eff]")  # Latin letters
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[^\W\d_])(?=\d)|(?<=\d)(?=[^\W\d_])")
_TERM = re.compile(rf"[\w{_MARKS}]+(?:['\u2019][\w{_MARKS}]+)*")
# Accents that have no composed letter, Hebrew and Arabic points, the Arabic stretcher, and what only shapes or directs.
_DROPPED = re.compile(
    "[\u0300-\u036f\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u0640\u064b-\u065f\u0670\u06d6-\u06dc"
    "\u06df-\u06e8\u06ea-\u06ed\u00ad\u061c\u200c-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufe00-\ufe0f\ufeff]"
)
# What no font shows: controls, the default ignorable code points of Unicode, fillers, lone surrogates.
_INVISIBLE = (
    "\0-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    "\u202a-\u202e\u2060-\u206f\u2800\u3164\ud800-\udfff\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffd"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_STRAY = re.compile(f"[{_INVISIBLE}]+")
_JOINERS = "\u200c\u200d"
# Arabic alef with hamza, madda or wasla; yeh and kaf of Persian; teh marbuta. Russian yo. Greek vowels with accents.
_SAME = str.maketrans(
    "\u0623\u0625\u0622\u0671\u0649\u06cc\u06a9\u0629\u06c0\u0451",
    "\u0627\u0627\u0627\u0627\u064a\u064a\u0643\u0647\u0647\u0435",
) | {
    code: base
    for code in (*range(0x370, 0x400), *range(0x1F00, 0x2000))
    if (base := unicodedata.normalize("NFD", chr(code))[0]) != chr(code) and base.isalpha()
}
# English stop words: whether a subtitle has them says nothing about its subject.
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


def has_word(text: str) -> bool:
    """Return whether anything in ``text`` can be seen: a letter, digit, sign or punctuation mark."""
    return any(unicodedata.category(character)[0] in "LNPS" for character in _STRAY.sub("", text))


def stray(text: str) -> list[int]:
    """Return the places in ``text`` of characters that no font shows, without joiners between letters."""
    if text.isascii() and text.isprintable():
        return []
    places = [place for run in _STRAY.finditer(text) for place in range(*run.span())]
    return [place for place in places if not (text[place] in _JOINERS and _joins(text[place - 1 : place + 2]))]


def _joins(text: str) -> bool:
    """Whether three characters are a joiner between letters, as in Persian and Hindi."""
    return len(text) == 3 and all(unicodedata.category(beside)[0] in "LM" for beside in text[::2])


def normalize(text: str) -> str:
    """Return ``text`` as it is compared: one form of every letter, no optional points, case folded.

    Latin accents stay, which stemming needs; `unaccented` removes them.
    """
    if text.isascii():
        return text.lower()
    folded = unicodedata.normalize("NFKC", storable(text)).casefold()
    return _DROPPED.sub("", folded).translate(_SAME)


def unaccented(text: str) -> str:
    """Return ``text`` without the accents of Latin letters."""
    return text if text.isascii() else _ACCENTED.sub(lambda letter: unicodedata.normalize("NFD", letter[0])[0], text)


class Token(NamedTuple):
    """A word of a text, or a character of it in scripts without spaces."""

    word: str  # as it stands in the normalized text
    term: str  # as it is indexed
    start: int  # in the normalized text
    end: int


def tokens(text: str, algorithm: str = ENGLISH) -> list[Token]:
    """Return the tokens of a text in order.

    Args:
        algorithm: that makes stems; see `store.catalog.stemming.algorithm`.
    """
    normal = normalize(text)
    words = (_ASCII_TOKEN if normal.isascii() else _TOKEN).finditer(normal)
    return [Token(found[0], unaccented(stem(found[0], algorithm)), *found.span()) for found in words]


def is_unspaced(text: str) -> bool:
    """Return whether ``text`` begins in a script that puts nothing between words."""
    return _UNSPACED.match(text) is not None


def analyze(text: str, algorithm: str = ENGLISH) -> str:
    """Return ``text`` as it is indexed: its tokens, separated."""
    return " ".join(token.term for token in tokens(text, algorithm))


@lru_cache(2**12)
def forms(text: str, algorithms: frozenset[str]) -> tuple[tuple[str, ...], ...]:
    """Return what a word or phrase may be indexed as: terms in a row, for each language, and without its accents."""
    ways = [tokens(way, each) for way in (text, unaccented(text)) for each in sorted(algorithms)]
    return tuple(dict.fromkeys(tuple(token.term for token in way) for way in ways if way))


def name_words(path: str) -> str:
    """Return the words in the names of a file and its folders: ``/v/BeachDay_2019.mp4`` -> ``v Beach Day 2019``."""
    return _HUMP.sub(" ", os.path.splitext(path)[0]).replace("_", " ").replace(os.sep, " ").strip()


def terms(text: str) -> list[str]:
    """Return the words of ``text`` that carry its meaning, each once; all its words where none does."""
    words = list(dict.fromkeys(part for word in _TERM.findall(normalize(text)) for part in _parts(word)))
    return [word for word in words if word not in _FUNCTION_WORDS] or words


def match_expression(ways: Iterable[Sequence[str]]) -> str:
    """Return the FTS5 query for text with any of these rows of terms; "" where there are none.

    Everything is quoted, so nothing a person types is an operator.
    """
    return " OR ".join(f'"{" ".join(terms)}"' for terms in ways)


def _parts(word: str) -> Iterator[str]:
    """The word itself, or what it is looked for by where it may be several: "日本語" -> "日本", "本語"."""
    for run in _RUN.findall(word):
        for characters, length in ((_PAIRS.findall(run), 2), (_TRIPLES.findall(run), 3)):
            for first in range(max(len(characters) - length, 0) + 1 if characters else 0):
                yield "".join(characters[first : first + length])
        if not is_unspaced(run):
            yield run
