"""Saved searches, with the feedback on their answers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from store.catalog.analyzer import storable
from store.catalog.database import Database, is_id
from store.errors import NotInLibrary

_NAMED = "name COLLATE NOCASE = ? COLLATE NOCASE"
_OWNED = "\x1f"  # between whose search it is and its name; no name holds it


@dataclass(frozen=True)
class SavedSearch:
    """A query under a name.

    ``more`` and ``less`` are segments that its answers should be more, or less, like; one that leaves the library
    leaves them too.
    """

    name: str
    query: str
    only: Literal["visual", "words"] | None = None
    min_confidence: float = 0.0
    per_video: int | None = None
    more: tuple[int, ...] = ()
    less: tuple[int, ...] = ()


class Searches:
    """The saved searches of a catalog."""

    def __init__(self, database: Database, owner: str = "") -> None:
        self._database, self._prefix = database, f"{owner}{_OWNED}" if owner else ""

    def of(self, owner: str) -> Searches:
        """Return the searches of somebody else than the owner of the library, for whom "" stands."""
        return Searches(self._database, owner)

    def put(self, search: SavedSearch) -> None:
        """Write a search, in place of the one of its name; the case of letters in names does not matter.

        Raises:
            ValueError: the name is empty.
            NotInLibrary: a segment it refers to is unknown.
        """
        name = storable(search.name).replace(_OWNED, " ").strip()
        if not name:
            raise ValueError(f"a search needs a name, got {search.name!r}")
        name = self._prefix + name
        row = (name, storable(search.query), search.only, search.min_confidence, search.per_video)
        with self._database.transaction():
            self._database.execute(f"DELETE FROM searches WHERE {_NAMED}", name)
            self._database.execute(
                'INSERT INTO searches (name, "query", "only", min_confidence, per_video) VALUES (?, ?, ?, ?, ?)', *row
            )
            self._judge(name, search.more, liked=True)
            self._judge(name, search.less, liked=False)

    def get(self, name: str) -> SavedSearch | None:
        """Return the search of this name."""
        return next((search for search in self.all() if search.name.casefold() == name.strip().casefold()), None)

    def all(self) -> list[SavedSearch]:
        """Return all searches in order of their names."""
        judged: dict[str, dict[bool, list[int]]] = {}
        for row in self._database.rows("SELECT * FROM search_feedback ORDER BY segment_id"):
            judged.setdefault(row["name"], {True: [], False: []})[bool(row["liked"])].append(row["segment_id"])
        return [
            SavedSearch(
                **{**row, "name": row["name"].removeprefix(self._prefix)},
                more=tuple(judged.get(row["name"], {}).get(True, ())),
                less=tuple(judged.get(row["name"], {}).get(False, ())),
            )
            for row in self._database.rows("SELECT * FROM searches ORDER BY name COLLATE NOCASE")
            if self._is_own(row["name"])
        ]

    def remove(self, name: str) -> bool:
        """Delete the search of this name; return whether there was one."""
        with self._database.transaction():
            return self._database.execute(f"DELETE FROM searches WHERE {_NAMED}", self._key(name)) > 0

    def _key(self, name: str) -> str:
        return self._prefix + name.replace(_OWNED, " ").strip()

    def _is_own(self, key: str) -> bool:
        return key.startswith(self._prefix) if self._prefix else _OWNED not in key

    def _judge(self, name: str, ids: Iterable[int], *, liked: bool) -> None:
        for number in ids:
            if not is_id(number) or not self._database.rows("SELECT 1 FROM segments WHERE id = ?", number):
                raise NotInLibrary("segment", [number])
            row = {"name": name, "segment_id": number, "liked": int(liked)}
            self._database.insert("search_feedback", row, replace=True)
