"""The SQLite file of a library: how it is opened, read and written.

One connection behind a lock serves all threads of a process: transactions are short, and a reader in the same process
never sees half of one. Other processes read while one writes (write-ahead log), and writers wait for each other.

Paths are written as the bytes the file system gave, so a name that is not UTF-8 comes back as it was.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from store.catalog.migrations import check, is_newest, migrate
from store.errors import EncoderMismatch, NotALibrary
from store.paths import path_of
from store.types import EncoderInfo

if TYPE_CHECKING:
    import sqlite_utils

_PATH = "CAST(? AS TEXT)"  # of a column "path": bound as the bytes of `path_bytes`, held as text
AMONG = "IN (SELECT value FROM json_each(?))"  # one parameter for any number of ids

_BUSY_SECONDS = 30  # how long a writer waits for the transaction of another process


class Database:
    """An open library file, brought to the newest schema; a context manager that closes it.

    Args:
        path: of the file, which is created with its folder where missing; ":memory:" for one that lives as long as
            the object.

    Raises:
        NotALibrary: the file is something else.
        NewerLibrary: a newer version of the program made it.
    """

    def __init__(self, path: str | Path) -> None:
        if str(path) != ":memory:":
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.RLock()
        # Python begins no transaction by itself: a single statement is one, others are begun in `transaction`.
        connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, check_same_thread=False, isolation_level=None)
        connection.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
        try:
            self._connection = connection
            check(connection, str(path))
            _enable_write_ahead_log(connection)
            connection.execute("PRAGMA foreign_keys = ON")
            if not is_newest(connection):
                migrate(self.sqlite)
        except BaseException as error:
            connection.close()
            if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_NOTADB:
                raise NotALibrary(f"{path} is not a library: it is no SQLite database.") from error
            raise

    @cached_property
    def sqlite(self) -> sqlite_utils.Database:
        """The connection as sqlite-utils sees it, which builds the schema: importing it would slow down every start."""
        import sqlite_utils

        # Plugins that other programs installed for sqlite-utils must not change this file.
        return sqlite_utils.Database(self._connection, execute_plugins=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file. Everything written is already safe."""
        with self._lock:
            self._connection.close()

    def rows(self, sql: str, *parameters: Any) -> list[dict[str, Any]]:
        """Return the rows of a query as dictionaries."""
        with self._lock:
            cursor = self._connection.execute(sql, parameters)
            names = [column[0] for column in cursor.description or ()]
            rows = [dict(zip(names, row, strict=True)) for row in cursor]
        if "path" in names:
            for row in rows:
                row["path"] = path_of(row["path"])
        return rows

    def tuples(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Return the rows of a query as tuples: a hundred thousand dictionaries would take half a second."""
        with self._lock:
            return self._connection.execute(sql, parameters).fetchall()

    def execute(self, sql: str, *parameters: Any) -> int:
        """Run one statement that writes; return how many rows it changed."""
        with self._lock:
            return self._connection.execute(sql, parameters).rowcount

    def insert(self, table: str, row: dict[str, Any], *, replace: bool = False) -> int:
        """Insert a row, a "path" in it as the bytes of ``path_bytes``; return its rowid.

        Args:
            replace: whether a row with the same key gives way; an error otherwise.
        """
        with self._lock:
            number = self._connection.execute(_inserting(table, row, replace), tuple(row.values())).lastrowid
        assert number is not None
        return number

    def insert_all(self, table: str, rows: Iterable[dict[str, Any]], *, replace: bool = False) -> None:
        """Insert rows with the same columns, as in ``insert``, in one transaction."""
        todo = iter(rows)
        if (first := next(todo, None)) is None:
            return
        with self.transaction():
            values = (tuple(row.values()) for row in chain([first], todo))
            self._connection.executemany(_inserting(table, first, replace), values)

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
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.commit()
            except BaseException:
                self._connection.rollback()
                raise

    def setting(self, name: str) -> str | None:
        """Return the value of a setting, None where it was never set."""
        rows = self.rows("SELECT value FROM settings WHERE name = ?", name)
        return str(rows[0]["value"]) if rows else None

    def set_setting(self, name: str, value: str) -> None:
        """Write ``value`` under ``name``."""
        self.execute("INSERT OR REPLACE INTO settings (name, value) VALUES (?, ?)", name, value)

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

    def stamp(self) -> tuple[int, int]:
        """Return a pair that differs after every change of the file, by this connection or another one."""
        with self._lock:
            return self.rows("PRAGMA data_version")[0]["data_version"], self._connection.total_changes


def _inserting(table: str, row: dict[str, Any], replace: bool) -> str:
    names = ", ".join(f'"{name}"' for name in row)
    values = ", ".join(_PATH if name == "path" else "?" for name in row)
    return f"INSERT {'OR REPLACE ' if replace else ''}INTO {table} ({names}) VALUES ({values})"


def _enable_write_ahead_log(connection: sqlite3.Connection) -> None:
    """Switch a new file over, and wait: SQLite itself does not where several processes do this at the same instant."""
    give_up_at = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = wal")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > give_up_at:
                raise
            time.sleep(0.01)
        else:
            return


def is_id(number: int) -> bool:
    """Return whether a number can be the id of a row; one beyond 64 bits is an error to SQLite."""
    return 0 < number < 2**63


def json_ids(ids: Iterable[int]) -> str:
    """Return ``ids`` as the parameter of ``AMONG``; NumPy integers are fine."""
    return json.dumps([int(number) for number in ids])


def now() -> str:
    """Return the time in UTC as ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
