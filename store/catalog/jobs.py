"""Records of indexing runs, which a service shows again after a restart."""

from __future__ import annotations

from collections.abc import Collection

from store.catalog.database import Database


class Jobs:
    """The jobs of a catalog: by id, a text that the service reads."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, number: str, record: str, *, last: bool = False) -> None:
        """Write the record of a job; one that is new comes last, and so does another with ``last``."""
        with self._database.transaction():
            if last:
                self._database.execute("DELETE FROM jobs WHERE id = ?", number)
            self._database.execute(
                "INSERT INTO jobs (id, record) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET record = excluded.record",
                *(number, record),
            )

    def all(self) -> list[str]:
        """Return the records, oldest first."""
        return [row["record"] for row in self._database.rows("SELECT record FROM jobs ORDER BY rowid")]

    def keep(self, numbers: Collection[str]) -> None:
        """Forget all jobs but these."""
        with self._database.transaction():
            for row in self._database.rows("SELECT id FROM jobs"):
                if row["id"] not in numbers:
                    self._database.execute("DELETE FROM jobs WHERE id = ?", row["id"])
