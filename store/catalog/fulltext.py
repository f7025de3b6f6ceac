"""Full-text index: words of subtitles and of file and folder names, in one FTS5 table.

One row a segment, since segments are what a search ranks; it is written and deleted with the segment.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from store.catalog.analyzer import analyze, match_expression, name_words, shown
from store.catalog.database import AMONG, Database, json_ids
from store.filters import Filter, conditions
from store.paths import path_text

_NAMES_WEIGHT = 0.5  # of a word in a name, beside 1 for one in a subtitle: a name describes a whole video
_ROW = "+rowid"  # the sign keeps SQLite from a new FTS5 query for every id, which took 80 times as long
_CARRIED = 4_000  # characters of lines that began in earlier segments; a minute of speech has a thousand
_BEGIN, _END = "\x02", "\x03"  # around found words; no text holds them

_Row = tuple[int, float, float, str]  # id, start, end and text, of a segment or a line


@dataclass(frozen=True)
class Matched:
    """The words of one segment that match a query, in the form of ``store.catalog.analyzer.normalize``."""

    said: tuple[str, ...]
    named: tuple[str, ...]


class FullText:
    """The full-text index of a catalog.

    Args:
        database: of the catalog.
        names: whether the names of files and folders are searched beside what is said.
    """

    def __init__(self, database: Database, *, names: bool = True) -> None:
        self._database, self._names = database, names

    def without_names(self) -> FullText:
        """Return the same index, of which only what is said is searched."""
        return FullText(self._database, names=False)

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
        words more. Case, accents and English endings do not matter, and words are never operators.
        Scripts without spaces between words are found by any part of a line; see ``store.catalog.analyzer``.
        """
        expression = match_expression(words, phrases)
        if not expression:
            return []
        if not phrases and (rare := match_expression(any_of)):
            expression = f"({rare}) AND ({expression})"
        expression = self._in_columns(expression)
        condition, values = conditions(filters)
        rows = self._database.rows(
            "SELECT segments.id FROM segments_fts JOIN segments ON segments.id = segments_fts.rowid "
            f"JOIN videos ON videos.id = video_id WHERE segments_fts MATCH ? AND {condition} "
            f"ORDER BY bm25(segments_fts, 1.0, {_NAMES_WEIGHT}), segments.id LIMIT ?",
            expression,
            *values,
            limit,
        )
        return [row["id"] for row in rows]

    def document_frequency(self, text: str, *, limit: int) -> int:
        """Return how many segments hold ``text``, one word or phrase; counting stops at ``limit``."""
        expression = self._in_columns(match_expression((), [text]))
        counting = "SELECT count(*) AS n FROM (SELECT 1 FROM segments_fts WHERE segments_fts MATCH ? LIMIT ?)"
        return int(self._database.rows(counting, expression, limit)[0]["n"]) if expression else 0

    def containing(self, text: str, ids: Collection[int]) -> set[int]:
        """Return those of the segments ``ids`` that hold ``text``, one word or phrase."""
        expression = self._in_columns(match_expression((), [text]))
        if not expression:
            return set()
        asking = f"SELECT rowid FROM segments_fts WHERE segments_fts MATCH ? AND {_ROW} {AMONG}"
        return {row["rowid"] for row in self._database.rows(asking, expression, json_ids(ids))}

    def matched(self, words: Sequence[str], ids: Collection[int]) -> dict[int, Matched]:
        """Return for each of the segments ``ids`` its words that match ``words``."""
        expression = self._in_columns(match_expression(words))
        if not expression:
            return {}
        rows = self._database.rows(
            f"SELECT rowid, highlight(segments_fts, 0, '{_BEGIN}', '{_END}') AS said, "
            f"highlight(segments_fts, 1, '{_BEGIN}', '{_END}') AS named "
            f"FROM segments_fts WHERE segments_fts MATCH ? AND {_ROW} {AMONG}",
            expression,
            json_ids(ids),
        )
        return {row["rowid"]: Matched(_marked(row["said"]), _marked(row["named"])) for row in rows}

    def _in_columns(self, expression: str) -> str:
        return expression if self._names or not expression else f"{{said}} : ({expression})"

    def index(self, video_id: int) -> None:
        """Write the words of a video again: from its path, its segments and its lines in all languages."""
        path = self._database.rows("SELECT path FROM videos WHERE id = ?", video_id)[0]["path"]
        names = analyze(name_words(path_text(path)))
        segments = self._database.tuples(
            'SELECT id, start, "end", text FROM segments WHERE video_id = ? ORDER BY id', video_id
        )
        cues = self._database.tuples('SELECT id, start, "end", text FROM cues WHERE video_id = ? ORDER BY id', video_id)
        self._database.execute(f"DELETE FROM segments_fts WHERE rowid {AMONG}", json_ids(row[0] for row in segments))
        for number, said in _said(segments, cues):
            words = (number, analyze(said), names)
            self._database.execute("INSERT INTO segments_fts (rowid, said, named) VALUES (?, ?, ?)", *words)


def _said(segments: Sequence[_Row], cues: Sequence[_Row]) -> Iterator[tuple[int, str]]:
    """The lines on screen in each segment, its own text where there are none.

    A line stands whole where it begins. What is still on screen after that is carried over up to `_CARRIED` characters,
    the latest lines first, so that all segments together hold no more than all lines and so much for each segment.
    """
    waiting = deque(sorted(cues, key=lambda row: row[1]))
    on_screen: list[_Row] = []
    for segment, start, end, text in sorted(segments, key=lambda row: row[1]):
        on_screen = _carried(on_screen, start)
        while waiting and waiting[0][1] < end:
            line = waiting.popleft()
            if line[2] > start:
                on_screen.append(line)
        lines = dict.fromkeys(line[3] for line in sorted(on_screen))
        yield segment, "\n".join(lines) if lines else text


def _carried(lines: Sequence[_Row], start: float) -> list[_Row]:
    """Those of the lines that are still on screen at an instant, in order, as far as there is room."""
    kept, room = [], _CARRIED
    for number, begin, end, text in reversed(lines):
        if end > start and room > 0:
            kept.append((number, begin, end, text[:room]))
            room -= len(text)
    return kept[::-1]


def _marked(text: str) -> tuple[str, ...]:
    parts = [part.split(_END, 1)[0] for part in text.split(_BEGIN)[1:]]
    return tuple(dict.fromkeys(map(shown, parts)))
