"""Analyzer: texts and queries -> tokens of the full-text index.

SQLite's ``unicode61`` tokenizer splits at what is no letter, digit or mark, folds case and removes Latin accents. The
rest is done here, to texts and queries alike: compatibility forms (wide Latin, narrow Katakana, ligatures), points and
variants of letters that people write or leave out (Hebrew, Arabic, Greek, Russian), and scripts that put nothing
between words. There a whole sentence would be one token, and in Korean a word with its particles; so each of their
characters is a token, so that any part of a line can be found as a phrase, and a query is cut into
overlapping pairs (CJK) or triples (the South-East Asian alphabets, whose words are longer), as in Lucene's CJKAnalyzer.
See https://www.sqlite.org/fts5.html#full_text_query_syntax and Unicode Standard Annex 29.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterable, Iterator

TOKENIZER = "porter unicode61 remove_diacritics 2 categories 'L* N* Co M*'"  # a vowel sign does not end a word
_BREAK = "\x1f"  # around characters that are tokens; no text needs it, so it can be removed without loss

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

    Latin accents stay; SQLite removes them.
    """
    if text.isascii():
        return text.lower()
    folded = unicodedata.normalize("NFKC", storable(text)).casefold()
    return _DROPPED.sub("", folded).translate(_SAME)


def analyze(text: str) -> str:
    """Return ``text`` as it is indexed: normalized, and with breaks in scripts without spaces."""
    return _UNSPACED.sub(rf"{_BREAK}\1{_BREAK}", normalize(text).replace(_BREAK, " "))


def is_unspaced(text: str) -> bool:
    """Return whether ``text`` begins in a script that puts nothing between words."""
    return _UNSPACED.match(text) is not None


def shown(text: str) -> str:
    """Return a part of what ``analyze`` made without the breaks."""
    return text.replace(_BREAK, "")


def name_words(path: str) -> str:
    """Return the words in the names of a file and its folders: ``/v/BeachDay_2019.mp4`` -> ``v Beach Day 2019``."""
    return _HUMP.sub(" ", os.path.splitext(path)[0]).replace("_", " ").replace(os.sep, " ").strip()


def terms(text: str) -> list[str]:
    """Return the words of ``text`` that carry its meaning, each once; all its words where none does."""
    words = list(dict.fromkeys(part for word in _TERM.findall(normalize(text)) for part in _parts(word)))
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


def _parts(word: str) -> Iterator[str]:
    """The word itself, or what it is looked for by where it may be several: "日本語" -> "日本", "本語"."""
    for run in _RUN.findall(word):
        for characters, length in ((_PAIRS.findall(run), 2), (_TRIPLES.findall(run), 3)):
            for first in range(max(len(characters) - length, 0) + 1 if characters else 0):
                yield "".join(characters[first : first + length])
        if not _UNSPACED.match(run):
            yield run


def _quoted(text: str) -> str:
    quoted = analyze(text.replace("\0", " ").replace('"', " ")).strip()
    return f'"{quoted}"' if _TERM.search(quoted) else ""
