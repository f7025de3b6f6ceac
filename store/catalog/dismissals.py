"""Dismissals: pairs of videos that a person said are not the same, whatever they look like.

A pair is two contents and not two rows: it holds when the videos are indexed anew, moved or renamed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from store.catalog.database import Database, is_id, now


@dataclass(frozen=True)
class Dismissal:
    """Two contents that are not the same; twice one content where several files with it are wanted."""

    id: int
    hashes: tuple[str, str]  # in order
    dismissed_at: str  # ISO 8601, UTC


class Dismissals:
    """The dismissed pairs of a catalog."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, one: str, other: str) -> Dismissal:
        """Write that two contents, by their hashes in any order, are not the same; a known pair stays as it is."""
        hashes = sorted((one, other))
        with self._database.transaction():
            self._database.execute(
                "INSERT INTO dismissals (first_hash, second_hash, dismissed_at) VALUES (?, ?, ?) "
                "ON CONFLICT DO NOTHING",
                *hashes,
                now(),
            )
            (row,) = self._database.rows("SELECT * FROM dismissals WHERE first_hash = ? AND second_hash = ?", *hashes)
        return _dismissal(row)

    def all(self) -> list[Dismissal]:
        """Return the dismissed pairs, the latest first."""
        return [_dismissal(row) for row in self._database.rows("SELECT * FROM dismissals ORDER BY id DESC")]

    def remove(self, number: int) -> bool:
        """Forget a dismissal, so that its videos are compared again; return whether there was one with this id."""
        with self._database.transaction():
            return is_id(number) and self._database.execute("DELETE FROM dismissals WHERE id = ?", number) > 0


def _dismissal(row: dict[str, Any]) -> Dismissal:
    return Dismissal(row["id"], (row["first_hash"], row["second_hash"]), row["dismissed_at"])
