"""The SQLite file of a library: how it is opened, read and written.

One connection serves all threads of a process behind a lock: transactions are short, and a reader in the same process
never sees half of one. Other processes read while one writes (write-ahead log), and writers wait for each other.

Paths are written as the bytes the file system gave, so a name that is not UTF-8 comes back as it was.
"""

from __future__ import annotations

import json
import os
import sqlite3
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from sqlite_utils import Database

from store.catalog.migrations import check, migrate
from store.errors import NotALibrary

PATH = {"path": "CAST(? AS TEXT)"}  # bound as the bytes of os.fsencode, held as text
AMONG = "IN (SELECT value FROM json_each(?))"  # one parameter for any number of ids

_BUSY_SECONDS = 30  # how long a writer waits for the transaction of another process


class Connection:
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
        connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, check_same_thread=False)
        connection.text_factory = lambda raw: raw.decode("utf-8", sys.getfilesystemencodeerrors())
        try:
            # Plugins of an unrelated sqlite-utils in the same environment have no business in this file.
            self._db = Database(connection, execute_plugins=False)
            check(self._db, str(path))
            _enable_write_ahead_log(self._db)
            self._db.execute("PRAGMA foreign_keys = ON")
            migrate(self._db)
        except BaseException as error:
            connection.close()
            if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_NOTADB:
                raise NotALibrary(f"{path} is not a library: it is no SQLite database.") from error
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file. Everything written is already safe."""
        with self._lock:
            self._db.close()

    def setting(self, name: str) -> str | None:
        """Return the value of a setting, None where it was never set."""
        rows = self._rows("SELECT value FROM settings WHERE name = ?", name)
        return str(rows[0]["value"]) if rows else None

    def set_setting(self, name: str, value: str) -> None:
        """Remember ``value`` under ``name``."""
        with self._lock:
            self._db.execute("INSERT OR REPLACE INTO settings (name, value) VALUES (?, ?)", (name, value))

    @property
    def library_id(self) -> str:
        """A random name, by which files beside the catalog tell whether they belong to it. It is given at creation, and
        again when another encoder takes over: what was made of the old vectors belongs to it no more.
        """
        return self.setting("library_id") or ""

    def stamp(self) -> tuple[int, int]:
        """Return what is another pair after every change of the file, by this connection or another one."""
        with self._lock:
            return self._rows("PRAGMA data_version")[0]["data_version"], self._db.conn.total_changes

    def _rows(self, sql: str, *parameters: Any) -> list[dict[str, Any]]:
        with self._lock:
            return list(self._db.query(sql, parameters))

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """One transaction: all that is written inside, or nothing.

        Not ``Database.atomic``, which begins deferred: a transaction that has read and then writes is refused at
        once, without waiting, where another process wrote in between.
        """
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.commit()
            except BaseException:
                self._db.rollback()
                raise


def _enable_write_ahead_log(db: Database) -> None:
    """Switch a new file over; SQLite does not wait by itself where several processes do this at the same instant."""
    give_up_at = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            return db.enable_wal()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > give_up_at:
                raise
            time.sleep(0.01)


def json_ids(ids: Iterable[int]) -> str:
    """Return ``ids`` as the parameter of ``AMONG``; NumPy integers are fine."""
    return json.dumps([int(number) for number in ids])


def within_clause(within: str | None) -> tuple[str, tuple[bytes, ...]]:
    """Return an SQL condition on ``path``, and its parameters: at or below the file or folder ``within``.

    Not LIKE, for which ``%``, ``_`` and the case of letters mean something else. Below a folder are the paths between
    "folder/" and "folder" followed by the character after the separator, an interval that the index answers.
    """
    if within is None:
        return "TRUE", ()
    path = os.path.abspath(within)
    folder = path.rstrip(os.sep)
    bounds = (path, folder + os.sep, folder + chr(ord(os.sep) + 1))
    condition = "(path = CAST(? AS TEXT) OR (path >= CAST(? AS TEXT) AND path < CAST(? AS TEXT)))"
    return condition, tuple(map(os.fsencode, bounds))
