"""Reels: moments that a person collected, under a name and in an order (editors call them selects).

A moment names its video by path and content, not by a row: it stays when the video is indexed anew, moved or removed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from store.catalog.analyzer import storable
from store.catalog.database import AMONG, Database, json_ids, now
from store.errors import NotInLibrary
from store.paths import path_bytes

_LONGEST_NAME = 200  # characters
_SAME_SECONDS = 0.001  # moments that differ by less are one


@dataclass(frozen=True)
class Select:
    """A collected moment.

    Attributes:
        path: of its video when it was collected.
        content_hash: of its video, which finds it again under another path.
        start: in point, seconds.
        end: out point, seconds.
        star: whether it is one of the best.
    """

    path: str
    content_hash: str
    start: float
    end: float
    note: str = ""
    star: bool = False
    tags: tuple[str, ...] = ()
    id: int | None = None  # set by the catalog


@dataclass(frozen=True)
class Reel:
    """A named list of moments."""

    name: str
    moments: int
    seconds: float  # of video
    changed_at: str  # ISO 8601, UTC


class Reels:
    """The reels of a catalog. Names differ by more than the case of their letters."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> list[Reel]:
        """Return the reels in order of their names."""
        rows = self._database.rows(
            'SELECT name, changed_at, count(selects.id) AS moments, coalesce(sum("end" - start), 0.0) AS seconds '
            "FROM reels LEFT JOIN selects ON reel_id = reels.id GROUP BY reels.id ORDER BY name COLLATE NOCASE"
        )
        return [Reel(**row) for row in rows]

    def moments(self, name: str) -> list[Select]:
        """Return the moments of a reel in their order.

        Raises:
            ValueError: there is no such reel.
        """
        rows = self._database.rows("SELECT * FROM selects WHERE reel_id = ? ORDER BY position, id", self._id(name))
        return [_select(row) for row in rows]

    def uses(self, content_hash: str) -> int:
        """Return how many moments of all reels are of the videos with this content."""
        (row,) = self._database.rows("SELECT count(*) AS uses FROM selects WHERE content_hash = ?", content_hash)
        return int(row["uses"])

    def tags(self) -> list[str]:
        """Return the tags of moments, the most frequent first."""
        rows = self._database.rows(
            "SELECT min(value) AS name FROM selects, json_each(tags) GROUP BY value COLLATE NOCASE "
            "ORDER BY count(*) DESC, name"
        )
        return [row["name"] for row in rows]

    def add(self, name: str, moments: Sequence[Select]) -> list[int]:
        """Add moments to the end of a reel, which is made where missing; return their ids.

        One that the reel holds already is not added again.

        Raises:
            ValueError: the name is empty, too long or holds a slash, or a moment does not end after it starts.
        """
        name = storable(name).strip()
        if not name or len(name) > _LONGEST_NAME or "/" in name:
            raise ValueError(f"a reel has a name of 1 to {_LONGEST_NAME} characters without a slash, got {name[:40]!r}")
        for moment in moments:
            check(moment)
        with self._database.transaction():
            self._database.execute(
                "INSERT INTO reels (name, changed_at) VALUES (?, ?) ON CONFLICT DO NOTHING", name, now()
            )
            reel = self._id(name)
            held = self.moments(name)
            (last,) = self._database.rows(
                "SELECT coalesce(max(position), 0) AS position FROM selects WHERE reel_id = ?", reel
            )
            numbers = []
            for position, moment in enumerate(moments, start=last["position"] + 1):
                known = next((each for each in held if _same(each, moment)), None)
                if known is None:
                    number = self._database.insert("selects", _row(moment) | {"reel_id": reel, "position": position})
                    known = replace(moment, id=number)
                    held.append(known)
                numbers.append(known.id or 0)
            self._touch(reel)
        return numbers

    def change(self, moment: Select) -> None:
        """Write other times, note, star or tags of a moment.

        Raises:
            NotInLibrary: there is no moment with its id.
            ValueError: it does not end after it starts.
        """
        check(moment)
        row = {name: value for name, value in _row(moment).items() if name not in ("path", "content_hash")}
        columns = ", ".join(f'"{name}" = ?' for name in row)
        with self._database.transaction():
            if not self._database.execute(f"UPDATE selects SET {columns} WHERE id = ?", *row.values(), moment.id):
                raise NotInLibrary("moment", [moment.id or 0])
            self._database.execute(
                "UPDATE reels SET changed_at = ? WHERE id = (SELECT reel_id FROM selects WHERE id = ?)",
                now(),
                moment.id,
            )

    def order(self, name: str, ids: Sequence[int]) -> None:
        """Put the moments of a reel in an order; those that are not named follow as they were.

        Raises:
            ValueError: there is no such reel, or a moment is not in it.
        """
        held = [moment.id for moment in self.moments(name)]
        if strange := [number for number in ids if number not in held]:
            raise ValueError(f"{name!r} holds no moment {', '.join(map(str, strange))}")
        wanted = [*dict.fromkeys(ids), *(number for number in held if number not in ids)]
        with self._database.transaction():
            for position, number in enumerate(wanted, start=1):
                self._database.execute("UPDATE selects SET position = ? WHERE id = ?", position, number)
            self._touch(self._id(name))

    def remove(self, name: str, ids: Iterable[int] | None = None) -> int:
        """Take moments out of a reel, or remove it with all of them; return how many moments that were.

        Raises:
            ValueError: there is no such reel.
        """
        reel = self._id(name)
        with self._database.transaction():
            if ids is None:
                count = self._database.execute("DELETE FROM selects WHERE reel_id = ?", reel)
                self._database.execute("DELETE FROM reels WHERE id = ?", reel)
                return count
            self._touch(reel)
            return self._database.execute(f"DELETE FROM selects WHERE reel_id = ? AND id {AMONG}", reel, json_ids(ids))

    def _id(self, name: str) -> int:
        rows = self._database.rows(
            "SELECT id FROM reels WHERE name COLLATE NOCASE = ? COLLATE NOCASE", storable(name).strip()
        )
        if not rows:
            known = ", ".join(reel.name for reel in self.all()) or "none"
            raise ValueError(f"no reel {name!r}; there are: {known}")
        return int(rows[0]["id"])

    def _touch(self, reel: int) -> None:
        self._database.execute("UPDATE reels SET changed_at = ? WHERE id = ?", now(), reel)


def check(moment: Select) -> None:
    """Raise ValueError unless a moment starts at 0 or later and ends after it starts."""
    if not 0 <= moment.start < moment.end < 1e9:
        raise ValueError(f"a moment ends after it starts, got {moment.start:g}-{moment.end:g}")


def _same(one: Select, other: Select) -> bool:
    near = abs(one.start - other.start) < _SAME_SECONDS and abs(one.end - other.end) < _SAME_SECONDS
    return near and one.path == other.path and one.content_hash == other.content_hash


def _row(moment: Select) -> dict[str, Any]:
    return {
        "path": path_bytes(moment.path),
        "content_hash": moment.content_hash,
        "start": float(moment.start),
        "end": float(moment.end),
        "note": storable(moment.note).strip(),
        "star": int(moment.star),
        "tags": json.dumps(list(dict.fromkeys(tag for each in moment.tags if (tag := storable(each).strip())))),
    }


def _select(row: dict[str, Any]) -> Select:
    del row["reel_id"], row["position"]
    return Select(**row | {"star": bool(row["star"]), "tags": tuple(json.loads(row["tags"]))})
