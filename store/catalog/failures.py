"""Files that could not be indexed, and why; they are not tried again until they change."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from store.catalog.analyzer import storable
from store.catalog.database import Database, now
from store.filters import within_clause
from store.paths import path_bytes
from store.times import with_split_time, with_whole_time
from store.types import Failure


class Failures:
    """The failures of a catalog, one a path."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, failure: Failure) -> None:
        """Write a failure with the time of now. Rows of an earlier, successful indexing of the file stay."""
        row = {"path": path_bytes(failure.path), "reason": storable(failure.reason), "failed_at": now()}
        with self._database.transaction():
            self._database.insert("failures", with_split_time(asdict(failure)) | row, replace=True)

    def at(self, path: str) -> Failure | None:
        """Return the failure of the file at an absolute path."""
        return next(iter(self._where("path = CAST(? AS TEXT)", path_bytes(path))), None)

    def all(self, within: str | None = None) -> list[Failure]:
        """Return the failures in order of their paths: all, or those at or below the file or folder ``within``."""
        condition, bounds = within_clause(within)
        return self._where(condition, *bounds)

    def page(self, *, limit: int, offset: int = 0) -> tuple[list[Failure], int]:
        """Return some of the failures in order of their paths, and how many there are in all."""
        rows = self._database.rows("SELECT * FROM failures ORDER BY path LIMIT ? OFFSET ?", limit, offset)
        counted = self._database.rows("SELECT count(*) AS failures FROM failures")
        return [Failure(**with_whole_time(row)) for row in rows], counted[0]["failures"]

    def remove(self, paths: Iterable[str]) -> None:
        """Delete the failures of the files at ``paths``, so that they are tried again."""
        with self._database.transaction():
            for path in paths:
                self._database.execute("DELETE FROM failures WHERE path = CAST(? AS TEXT)", path_bytes(path))

    def _where(self, condition: str, *parameters: Any) -> list[Failure]:
        rows = self._database.rows(f"SELECT * FROM failures WHERE {condition} ORDER BY path", *parameters)
        return [Failure(**with_whole_time(row)) for row in rows]
