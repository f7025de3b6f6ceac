"""The words of segments by the columns of the full-text index, and the spelling by which words are similar."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Sequence
from functools import lru_cache

from store.catalog.analyzer import Token, name_words, tokens, unaccented
from store.catalog.stemming import ENGLISH, algorithm
from store.fields import COLUMNS, NAMES, Column

SHORTEST_SPELLING = 4  # letters of a word that others are similar to
_CARRIED = 4_000  # characters of lines that began in earlier segments; a minute of speech has a thousand
_DOUBLED = re.compile(r"([^\W\d_])\1+")
_LOOKALIKES = str.maketrans("i01568", "lolsgb")

SegmentRow = tuple[int, float, float, str]  # id, start, end and text
CueRow = tuple[int, float, float, str, str, str]  # id, start, end, text, language and source
Words = dict[Column, list[Token]]  # of one segment, in order


def column_of(source: str) -> Column:
    """Return the column for the words of a text source."""
    return COLUMNS.get(source, "said")


def segment_words(path: str, segments: Sequence[SegmentRow], cues: Sequence[CueRow]) -> Iterator[tuple[int, Words]]:
    """Yield the id of each segment of a video with its words.

    Where no line is on screen, the text of the segment itself counts as said.
    """
    named = tokens(name_words(path), ENGLISH)
    texts = {number: text for number, _, _, text in segments}
    for number, lines in _on_screen(segments, cues):
        words = {column: _joined(lines, column) for column in COLUMNS.values()}
        if not lines:
            words["said"] = tokens(texts[number], ENGLISH)
        yield number, words | {NAMES: named}


def indexed(words: Words, column: Column) -> str:
    """Return the words of a column as the index takes them."""
    return " ".join(token.term for token in words.get(column, ()))


def spellings(words: Words) -> set[tuple[str, str]]:
    """Return the terms that others can be similar to, each with the spelling of its word and with its own."""
    every = {(token.word, token.term) for column in words.values() for token in column}
    keys = {(term, spelling(form)) for word, term in every for form in (unaccented(word), term)}
    return {(term, key) for term, key in keys if len(key) >= SHORTEST_SPELLING}


@lru_cache(2**16)
def spelling(term: str) -> str:
    """Return what a word has in common with others that are misread as it: no doubled letters, one of look-alikes."""
    return _DOUBLED.sub(r"\1", term).translate(_LOOKALIKES)


def _joined(lines: Sequence[CueRow], column: Column) -> list[Token]:
    """The words of the lines that a column holds, no line twice."""
    own = dict.fromkeys((row[3], row[4]) for row in lines if column_of(row[5]) == column)
    return [token for text, language in own for token in tokens(text, algorithm(language))]


def _on_screen(segments: Sequence[SegmentRow], cues: Sequence[CueRow]) -> Iterator[tuple[int, list[CueRow]]]:
    """The lines of each segment.

    A line stands whole where it begins. What is still on screen after that is carried over up to `_CARRIED` characters,
    the latest lines first, so that all segments together hold no more than all lines and so much for each segment.
    """
    waiting = deque(sorted(cues, key=lambda row: row[1]))
    on_screen: list[CueRow] = []
    for segment, start, end, _ in sorted(segments, key=lambda row: row[1]):
        on_screen = _carried(on_screen, start)
        while waiting and waiting[0][1] < end:
            line = waiting.popleft()
            if line[2] > start:
                on_screen.append(line)
        yield segment, sorted(on_screen)


def _carried(lines: Sequence[CueRow], start: float) -> list[CueRow]:
    """Those of the lines that are still on screen at an instant, in order, as far as there is room."""
    kept, room = [], _CARRIED
    for number, begin, end, text, language, source in reversed(lines):
        if end > start and room > 0:
            kept.append((number, begin, end, text[:room], language, source))
            room -= len(text)
    return kept[::-1]
