"""What the parts of a catalog ask of a database: rows, statements and transactions, in the dialect of SQLite.

Two connections, each behind a lock, serve all threads of a process: one writes, the other reads what is committed, so
that reads never wait for a write. Writers wait for each other, also those of other processes.

Paths are written as the bytes the file system gave, so a name that is not UTF-8 comes back as it was.
"""

from __future__ import annotations

import json
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any, Protocol, Self

from store.errors import EncoderMismatch, ReadOnlyLibrary
from store.paths import path_of
from store.types import EncoderInfo

_PATH = "CAST(? AS TEXT)"  # of a column "path": bound as the bytes of `path_bytes`, held as text
AMONG = "IN (SELECT value FROM json_each(?))"  # one parameter for any number of ids
AMONG_TEXTS = "IN (SELECT CAST(value AS TEXT) FROM json_each(?))"  # for texts, as JSON

_COUNT_GENERATION = (
    "INSERT INTO settings (name, value) VALUES ('generation', '1') "
    "ON CONFLICT (name) DO UPDATE SET value = CAST(CAST(settings.value AS INTEGER) + 1 AS TEXT)"
)


class Connection(Protocol):
    """What is used of a ``sqlite3.Connection``; another driver is given this form."""

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open."""

    @property
    def total_changes(self) -> int:
        """How many rows were changed so far."""

    def execute(self, sql: str, parameters: Any = (), /) -> Any:
        """Run one statement and return its cursor."""

    def executemany(self, sql: str, parameters: Any, /) -> Any:
        """Run one statement for each row of parameters."""

    def commit(self) -> None:
        """End the transaction that is open."""

    def rollback(self) -> None:
        """Undo it."""

    def close(self) -> None:
        """Close the connection."""


class Database(ABC):
    """An open library, brought to the newest schema; a context manager that closes it.

    Attributes:
        name: by which people know it: without a password.
        path: of its file, None where it has none.
        dialect: "sqlite" or "postgresql"; all but full text is asked for in the first, see ``store.catalog.postgres``.
        read_only: whether it can only be read.
    """

    name: str
    dialect: str
    path: Path | None = None
    read_only = False
    _connection: Connection
    _reader: Connection

    def __init__(self) -> None:
        self._lock, self._reading = threading.RLock(), threading.RLock()
        self._writer: int | None = None  # the thread whose transaction is open

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the library. Everything written is already safe."""
        with self._lock, self._reading:
            self._reader.close()
            self._connection.close()

    @contextmanager
    def _told(self) -> Iterator[None]:
        with self._errors(), self._lock:
            yield

    @contextmanager
    def _read(self) -> Iterator[Connection]:
        """The connection to read with: the writing one only for the thread whose transaction is open."""
        inside = self._writer == threading.get_ident() or self._reader is self._connection
        with self._errors(), self._lock if inside else self._reading:
            yield self._connection if inside else self._reader

    def rows(self, sql: str, *parameters: Any) -> list[dict[str, Any]]:
        """Return the rows of a query as dictionaries."""
        with self._read() as connection:
            cursor = connection.execute(sql, parameters)
            names = [column[0] for column in cursor.description or ()]
            rows = [dict(zip(names, row, strict=True)) for row in cursor]
        if "path" in names:
            for row in rows:
                row["path"] = path_of(self._path_text(row["path"]))
        return rows

    def tuples(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Return the rows of a query as tuples: a hundred thousand dictionaries would take half a second."""
        with self._read() as connection:
            rows: list[tuple[Any, ...]] = connection.execute(sql, parameters).fetchall()
        return rows

    def execute(self, sql: str, *parameters: Any) -> int:
        """Run one statement that writes; return how many rows it changed."""
        with self._told():
            return int(self._connection.execute(sql, parameters).rowcount)

    def insert(self, table: str, row: dict[str, Any], *, replace: bool = False) -> int:
        """Insert a row, a "path" in it as the bytes of ``path_bytes``; return its rowid.

        Args:
            replace: whether a row with the same key gives way; an error otherwise.
        """
        with self._told():
            number = self._connection.execute(inserting(table, row, replace), tuple(row.values())).lastrowid
        return int(number)

    def insert_all(self, table: str, rows: Iterable[dict[str, Any]], *, replace: bool = False) -> None:
        """Insert rows with the same columns, as in ``insert``, in one transaction."""
        todo = iter(rows)
        if (first := next(todo, None)) is None:
            return
        with self.transaction():
            values = (tuple(row.values()) for row in chain([first], todo))
            with self._told():
                self._connection.executemany(inserting(table, first, replace), values)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """One transaction: all that is written inside, or nothing. One inside another is a part of it.

        It begins immediately: a deferred one that has read and then writes is refused at once, without waiting, where
        another process wrote in between.
        """
        with self._lock:
            if self._connection.in_transaction:
                yield
                return
            if self.read_only:
                raise ReadOnlyLibrary(f"the library {self.name} cannot be written to")
            with self._told():
                self._connection.execute("BEGIN IMMEDIATE")
            self._writer, before = threading.get_ident(), self._connection.total_changes
            try:
                yield
                with self._told():
                    if self._connection.total_changes > before:
                        self._connection.execute(_COUNT_GENERATION)
                        self._before_commit()
                    self._connection.commit()
            except BaseException:
                self._connection.rollback()
                raise
            finally:
                self._writer = None

    def setting(self, name: str) -> str | None:
        """Return the value of a setting, None where it was never set."""
        rows = self.rows("SELECT value FROM settings WHERE name = ?", name)
        return str(rows[0]["value"]) if rows else None

    def set_setting(self, name: str, value: str) -> None:
        """Write ``value`` under ``name``."""
        self.insert("settings", {"name": name, "value": value}, replace=True)

    @property
    def library_id(self) -> str:
        """A random name by which files beside the catalog, such as the vector index, are matched to it. It is set at
        creation, and again when another encoder takes over, because what was made of the old vectors is stale then.
        """
        return self.setting("library_id") or ""

    def encoder(self) -> EncoderInfo | None:
        """Return the encoder whose vectors are held, None before the first one."""
        value = self.setting("encoder")
        if value is None:
            return None
        fingerprint, dim = json.loads(value)
        return EncoderInfo(fingerprint, dim, **json.loads(self.setting("encoder_origin") or "{}"))

    def set_encoder(self, encoder: EncoderInfo) -> None:
        """Write whose vectors are held from now on; its origin is left as it was if ``model`` is empty."""
        with self.transaction():
            self.set_setting("encoder", json.dumps([encoder.fingerprint, encoder.dim]))
            if encoder.model:
                self.set_setting("encoder_origin", json.dumps(encoder.origin()))

    def require_encoder(self, encoder: EncoderInfo) -> None:
        """Raise EncoderMismatch where vectors of another encoder than this one are held."""
        stored = self.encoder()
        if stored is not None and not stored.same_vectors(encoder):
            raise EncoderMismatch(
                f"This library holds vectors of the encoder {stored.fingerprint} (dimension {stored.dim}); those of "
                f"{encoder.fingerprint} (dimension {encoder.dim}) cannot be compared with them. `videobert reindex` "
                "moves a library to another encoder; or index into another library folder, or remove the videos of "
                "this library first."
            )

    @abstractmethod
    def stamp(self) -> tuple[int, int]:
        """Return a pair that differs after every change of the library, by this connection or another one."""

    @abstractmethod
    def last_id(self, table: str) -> int:
        """Return the greatest id that a row of a table ever had, removed ones included; 0 before the first."""

    @abstractmethod
    def set_last_id(self, table: str, number: int) -> None:
        """Write the greatest id that a row of a table ever had, where it is greater than what is known."""

    @abstractmethod
    def size(self) -> int:
        """Return how many bytes the library takes: of an embedded one, its folder."""

    @abstractmethod
    def check_there(self) -> None:
        """Raise LibraryGone if the library was deleted or replaced since it was opened."""

    @property
    def generation(self) -> int:
        """How many transactions have changed the library; it goes back only where committed ones were lost."""
        return int(self.setting("generation") or 0)

    def _before_commit(self) -> None:  # noqa: B027 - most have nothing to add
        """What a dialect adds to a transaction that changed the library."""

    @staticmethod
    def _path_text(stored: str) -> str:
        """A path as UTF-8 has it, with lone surrogates for other bytes, from what the column holds."""
        return stored

    @abstractmethod
    def _errors(self) -> AbstractContextManager[None]:
        """Errors of the driver with the library and the remedy."""


def inserting(table: str, row: dict[str, Any], replace: bool) -> str:
    """Return the statement that inserts a row with the columns of ``row``."""
    names = ", ".join(f'"{name}"' for name in row)
    values = ", ".join(_PATH if name == "path" else "?" for name in row)
    return f"INSERT {'OR REPLACE ' if replace else ''}INTO {table} ({names}) VALUES ({values})"


def is_id(number: int) -> bool:
    """Return whether a number can be the id of a row; one beyond 64 bits is an error to SQLite."""
    return 0 < number < 2**63


def json_ids(ids: Iterable[int]) -> str:
    """Return ``ids`` as the parameter of ``AMONG``, without those that no row can have; NumPy integers are fine."""
    return json.dumps([number for number in map(int, ids) if is_id(number)])


def now() -> str:
    """Return the time in UTC as ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
