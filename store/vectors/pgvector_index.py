"""PgvectorIndex: the vectors of a library on PostgreSQL, searched there.

The table is that of `store.catalog.vector_table`. Below ``EXACT_LIMIT`` vectors a query is compared with each of them;
beyond, it goes through an HNSW graph, unless filters leave so few that comparing these is quicker.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pgvector import HalfVector

from store.arrays import unit_vectors
from store.catalog import vector_table
from store.catalog.postgres import PostgresDatabase, Session
from store.catalog.vector_table import NEXT, TABLE, Held
from store.errors import ReadOnlyLibrary
from store.filters import Filter, conditions
from store.vectors.index import Ids, Vectors, checked_ids

EXACT_LIMIT = 20_000  # vectors that are compared one by one: 10 ms of the server's time
_GRAPH = "m = 16, ef_construction = 64"  # pgvector's own choice
_LEAST_LOOKED_AT, _MOST_LOOKED_AT = 100, 1000  # of the graph, for a query: `hnsw.ef_search`, and its limit
_CHUNK = 500  # vectors in a transaction, so that other writers do not wait for long
_BUILDING = 0x76656374  # key of the advisory lock of who makes the table anew: "vect"
_JOINED = "JOIN segments ON segments.id = vectors.segment_id JOIN videos ON videos.id = segments.video_id"

_log = logging.getLogger(__name__)


class PgvectorIndex:
    """A `VectorIndex` in the database of a library. It is shared by all processes that open the library.

    Args:
        database: of the library.
        dim: components of a vector; a table of others is emptied.

    Raises:
        LibraryError: the server lacks pgvector.
        ReadOnlyLibrary: there is no table of vectors, and this user may not make one.
    """

    takes_filters = True

    def __init__(self, database: PostgresDatabase, dim: int) -> None:
        self.dim, self.read_only = dim, database.read_only
        self._database = database
        self._writing, self._reading = threading.RLock(), threading.RLock()
        self._writer, self._reader = database.another_session(), database.another_session()
        self._looked_at: tuple[Any, int] | None = None  # `hnsw.ef_search` of which connection
        try:
            with self._database.explained():
                self._prepare()
        except BaseException:
            self.close()
            raise

    def _prepare(self) -> None:
        if self.read_only:
            found = vector_table.held(self._writer)
            if found is None or found.dim != self.dim:
                raise ReadOnlyLibrary(
                    f"{self._database.name} holds no vectors for pgvector yet: open it once as a user who may write"
                )
        else:
            vector_table.use(self._writer, make=True)
            found = vector_table.held(self._writer)
            if found is None or found.dim != self.dim:
                with self._transaction() as session:
                    found = vector_table.held(session)  # another process may have made it meanwhile
                    if found is None or found.dim != self.dim:
                        vector_table.make(session, self.dim)
                        vector_table.note(session, Held(self.dim, made=found.made + 1 if found else 0))

    @property
    def capacity(self) -> int:
        """Vectors past which ``sync`` calls ``replace``, which builds a graph."""
        return sys.maxsize if self._held().graph else EXACT_LIMIT

    @property
    def source(self) -> str:
        """See `VectorIndex`."""
        return self._held().source

    @source.setter
    def source(self, library_id: str) -> None:
        self._note(source=library_id)

    @property
    def generation(self) -> int:
        """See `VectorIndex`."""
        return self._held().generation

    @generation.setter
    def generation(self, generation: int) -> None:
        self._note(generation=generation)

    def __len__(self) -> int:
        return self._held().count

    def ids(self) -> Ids:
        """Return the ids held: int64 (N,), sorted."""
        return self._numbers("SELECT segment_id FROM vectors ORDER BY segment_id")

    def sample(self, count: int) -> Ids:
        """Return up to ``count`` of the ids held, evenly spread: int64, sorted."""
        if len(self) <= count:
            return self.ids()
        return self._numbers(
            "SELECT DISTINCT found.segment_id FROM (SELECT min(segment_id) AS least, max(segment_id) AS most FROM "
            "vectors) AS ends, generate_series(0, CAST(? AS bigint) - 1) AS step, LATERAL (SELECT segment_id FROM "
            "vectors WHERE segment_id >= least + (most - least) * step / (CAST(? AS bigint) - 1) "
            "ORDER BY segment_id LIMIT 1) AS found ORDER BY found.segment_id",
            count,
            max(count, 2),
        )

    def add(self, ids: ArrayLike, vectors: ArrayLike) -> None:
        """Store ``vectors`` (N, dim) under ``ids`` (N,); an id that is held already gets the new vector.

        Raises:
            ValueError: shapes do not fit, an id is negative or given twice, or a vector is not of unit length.
        """
        numbers, rows = self._checked(ids, vectors)
        for first in range(0, len(numbers), _CHUNK):
            some = slice(first, first + _CHUNK)
            with self._transaction() as session:
                before = vector_table.remove(session, numbers[some].tolist())
                vector_table.insert(session, numbers[some], rows[some])
                self._count(session, len(numbers[some]) - before)

    def remove(self, ids: ArrayLike) -> int:
        """Delete ids; return how many of them were held."""
        numbers, removed = np.asarray(ids, np.int64).tolist(), 0
        for first in range(0, len(numbers), _CHUNK):
            with self._transaction() as session:
                count = vector_table.remove(session, numbers[first : first + _CHUNK])
                self._count(session, -count)
            removed += count
        return removed

    def replace(self, batches: Iterable[tuple[Ids, Vectors]], *, count: int, sample: ArrayLike) -> None:
        """Hold the vectors in ``batches`` alone; until all are in, searches are answered as before.

        Where another process does the same at this moment, its result is waited for and taken.

        Args:
            batches: ids (N,) and unit vectors (N, dim), no id twice.
            count: how many these are, more or less: a graph is built beyond ``EXACT_LIMIT``.
            sample: is not needed.

        Raises:
            ValueError: as in ``add``; the old content stays.
        """
        del sample
        with self._database.explained(), self._writing:
            before = self._held()
            with self._building():
                if self._held().made != before.made:
                    return
                try:
                    total = self._built(batches, graph=count > EXACT_LIMIT)
                    with self._transaction() as session:
                        session.execute(f"DROP TABLE IF EXISTS {TABLE}")
                        session.execute(f"ALTER TABLE {NEXT} RENAME TO {TABLE}")
                        fresh = Held(self.dim, count=total, graph=count > EXACT_LIMIT, made=before.made + 1)
                        vector_table.note(session, fresh)
                finally:
                    self._writer.execute(f"DROP TABLE IF EXISTS {NEXT}")

    def _built(self, batches: Iterable[tuple[Ids, Vectors]], *, graph: bool) -> int:
        total = 0
        vector_table.make(self._writer, self.dim, NEXT)
        for ids, vectors in batches:
            vector_table.insert(self._writer, *self._checked(ids, vectors), NEXT)
            total += len(ids)
        if graph:
            _log.info("the graph of %d vectors is built on the server", total)
            self._writer.execute(f"CREATE INDEX ON {NEXT} USING hnsw (vector halfvec_ip_ops) WITH ({_GRAPH})")
        self._writer.execute(f"ANALYZE {NEXT}")
        return total

    @contextmanager
    def _building(self) -> Iterator[None]:
        """Alone among all processes; that of the library are not kept from writing."""
        session = self._writer
        key = f"CAST({_BUILDING} AS integer), hashtext(current_schema())"
        session.execute("SELECT set_config('lock_timeout', '0', false)")  # a graph takes its time
        session.execute(f"SELECT pg_advisory_lock({key})")
        session.execute("SELECT set_config('lock_timeout', '30s', false)")
        try:
            yield
        finally:
            session.execute(f"SELECT pg_advisory_unlock({key})")

    def search(
        self, queries: ArrayLike, k: int, *, among: Ids | tuple[Filter, ...] | None = None
    ) -> tuple[Vectors, Ids]:
        """Return the ``k`` nearest vectors of each query; see `VectorIndex`. Scores are those of half precision.

        Raises:
            ValueError: shapes do not fit, a query is not of unit length, or ``k`` is less than 1.
        """
        checked = unit_vectors(queries, self.dim)
        if k < 1:
            raise ValueError(f"At least one result must be asked for, got k = {k}.")
        scores = np.full((len(checked), k), -np.inf, np.float32)
        ids = np.full((len(checked), k), -1, np.int64)
        source, values = _limited(among)
        with self._database.explained(), self._reading:
            graph = self._held().graph  # on a new connection, where the old one was lost
            vector_table.use(self._reader)
            through_graph = graph and (among is None or self._are_many(source, values))
            for row, query in enumerate(checked):
                found = self._nearest(query, k, source, values) if through_graph else []
                if len(found) < k:  # few are left by the filters, or found near the query
                    found = self._compared(query, k, source, values)
                found.sort(key=lambda each: (-each[1], each[0]))
                ids[row, : len(found)] = [number for number, _ in found]
                scores[row, : len(found)] = [score for _, score in found]
        return scores, ids

    def _are_many(self, source: str, values: tuple[Any, ...]) -> bool:
        """Whether filters leave too many vectors to compare each of them."""
        sql = f"SELECT count(*) FROM (SELECT 1 {source} LIMIT {EXACT_LIMIT}) AS found"
        ((count,),) = self._reader.execute(sql, values)
        return bool(count >= EXACT_LIMIT)

    def _nearest(
        self, query: NDArray[np.float32], k: int, source: str, values: tuple[Any, ...]
    ) -> list[tuple[int, float]]:
        """Go through the graph until k are found that the filters leave."""
        looked_at = min(max(k, _LEAST_LOOKED_AT), _MOST_LOOKED_AT)
        if self._looked_at != (self._reader.connection, looked_at):
            self._reader.execute(
                "SELECT set_config('hnsw.ef_search', ?, false), "
                "set_config('hnsw.iterative_scan', 'relaxed_order', false)",
                (str(looked_at),),
            )
            self._looked_at = self._reader.connection, looked_at
        vector = HalfVector(query)
        sql = f"SELECT segment_id, -(vector <#> ?) {source} ORDER BY vector <#> ? LIMIT ?"
        return self._reader.execute(sql, (vector, *values, vector, k)).fetchall()

    def _compared(
        self, query: NDArray[np.float32], k: int, source: str, values: tuple[Any, ...]
    ) -> list[tuple[int, float]]:
        """Compare a query with each vector that the filters leave; this order is none that a graph answers."""
        sql = f"SELECT segment_id, -(vector <#> ?) AS score {source} ORDER BY score DESC, segment_id LIMIT ?"
        return self._reader.execute(sql, (HalfVector(query), *values, k)).fetchall()

    def save(self) -> None:
        """Do nothing: what is written is in the database."""

    def close(self) -> None:
        """Close the connections."""
        self._writer.close()
        self._reader.close()

    def __del__(self) -> None:
        if hasattr(self, "_reader"):
            self.close()

    def _checked(self, ids: ArrayLike, vectors: ArrayLike) -> tuple[Ids, Vectors]:
        rows, numbers = unit_vectors(vectors, self.dim), checked_ids(ids)
        if numbers.shape != rows.shape[:1]:
            raise ValueError(f"Every vector needs one id, got {len(numbers)} ids and {len(rows)} vectors.")
        return numbers, rows

    def _held(self) -> Held:
        with self._database.explained(), self._reading:
            found = vector_table.held(self._reader)
        return found or Held(self.dim)

    def _numbers(self, sql: str, *values: Any) -> Ids:
        with self._database.explained(), self._reading:
            rows = self._reader.execute(sql, values).fetchall()
        return np.fromiter((number for (number,) in rows), np.int64, len(rows))

    def _note(self, **what: Any) -> None:
        with self._transaction() as session:
            vector_table.note(session, replace(vector_table.held(session) or Held(self.dim), **what))

    @staticmethod
    def _count(session: Session, more: int) -> None:
        found = vector_table.held(session)
        assert found is not None
        vector_table.note(session, replace(found, count=found.count + more))

    @contextmanager
    def _transaction(self) -> Iterator[Session]:
        """A transaction that waits for the writers of the library, and is none of its generations."""
        with self._database.explained(), self._writing:
            vector_table.use(self._writer)
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield self._writer
                self._writer.commit()
            except BaseException:
                self._writer.rollback()
                raise


def _limited(among: Ids | tuple[Filter, ...] | None) -> tuple[str, tuple[Any, ...]]:
    """FROM and WHERE of the vectors that may be found, and their parameters."""
    if among is None:
        return "FROM vectors", ()
    if isinstance(among, tuple):
        condition, values = conditions(among)
        return f"FROM vectors {_JOINED} WHERE {condition}", values
    return "FROM vectors WHERE segment_id = ANY(?)", ([int(number) for number in among],)
