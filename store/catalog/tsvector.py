"""The full-text index in PostgreSQL, by the same terms and the same ranking as in SQLite.

The terms of each text source stand in a `tsvector` of one row a segment, each source with a weight of its own, so that
a search can be limited to some. PostgreSQL has no BM25, so a function of its own computes what FTS5 does.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection, Iterable, Sequence

from store.catalog.database import AMONG, Connection, Database, json_ids
from store.catalog.fulltext import WEIGHTS, Expression, FullText
from store.fields import Column
from store.filters import Filter, conditions

_GAP = 2  # positions between two sources: no phrase goes over it
_MOST_BYTES = 2000  # of a term: PostgreSQL takes 2046
_LAST = 16_383  # position in a `tsvector`
_LETTERS: dict[Column, str] = dict(zip(WEIGHTS, "ABCD", strict=True))  # weights of PostgreSQL

_SCHEMA = """
CREATE TABLE segments_fts (
    rowid BIGINT PRIMARY KEY REFERENCES segments (id) ON DELETE CASCADE,
    words TSVECTOR NOT NULL,
    tokens BIGINT NOT NULL
);
CREATE INDEX segments_fts_words ON segments_fts USING gin (words);
ALTER TABLE jobs ADD COLUMN rowid BIGINT GENERATED ALWAYS AS IDENTITY;
CREATE UNIQUE INDEX reels_name ON reels (lower(name));
CREATE FUNCTION note_track() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO tracks VALUES (new.source, new.language) ON CONFLICT DO NOTHING; RETURN NULL;
END $$;
CREATE TRIGGER cues_tracks AFTER INSERT ON cues FOR EACH ROW EXECUTE FUNCTION note_track();
CREATE FUNCTION phrase_frequency(words tsvector, phrase text[], weighed jsonb) RETURNS float8
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(sum(coalesce((weighed ->> weight)::float8, 0)), 0) FROM (
        SELECT min(each.weight) AS weight
        FROM unnest(words) AS held(lexeme, positions, weights)
        JOIN unnest(phrase) WITH ORDINALITY AS wanted(term, place) ON term = lexeme,
        unnest(positions, weights) AS each(at, weight)
        GROUP BY each.at - place HAVING count(*) = cardinality(phrase)
    ) AS begun
$$;
CREATE FUNCTION bm25(words tsvector, tokens float8, mean float8, phrases jsonb, weighed jsonb) RETURNS float8
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT sum((phrase ->> 0)::float8 * 2.2 * f / (f + 1.2 * (0.25 + 0.75 * tokens / mean)))
    FROM jsonb_array_elements(phrases) AS phrase,
    LATERAL (SELECT phrase_frequency(
        words, ARRAY(SELECT jsonb_array_elements_text(phrase -> 1)), weighed
    ) AS f) AS found
$$
"""


def create(connection: Connection) -> None:
    """Make what PostgreSQL has in place of the virtual tables and triggers of SQLite. A step of the schema."""
    statements = re.split(r";\n(?=CREATE|ALTER)", _SCHEMA.strip())
    for statement in statements:
        connection.execute(statement)


class TsvectorFullText(FullText):
    """The full-text index of a catalog in PostgreSQL."""

    def __init__(self, database: Database, *, columns: Collection[Column] | None = None) -> None:
        super().__init__(database, columns=columns)
        self._counted: tuple[object, int, float] | None = None  # stamp, documents and mean terms of each

    def _ranked(self, expressions: Sequence[Expression], filters: Iterable[Filter], limit: int) -> list[int]:
        if not (query := self._match(expressions[-1])):
            return []
        documents, mean = self._statistics()
        phrases = [list(way) for group in expressions[-1] for way in group]
        ranked = json.dumps([[self._idf(phrase, documents), phrase] for phrase in phrases], ensure_ascii=False)
        condition, values = conditions(filters)
        rows = self._database.tuples(
            "SELECT segments.id FROM segments_fts JOIN segments ON segments.id = segments_fts.rowid "
            f"JOIN videos ON videos.id = video_id WHERE segments_fts MATCH ? AND {condition} "
            "ORDER BY bm25(words, tokens, ?, ?, ?) DESC, segments.id LIMIT ?",
            query,
            *values,
            mean,
            ranked,
            json.dumps({_LETTERS[column]: WEIGHTS[column] for column in self._columns}),
            limit,
        )
        return [number for (number,) in rows]

    def _holding(self, ways: Sequence[Sequence[str]], ids: Collection[int]) -> set[int]:
        if not (query := self._match([ways])):
            return set()
        sql = f"SELECT rowid FROM segments_fts WHERE segments_fts MATCH ? AND rowid {AMONG}"
        return {number for (number,) in self._database.tuples(sql, query, json_ids(ids))}

    def _match(self, expression: Expression) -> str:
        """An expression as a `tsquery`: no phrase goes over two columns."""
        if not all(expression) or not self._columns:
            return ""
        return " & ".join(f"({' | '.join(map(self._query, group))})" for group in expression)

    def _query(self, phrase: Sequence[str]) -> str:
        letters = sorted(_LETTERS[column] for column in self._columns)
        ways = (" <-> ".join(f"{_literal(term)}:{letter}" for term in phrase) for letter in letters)
        return f"({' | '.join(ways)})"

    def _idf(self, phrase: Sequence[str], documents: int) -> float:
        sql = "SELECT count(*) FROM segments_fts WHERE segments_fts MATCH ?"
        holding = self._database.tuples(sql, self._query(phrase))[0][0]
        return max(math.log((documents - holding + 0.5) / (holding + 0.5)), 1e-6)

    def _statistics(self) -> tuple[int, float]:
        stamp = self._database.stamp()
        if self._counted is None or self._counted[0] != stamp:
            ((documents, tokens),) = self._database.tuples(
                "SELECT count(*), CAST(coalesce(sum(tokens), 0) AS bigint) FROM segments_fts"
            )
            self._counted = stamp, documents, tokens / documents if tokens else 1.0
        return self._counted[1:]

    def _with_trigrams(self, trigrams: Sequence[str], shortest: int, longest: int) -> list[tuple[str, str]]:
        holding = " OR ".join("strpos(terms.key, ?) > 0" for _ in trigrams)
        sql = f"SELECT term, terms.key FROM terms WHERE length(terms.key) BETWEEN ? AND ? AND ({holding})"
        return self._database.tuples(sql, shortest, longest, *trigrams)

    def _write(self, segment_id: int, columns: Sequence[str]) -> None:
        places: dict[str, list[str]] = {}
        at = 0
        for terms, letter in zip(columns, _LETTERS.values(), strict=True):
            for term in terms.split():
                at += 1
                places.setdefault(_literal(term), []).append(f"{min(at, _LAST)}{letter}")
            at += _GAP
        words = " ".join(f"{term}:{','.join(held)}" for term, held in places.items())
        tokens = sum(len(terms.split()) for terms in columns)
        self._database.insert("segments_fts", {"rowid": segment_id, "words": words, "tokens": tokens})


def _literal(term: str) -> str:
    cut = term.encode()[:_MOST_BYTES].decode("utf-8", "ignore")
    return "'" + cut.replace("\\", "\\\\").replace("'", "''") + "'"
