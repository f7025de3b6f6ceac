"""The SQLite file of a library: how it is opened, read and written.

Two connections, each behind a lock, serve all threads of a process: one writes, the other reads what is committed, so
that reads never wait for a write (write-ahead log). Writers wait for each other, also those of other processes.

Paths are written as the bytes the file system gave, so a name that is not UTF-8 comes back as it was.
"""

from __future__ import annotations

import errno
import json
import os
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from store.catalog.migrations import check, is_newest, migrate
from store.errors import (
    BusyLibrary,
    DamagedLibrary,
    EncoderMismatch,
    LibraryError,
    LibraryGone,
    NotALibrary,
    ReadOnlyLibrary,
)
from store.paths import path_of
from store.types import EncoderInfo

if TYPE_CHECKING:
    import sqlite_utils

_PATH = "CAST(? AS TEXT)"  # of a column "path": bound as the bytes of `path_bytes`, held as text
AMONG = "IN (SELECT value FROM json_each(?))"  # one parameter for any number of ids

_COUNT_GENERATION = (
    "INSERT INTO settings (name, value) VALUES ('generation', '1') "
    "ON CONFLICT (name) DO UPDATE SET value = CAST(value AS INTEGER) + 1"
)
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
        self.path = None if str(path) == ":memory:" else Path(path)
        if self.path is not None:
            _make_private(self.path)
        self._lock, self._reading = threading.RLock(), threading.RLock()
        self._writer: int | None = None  # the thread whose transaction is open
        self.read_only = self.path is not None and not _can_write(self.path)
        try:
            self._open(path)
        except LibraryError:
            if self.path is None or self.read_only:
                raise
            self.read_only = True  # a full disk: what is there can be read
            self._open(path)
        # Reads go through a connection of their own, so that none waits for a write, nor for a writer that waits.
        self._reader = self._connection
        if self.path is not None and not self.read_only:
            self._reader = _connected(path, read_only=False)
        self._file = None if self.path is None else _file(self.path)

    def _open(self, path: str | Path) -> None:
        connection = _connected(path, read_only=self.read_only)
        try:
            self._connection = connection
            check(connection, str(path))
            if not self.read_only:
                _enable_write_ahead_log(connection)
                connection.execute("PRAGMA foreign_keys = ON")
                if not is_newest(connection):
                    migrate(self.sqlite)
            elif not is_newest(connection):
                raise NotALibrary(  # noqa: TRY301
                    f"{path} was made by an older version and cannot be brought to this one, as it cannot be written "
                    "to. Copy the library to where it can."
                )
        except sqlite3.Error as error:
            connection.close()
            raise _explained(error, path) from error
        except BaseException:
            connection.close()
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
        with self._lock, self._reading:
            self._reader.close()
            self._connection.close()

    def check_there(self) -> None:
        """Raise LibraryGone if the file was deleted or replaced since it was opened."""
        if self.path is not None and _file(self.path) != self._file:
            raise LibraryGone(f"the library {self.path.parent} was deleted or replaced while it was open")

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Errors of SQLite with the file and the remedy."""
        try:
            with self._lock:
                yield
        except sqlite3.DatabaseError as error:
            raise _explained(error, self.path or ":memory:") from error

    @contextmanager
    def _read(self) -> Iterator[sqlite3.Connection]:
        """The connection to read with: the writing one only for the thread whose transaction is open."""
        inside = self._writer == threading.get_ident() or self._reader is self._connection
        try:
            with self._lock if inside else self._reading:
                yield self._connection if inside else self._reader
        except sqlite3.DatabaseError as error:
            raise _explained(error, self.path or ":memory:") from error

    def rows(self, sql: str, *parameters: Any) -> list[dict[str, Any]]:
        """Return the rows of a query as dictionaries."""
        with self._read() as connection:
            cursor = connection.execute(sql, parameters)
            names = [column[0] for column in cursor.description or ()]
            rows = [dict(zip(names, row, strict=True)) for row in cursor]
        if "path" in names:
            for row in rows:
                row["path"] = path_of(row["path"])
        return rows

    def tuples(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Return the rows of a query as tuples: a hundred thousand dictionaries would take half a second."""
        with self._read() as connection:
            return connection.execute(sql, parameters).fetchall()

    def execute(self, sql: str, *parameters: Any) -> int:
        """Run one statement that writes; return how many rows it changed."""
        with self._told():
            return self._connection.execute(sql, parameters).rowcount

    def insert(self, table: str, row: dict[str, Any], *, replace: bool = False) -> int:
        """Insert a row, a "path" in it as the bytes of ``path_bytes``; return its rowid.

        Args:
            replace: whether a row with the same key gives way; an error otherwise.
        """
        with self._told():
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
            with self._told():
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
            if self.read_only:
                raise ReadOnlyLibrary(f"the library {self.path} cannot be written to")
            with self._told():
                self._connection.execute("BEGIN IMMEDIATE")
            self._writer, before = threading.get_ident(), self._connection.total_changes
            try:
                yield
                with self._told():
                    if self._connection.total_changes > before:
                        self._connection.execute(_COUNT_GENERATION)
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
        changes = self._connection.total_changes if self._reader is self._connection else 0
        return self.rows("PRAGMA data_version")[0]["data_version"], changes

    @property
    def generation(self) -> int:
        """How many transactions have changed the library; it goes back only where committed ones were lost."""
        return int(self.setting("generation") or 0)


