"""Full-text index: words of each text source and of file and folder names, in one FTS5 table.

One row a segment, since segments are what a search ranks; it is written and deleted with the segment. Beside it stand
the distinct words of the library, by the trigrams of their spelling: words that were misheard, misread or mistyped are
found among them (`FullText.similar`).
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from store.catalog.analyzer import forms, match_expression, name_words, normalize, tokens, unaccented
from store.catalog.database import AMONG, AMONG_TEXTS, Database, json_ids
from store.catalog.filtering import filtered_ids
from store.catalog.segment_words import SHORTEST_SPELLING, column_of, indexed, segment_words, spelling, spellings
from store.catalog.stemming import ENGLISH, algorithm
from store.fields import COLUMNS, NAMES, Column
from store.filters import Filter, conditions
from store.paths import path_text
from store.types import Cue

WEIGHTS: dict[Column, float] = {"said": 1.0, "named": 0.5, "heard": 0.9, "written": 0.7}  # a name is of a whole video
# Letters of a stem from which one or two may differ. Of a whole word the first number is the second as well: "parking"
# is not "packing", though one letter in seven differs.
_ONE_EDIT, _TWO_EDITS = 6, 9
# Of a frequent word not every segment is ranked, compared and counted, so that a query with it costs no more than one
# with rare words: SQLite ranks a thousand segments in 0.7 ms and counts them in 0.03 ms.
_RANKED = 2_000
_COUNTED = 100_000
_SAMPLE = 1_024
_SLICES = 32  # of the library, of which each has the same share in a sample

Expression = Sequence[Sequence[Sequence[str]]]  # terms in a row, of which a segment holds any of each group


@dataclass(frozen=True)
class Matched:
    """What of one segment matches the words of a query.

    Attributes:
        said: words in subtitles and speech, in the form of `store.catalog.analyzer.normalize`.
        named: words in the names of file and folders.
        written: words in the picture.
        lines: that hold them, in order of time; none where the segment has words but no lines. Not compared.
    """

    said: tuple[str, ...] = ()
    named: tuple[str, ...] = ()
    written: tuple[str, ...] = ()
    lines: tuple[Cue, ...] = field(default=(), compare=False)

    def __or__(self, other: Matched) -> Matched:
        """What either of two has."""
        pairs = zip(vars(self).values(), vars(other).values(), strict=True)
        return Matched(*(tuple(dict.fromkeys((*own, *others))) for own, others in pairs))


class FullText:
    """The full-text index of a catalog.

    Args:
        database: of the catalog.
        columns: that are searched; all if None.
    """

    def __init__(self, database: Database, *, columns: Collection[Column] | None = None) -> None:
        self._database, self._columns = database, frozenset(WEIGHTS if columns is None else columns)

    def without_names(self) -> FullText:
        """Return the same index, of which names are not searched."""
        return type(self)(self._database, columns=self._columns - {NAMES})

    def within(self, columns: Collection[Column]) -> FullText:
        """Return the same index, of which only these columns are searched, as far as they were before."""
        return type(self)(self._database, columns=self._columns & set(columns))

    def columns(self) -> list[Column]:
        """Return the columns that are searched and may hold words: names, and those of the sources that lines have."""
        held = {COLUMNS[source] for source, _ in self._tracks() if source in COLUMNS} | {NAMES, COLUMNS["subtitles"]}
        return [column for column in WEIGHTS if column in held & self._columns]

    def search(
        self,
        words: Sequence[str],
        *,
        phrases: Sequence[str] = (),
        any_of: Sequence[str] = (),
        filters: Iterable[Filter] = (),
        limit: int,
    ) -> list[int]:
        """Return up to ``limit`` segments that hold every one of ``phrases``, or any of ``words`` where there is none.

        Of the latter only those that hold ``any_of`` some words as well, where these are given: rare ones, so that not
        every segment with a frequent word has to be ranked.

        Best first by BM25 (Robertson and Zaragoza, "The Probabilistic Relevance Framework", 2009), which weighs rare
        words more. Where more than 2,000 segments hold some of the words, those that hold most words are first, and of
        these the shortest, in a sample from all of the library. Case, accents and endings do not matter, and words are
        never operators. Words are joined by OR: a question is longer than a line of subtitles.
        Scripts without spaces between words are found by any part of a line; see ``store.catalog.analyzer``.

        Args:
            words: the rarest first.
        """
        if every := [ways for phrase in phrases if (ways := self._forms(phrase))]:
            return self._ranked([every], filters, limit)
        each = [ways for word in words if (ways := self._forms(word))]
        rare = [way for word in any_of for way in self._forms(word)]
        any_word = [rare] * bool(rare) + [[way for ways in each for way in ways]]
        return self._ranked([*(each[:count] for count in range(len(each), 1, -1)), any_word], filters, limit)

    def search_terms(self, terms: Iterable[str], *, filters: Iterable[Filter] = (), limit: int) -> list[int]:
        """Return up to ``limit`` segments that hold any of these terms of the index, best first."""
        return self._ranked([[[(term,) for term in terms]]], filters, limit)

    def _ranked(self, expressions: Sequence[Expression], filters: Iterable[Filter], limit: int) -> list[int]:
        """Return up to ``limit`` segments that the last expression matches, best first.

        Args:
            expressions: the best matches are those of the first ones.
        """
        if not (matching := self._match(expressions[-1])):
            return []
        filters = tuple(filters)
        if self._few([[way for group in expressions[-1] for way in group]]) is None:
            return self._sampled(expressions, filters, limit)
        condition, values = conditions(filters)
        rows = self._database.tuples(
            "SELECT segments.id FROM segments_fts JOIN segments ON segments.id = segments_fts.rowid "
            f"JOIN videos ON videos.id = video_id WHERE segments_fts MATCH ? AND {condition} "
            f"ORDER BY bm25(segments_fts, {', '.join(map(str, WEIGHTS.values()))}), segments.id LIMIT ?",
            matching,
            *values,
            limit,
        )
        return [number for (number,) in rows]

    def _sampled(self, expressions: Sequence[Expression], filters: tuple[Filter, ...], limit: int) -> list[int]:
        among = filtered_ids(self._database, filters) if filters else None
        found: dict[int, None] = {}
        for expression in expressions:
            if len(found) < limit:
                sample = self._sample(self._match(expression), among, limit)
                found |= dict.fromkeys(self._shortest_first(sample) if len(found) + len(sample) > limit else sample)
        return list(found)[:limit]

    def _sample(self, matching: str, among: Sequence[int] | None, least: int) -> list[int]:
        """Return matching segments from everywhere in the library, at least so many where there are.

        Args:
            among: segments that pass the filters, sorted; None for all.
        """
        slices = self._slices(among)
        found: list[tuple[int, int]] = []  # place in its slice, id
        share = max(_SAMPLE, least) // _SLICES
        while slices and len(found) < least:
            rest = []
            for first, last in slices:
                rows = self._database.tuples(
                    "SELECT rowid FROM segments_fts WHERE segments_fts MATCH ? AND rowid BETWEEN ? AND ? "
                    "ORDER BY rowid LIMIT ?",
                    matching,
                    first,
                    last,
                    share,
                )
                found += enumerate(number for (number,) in rows if among is None or _is_in(among, number))
                if len(rows) == share:
                    rest.append((rows[-1][0] + 1, last))
            slices, share = rest, 2 * share
        return [number for _, number in sorted(found)]

    def _slices(self, among: Sequence[int] | None = None) -> list[tuple[int, int]]:
        """Return the first and the last id of equal parts of the library, or of some of its segments."""
        if among is None:
            ends = "SELECT coalesce((SELECT min(id) FROM segments), 1), coalesce((SELECT max(id) FROM segments), 0)"
            ((first, last),) = self._database.tuples(ends)  # as one query SQLite reads all rows
            among = range(first, last + 1)
        count = min(_SLICES, len(among))
        bounds = [len(among) * part // count for part in range(count + 1)] if count else []
        return [(among[first], among[end - 1]) for first, end in pairwise(bounds)]

    def _shortest_first(self, ids: Sequence[int]) -> list[int]:
        length = " + ".join(f"length({column})" for column in WEIGHTS)
        sql = f"SELECT rowid, {length} FROM segments_fts WHERE rowid {AMONG}"
        lengths = dict(self._database.tuples(sql, json_ids(ids)))
        return sorted((number for number in ids if number in lengths), key=lambda number: lengths[number])

    def document_frequency(self, text: str) -> int:
        """Return how many segments hold ``text``, one word or phrase: past 100,000 an estimate."""
        if not (matching := self._match([self._forms(text)])):
            return 0
        counting = (
            "SELECT count(*), max(rowid) FROM "
            "(SELECT rowid FROM segments_fts WHERE segments_fts MATCH ? {} ORDER BY rowid LIMIT ?) AS found"
        )
        ((number, _),) = self._database.tuples(counting.format(""), matching, _COUNTED)
        if number < _COUNTED:
            return int(number)
        estimate = 0.0
        for first, last in self._slices():
            ((number, end),) = self._database.tuples(
                counting.format("AND rowid BETWEEN ? AND ?"), matching, first, last, _SAMPLE // _SLICES
            )
            estimate += number if number < _SAMPLE // _SLICES else number * (last - first + 1) / (end - first + 1)
        return max(round(estimate), _COUNTED)

    def containing(self, text: str, ids: Collection[int], *, terms: Iterable[str] = ()) -> set[int]:
        """Return those of the segments ``ids`` that hold ``text``, one word or phrase, or any of these index terms."""
        return self._holding([*self._forms(text), *((term,) for term in terms)], ids)

    def _holding(self, ways: Sequence[Sequence[str]], ids: Collection[int]) -> set[int]:
        """Return those of the segments ``ids`` that hold any of these rows of terms."""
        if not ways or not self._columns or not ids:
            return set()
        if (few := self._few([ways])) is not None:
            return few.intersection(map(int, ids))
        columns = " || ' ; ' || ".join(sorted(self._columns))
        sql = f"SELECT rowid, ' ' || {columns} || ' ' FROM segments_fts WHERE rowid {AMONG}"
        rows = [f" {' '.join(way)} " for way in ways]
        return {
            number for number, words in self._database.tuples(sql, json_ids(ids)) if any(row in words for row in rows)
        }

    def _few(self, expression: Expression) -> set[int] | None:
        """Return the segments that an expression matches; None where they are too many to look at each."""
        sql = "SELECT rowid FROM segments_fts WHERE segments_fts MATCH ? LIMIT ?"
        found = self._database.tuples(sql, self._match(expression), _RANKED + 1)
        return None if len(found) > _RANKED else {number for (number,) in found}

    def similar(self, word: str) -> tuple[str, ...]:
        """Return the terms of the index that are spelled nearly as a word is, without those of the word itself.

        They are equal but for doubled letters and for signs that look alike (0 and o, 1 and l), or, where they are
        long enough, for one or two letters: as speech recognition, character recognition and people write words.
        """
        exact = {terms[0] for terms in self._forms(word) if len(terms) == 1}
        if not exact:
            return ()
        near = {other for term in exact for other in self._spelled_like(term, _ONE_EDIT)}
        near.update(self._spelled_like(unaccented(normalize(word)), _TWO_EDITS))
        return tuple(sorted(near - exact))

    def _spelled_like(self, word: str, one_edit: int) -> Iterator[str]:
        key = spelling(word)
        if len(key) < SHORTEST_SPELLING:
            return
        edits = 0 if re.search(r"\d", word) else (len(key) >= one_edit) + (len(key) >= _TWO_EDITS)
        if not edits:
            yield from (row["term"] for row in self._database.rows("SELECT term FROM terms WHERE key = ?", key))
            return
        from rapidfuzz.distance import OSA

        # An edit changes one of the trigrams that lie side by side, so one of these is in whatever is near enough.
        places = {*range(0, len(key) - 2, 3), len(key) - 3}
        rows = self._with_trigrams([key[at : at + 3] for at in sorted(places)], len(key) - edits, len(key) + edits)
        yield from (term for term, other in rows if OSA.distance(key, other, score_cutoff=edits) <= edits)

    def _with_trigrams(self, trigrams: Sequence[str], shortest: int, longest: int) -> list[tuple[str, str]]:
        """The terms, each with its spelling, in which any of these trigrams is."""
        return self._database.tuples(
            "SELECT term, terms.key FROM terms_fts JOIN terms ON terms.id = terms_fts.rowid "
            "WHERE terms_fts MATCH ? AND length(terms.key) BETWEEN ? AND ?",
            " OR ".join(f'"{trigram}"' for trigram in trigrams),
            shortest,
            longest,
        )

    def matched(self, words: Sequence[str], ids: Collection[int], *, similar: Iterable[str] = ()) -> dict[int, Matched]:
        """Return for each of the segments ``ids`` its words and lines that match any of ``words``.

        Args:
            similar: terms of the index that match as well.
        """
        ways = {way for word in words for way in self._forms(word)} | {(term,) for term in similar}
        rows = self._database.rows(
            'SELECT segments.id, video_id, path, start, "end", text FROM segments '
            f"JOIN videos ON videos.id = video_id WHERE segments.id {AMONG} ORDER BY segments.id",
            json_ids(self._holding(sorted(ways), ids)),
        )
        finder = _Finder(ways)
        return {row["id"]: self._matched(finder, **row) for row in rows}

    def _matched(
        self, finder: _Finder, *, id: int, video_id: int, path: str, start: float, end: float, text: str
    ) -> Matched:
        found: dict[Column, list[str]] = defaultdict(list)
        lines = []
        cues = self._database.rows(
            'SELECT start, "end", text, language, source, kind FROM cues '
            'WHERE video_id = ? AND start < ? AND "end" > ? ORDER BY start, "end", id',
            video_id,
            end,
            start,
        )
        for cue in (Cue(**row) for row in cues):
            column = column_of(cue.source)
            if column in self._columns and (words := finder.words(cue.text, algorithm(cue.language))):
                found[column] += words
                lines.append(cue)
        if not cues and "said" in self._columns:
            found["said"] += finder.words(text, ENGLISH)
        if NAMES in self._columns:
            found[NAMES] += finder.words(name_words(path_text(path)), ENGLISH)
        said, named, written = (
            tuple(dict.fromkeys(words)) for words in (found["said"] + found["heard"], found[NAMES], found["written"])
        )
        return Matched(said, named, written, tuple(lines))

    def _forms(self, text: str) -> tuple[tuple[str, ...], ...]:
        return forms(text, frozenset({ENGLISH, *(algorithm(language) for _, language in self._tracks())}))

    def _tracks(self) -> list[tuple[str, str]]:
        return self._database.tuples("SELECT source, language FROM tracks")

    def _match(self, expression: Expression) -> str:
        """Return an expression in the language of the index, for the columns searched; "" where nothing can match."""
        if not expression or not all(expression) or not self._columns:
            return ""
        groups = [match_expression(dict.fromkeys(map(tuple, group))) for group in expression]
        found = " AND ".join(f"({group})" for group in groups) if len(groups) > 1 else groups[0]
        everywhere = len(self._columns) == len(WEIGHTS)
        return found if everywhere else f"{{{' '.join(sorted(self._columns))}}} : ({found})"

    def index(self, video_id: int) -> None:
        """Write the words of a video again: from its path, its segments and its lines in all languages."""
        path = path_text(self._database.rows("SELECT path FROM videos WHERE id = ?", video_id)[0]["path"])
        segments = self._database.tuples(
            'SELECT id, start, "end", text FROM segments WHERE video_id = ? ORDER BY id', video_id
        )
        cues = self._database.tuples(
            'SELECT id, start, "end", text, language, source FROM cues WHERE video_id = ? ORDER BY id', video_id
        )
        self._database.execute(f"DELETE FROM segments_fts WHERE rowid {AMONG}", json_ids(row[0] for row in segments))
        held: set[tuple[str, str]] = set()
        for number, words in segment_words(path, segments, cues):
            self._write(number, [indexed(words, column) for column in WEIGHTS])
            held |= spellings(words)
        among = json.dumps(sorted({term for term, _ in held}))
        known = self._database.tuples(f"SELECT term, terms.key FROM terms WHERE term {AMONG_TEXTS}", among)
        self._database.insert_all("terms", ({"term": term, "key": key} for term, key in sorted(held - set(known))))

    def _write(self, segment_id: int, columns: Sequence[str]) -> None:
        """Write the terms of a segment, separated, of each column."""
        places = ", ".join("?" for _ in WEIGHTS)
        sql = f"INSERT INTO segments_fts (rowid, {', '.join(WEIGHTS)}) VALUES (?, {places})"
        self._database.execute(sql, segment_id, *columns)


def _is_in(numbers: Sequence[int], number: int) -> bool:
    at = bisect_left(numbers, number)
    return at < len(numbers) and numbers[at] == number


class _Finder:
    """Finds words of a query in texts as the index finds them.

    Args:
        ways: terms in a row, any of which is looked for.
    """

    def __init__(self, ways: Iterable[Sequence[str]]) -> None:
        self._by_first: dict[str, list[Sequence[str]]] = defaultdict(list)
        for way in ways:
            self._by_first[way[0]].append(way)

    def words(self, text: str, algorithm: str) -> list[str]:
        """Return what of a text was looked for, in order, each once; what overlaps is one."""
        found = tokens(text, algorithm)
        terms = [token.term for token in found]
        spans: list[tuple[int, int]] = []
        for at, term in enumerate(terms):
            ends = [at + len(way) for way in self._by_first.get(term, ()) if terms[at : at + len(way)] == list(way)]
            if not ends:
                continue
            if spans and at < spans[-1][1]:
                spans[-1] = spans[-1][0], max(spans[-1][1], *ends)
            else:
                spans.append((at, max(ends)))
        normal = normalize(text)
        return list(dict.fromkeys(normal[found[first].start : found[last - 1].end] for first, last in spans))
