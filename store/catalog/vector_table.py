"""The embeddings of a library on PostgreSQL in a form that pgvector searches: a table `vectors` of `halfvec`.

Who writes to the library writes this table in the same transaction, wherever it exists, so that a search never sees one
without the other. What it holds stands in the setting `vectors`: those of which library, as of which generation. Where
that is not the last one, as when the table was made later than the library, writers leave it to `store.vectors.sync`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from pgvector import HalfVector
from pgvector.psycopg.halfvec import register_halfvec_info
from psycopg import Connection as PsycopgConnection
from psycopg import errors
from psycopg.types import TypeInfo

from store.arrays import VECTOR, from_blob
from store.catalog.database import Connection
from store.errors import LibraryError

SETTING = "vectors"
TABLE, NEXT = "vectors", "vectors_next"


class VectorSession(Connection, Protocol):
    """What is used of a ``store.catalog.postgres.Session``."""

    knows_vectors: bool

    @property
    def connection(self) -> PsycopgConnection[Any]:
        """The connection of psycopg."""

    def copy(self, sql: str, types: Sequence[str], rows: Iterable[tuple[Any, ...]]) -> None:
        """Run a COPY in the binary form."""


@dataclass(frozen=True)
class Held:
    """What a table of vectors holds.

    Attributes:
        dim: components of a vector.
        source: ``library_id`` of the library whose vectors these are, "" if none.
        generation: of that library when they were brought up to date.
        count: how many there are.
        graph: whether an HNSW graph stands on them; they are compared one by one otherwise.
        made: how often the table was made anew.
    """

    dim: int
    source: str = ""
    generation: int = 0
    count: int = 0
    graph: bool = False
    made: int = 0


def held(session: VectorSession) -> Held | None:
    """Return what the table holds, None where there is none."""
    rows = session.execute("SELECT value FROM settings WHERE name = ?", (SETTING,)).fetchall()
    return Held(**json.loads(rows[0][0])) if rows else None


def note(session: VectorSession, what: Held) -> None:
    """Write what the table holds, in the transaction that writes the table."""
    sql = "INSERT OR REPLACE INTO settings (name, value) VALUES (?, ?)"
    session.execute(sql, (SETTING, json.dumps(asdict(what))))


def make(session: VectorSession, dim: int, table: str = TABLE) -> None:
    """Make an empty table, in place of another of this name."""
    session.execute(f"DROP TABLE IF EXISTS {table}")
    session.execute(f"CREATE TABLE {table} (segment_id BIGINT PRIMARY KEY, vector halfvec({dim}) NOT NULL)")


def insert(
    session: VectorSession, ids: Iterable[int], vectors: Iterable[NDArray[np.float32]], table: str = TABLE
) -> None:
    """Add vectors of segments that the table does not hold."""
    rows = ((int(number), HalfVector(vector)) for number, vector in zip(ids, vectors, strict=True))
    session.copy(f"COPY {table} (segment_id, vector) FROM STDIN (FORMAT BINARY)", ("int8", "halfvec"), rows)


def remove(session: VectorSession, ids: Sequence[int]) -> int:
    """Delete the vectors of segments; return how many were held."""
    return int(session.execute(f"DELETE FROM {TABLE} WHERE segment_id = ANY(?)", (list(ids),)).rowcount)


def follow(session: VectorSession, library_id: str, generation: int) -> None:
    """Bring the table up to date with what the open transaction, of this generation, changed in the library."""
    before = held(session)
    if before is None or (before.source, before.generation) != (library_id, generation - 1):
        return
    count = before.count
    changed = session.execute("SELECT first, last FROM changes WHERE generation = ?", (generation,)).fetchall()
    if changed:
        use(session)
    for span in changed:
        count -= session.execute(f"DELETE FROM {TABLE} WHERE segment_id BETWEEN ? AND ?", span).rowcount
        rows = session.execute("SELECT segment_id, vector FROM embeddings WHERE segment_id BETWEEN ? AND ?", span)
        ids, blobs = zip(*rows, strict=True) if rows.rowcount else ((), ())
        insert(session, ids, (from_blob(blob, VECTOR) for blob in blobs))
        count += len(ids)
    note(session, Held(before.dim, library_id, generation, count, before.graph, before.made))


def use(session: VectorSession, *, make: bool = False) -> None:
    """Let a connection read and write vectors.

    Args:
        make: whether to install pgvector in the database, where it is not.

    Raises:
        LibraryError: pgvector is not there.
    """
    if session.knows_vectors:
        return
    if make:
        try:
            session.execute("CREATE EXTENSION IF NOT EXISTS vector SCHEMA public")
        except (errors.FeatureNotSupported, errors.UndefinedFile) as error:
            raise LibraryError(f"this server has no pgvector ({error.diag.message_primary})") from error
        except errors.InsufficientPrivilege as error:
            raise LibraryError(
                "this user may not install pgvector: run CREATE EXTENSION vector in the database as its owner"
            ) from error
    # Types and operators are found in whatever schema they are.
    session.execute(
        "SELECT set_config('search_path', "
        "concat_ws(', ', current_setting('search_path'), quote_ident(nspname)), false) "
        "FROM pg_extension JOIN pg_namespace ON pg_namespace.oid = extnamespace "
        "WHERE extname = 'vector' AND nspname <> ALL(current_schemas(false))"
    )
    info = TypeInfo.fetch(session.connection, "halfvec")
    if info is None:
        raise LibraryError("pgvector 0.7 or later is not installed in this database: CREATE EXTENSION vector")
    register_halfvec_info(session.connection, info)
    session.knows_vectors = True