def _make_private(path: Path) -> None:
    """Make a library's folder and file where missing, for this user alone."""
    if not path.parent.is_dir():
        path.parent.parent.mkdir(parents=True, exist_ok=True)
        path.parent.mkdir(mode=0o700, exist_ok=True)
    with suppress(OSError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600))


def _can_write(path: Path) -> bool:
    """Whether a library can be written to: SQLite needs the file and its folder."""
    try:
        os.close(os.open(path, os.O_RDWR))
        probe = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
        os.close(os.open(probe, os.O_WRONLY | os.O_CREAT, 0o600))
        probe.unlink()
    except OSError as error:
        return error.errno not in (errno.EROFS, errno.EACCES, errno.EPERM)
    return True


def _connected(path: str | Path, *, read_only: bool) -> sqlite3.Connection:
    if read_only:  # without its write-ahead log, which needs a place to be made; what is written meanwhile is not seen
        log = Path(f"{path}-wal")
        kind = "mode=ro" if log.exists() and log.stat().st_size else "mode=ro&immutable=1"
        address = f"{Path(path).absolute().as_uri()}?{kind}"
        connection = sqlite3.connect(
            address, timeout=_BUSY_SECONDS, check_same_thread=False, isolation_level=None, uri=True
        )
    else:
        # Python begins no transaction by itself: a single statement is one, others are begun in `transaction`.
        connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, check_same_thread=False, isolation_level=None)
    connection.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
    return connection


def _file(path: Path) -> tuple[int, int] | None:
    try:
        state = os.stat(path)
    except OSError:
        return None
    return state.st_dev, state.st_ino


def _explained(error: sqlite3.Error, path: str | Path) -> Exception:
    """An error of SQLite with the file that it is of, and what can be done."""
    code = getattr(error, "sqlite_errorcode", None)
    primary = None if code is None else code & 0xFF
    if primary == sqlite3.SQLITE_NOTADB:
        return NotALibrary(f"{path} is not a library: it is no SQLite database.")
    if primary == sqlite3.SQLITE_CORRUPT:
        return DamagedLibrary(f"{path} is damaged ({error}): `videobert library repair` saves what can be read")
    if primary == sqlite3.SQLITE_FULL:
        return LibraryError(f"{path} cannot be written: the disk is full")
    if primary == sqlite3.SQLITE_IOERR:
        return LibraryError(f"{path} cannot be read or written ({error}): the disk may be full, damaged or gone")
    if primary == sqlite3.SQLITE_BUSY:
        return BusyLibrary(f"{path} is locked: another process writes to it; try again")
    if primary in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_CANTOPEN):
        return ReadOnlyLibrary(f"{path} cannot be written to ({error})")
    return error


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
