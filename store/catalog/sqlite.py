"""The SQLite file of a library: how it is opened, read and written. Reads do not wait (write-ahead log)."""

from __future__ import annotations

import errno
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from store.catalog.database import Database
from store.catalog.migrations import check, is_newest, migrate
from store.errors import (
    BusyLibrary,
    DamagedLibrary,
    LibraryError,
    LibraryGone,
    NotALibrary,
    ReadOnlyLibrary,
)

if TYPE_CHECKING:
    import sqlite_utils

_BUSY_SECONDS = 30  # how long a writer waits for the transaction of another process


class SqliteDatabase(Database):
    """An open library file.

    Args:
        path: of the file, which is created with its folder where missing; ":memory:" for one that lives as long as
            the object.

    Raises:
        NotALibrary: the file is something else.
        NewerLibrary: a newer version of the program made it.
    """

    dialect = "sqlite"
    _connection: sqlite3.Connection
    _reader: sqlite3.Connection

    def __init__(self, path: str | Path) -> None:
        super().__init__()
        self.path = None if str(path) == ":memory:" else Path(path)
        if self.path is not None:
            _make_private(self.path)
        self.name = str(path)
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

    def size(self) -> int:
        """Return how many bytes the files of the library's folder take."""
        if self.path is None:
            return 0
        return sum(file.stat().st_size for file in self.path.parent.iterdir() if file.is_file())

    def check_there(self) -> None:
        """Raise LibraryGone if the file was deleted or replaced since it was opened."""
        if self.path is not None and _file(self.path) != self._file:
            raise LibraryGone(f"the library {self.path.parent} was deleted or replaced while it was open")

    def stamp(self) -> tuple[int, int]:
        """Return a pair that differs after every change of the file, by this connection or another one."""
        changes = self._connection.total_changes if self._reader is self._connection else 0
        return self.rows("PRAGMA data_version")[0]["data_version"], changes

    def last_id(self, table: str) -> int:
        """Return the greatest id that a row of a table ever had, removed ones included; 0 before the first."""
        rows = self.rows("SELECT seq FROM sqlite_sequence WHERE name = ?", table)
        return int(rows[0]["seq"]) if rows else 0

    def set_last_id(self, table: str, number: int) -> None:
        """Write the greatest id that a row of a table ever had, where it is greater than what is known."""
        with self.transaction():
            if not self.execute("UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = ?", number, table):
                self.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", table, number)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            raise _explained(error, self.name) from error


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
