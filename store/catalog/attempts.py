"""Files that are being indexed: what an interrupted run was at.

A process that is killed cannot say so. So each file is written down before it is indexed, and goes when that ended in
whatever way; one that stays ended a run, and the next run takes it last.
"""

from __future__ import annotations

from store.catalog.database import Database
from store.paths import path_bytes


class Attempts:
    """The paths of a catalog at which a run began and has not ended."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, path: str) -> None:
        """Write a path down."""
        self._database.insert("attempts", {"path": path_bytes(path)}, replace=True)

    def end(self, path: str) -> None:
        """Delete a path."""
        self._database.execute("DELETE FROM attempts WHERE path = CAST(? AS TEXT)", path_bytes(path))

    def unfinished(self) -> set[str]:
        """Return the paths at which runs were ended, those of a run that still goes on among them."""
        return {row["path"] for row in self._database.rows("SELECT path FROM attempts")}
