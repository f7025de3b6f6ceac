"""Judged answers to queries, and their ranks when they were last run.

A judgement names its video by path and not by id, because a video that is indexed again gets a new id, and a
judgement must outlive that: it is there to measure what indexing again did to the answers.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from store.catalog.analyzer import storable
from store.catalog.database import Database, now
from store.paths import path_bytes

JudgedRanks = dict[str, dict[str, int]]  # "right" or "wrong" -> text of the query -> rank of its first such answer

_SAME = 'text = ? AND path = CAST(? AS TEXT) AND start IS ? AND "end" IS ?'


@dataclass(frozen=True)
class Judgement:
    """Whether a video, or a part of it, answers a query."""

    text: str
    path: str  # absolute
    right: bool
    start: float | None = None  # seconds; None for the whole video
    end: float | None = None


@dataclass(frozen=True)
class JudgedRun:
    """Where the judged answers stood in one run."""

    ran_at: str  # ISO 8601, UTC
    encoder: str  # fingerprint
    ranks: JudgedRanks


class Judgements:
    """The judged answers of a catalog, and their last run."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, judgement: Judgement) -> None:
        """Write a judgement; an earlier one of the same text, video and times is replaced."""
        row = asdict(judgement) | {"text": storable(judgement.text), "path": path_bytes(judgement.path)}
        with self._database.transaction():
            self._remove(judgement)
            self._database.insert("judgements", row)

    def remove(self, judgement: Judgement) -> bool:
        """Delete what was judged of this text, video and times, right or wrong; return whether there was anything."""
        with self._database.transaction():
            return self._remove(judgement)

    def all(self) -> list[Judgement]:
        """Return all judgements in the order in which they were made."""
        rows = self._database.rows('SELECT text, path, "right", start, "end" FROM judgements ORDER BY id')
        return [Judgement(**row | {"right": bool(row["right"])}) for row in rows]

    def put_run(self, encoder: str, ranks: JudgedRanks) -> None:
        """Write a run as the one that the next is compared with."""
        with self._database.transaction():
            self._database.insert("judged_runs", {"ran_at": now(), "encoder": encoder, "ranks": json.dumps(ranks)})

    def last_run(self) -> JudgedRun | None:
        """Return the run that was written last."""
        rows = self._database.rows("SELECT ran_at, encoder, ranks FROM judged_runs ORDER BY id DESC LIMIT 1")
        return JudgedRun(**rows[0] | {"ranks": json.loads(rows[0]["ranks"])}) if rows else None

    def move(self, old: str, new: str) -> None:
        """Give the judgements of the video at one absolute path to another. For ``Catalog.move_video``."""
        paths = (path_bytes(new), path_bytes(old))
        self._database.execute("UPDATE judgements SET path = CAST(? AS TEXT) WHERE path = CAST(? AS TEXT)", *paths)

    def _remove(self, judgement: Judgement) -> bool:
        same = (storable(judgement.text), path_bytes(judgement.path), judgement.start, judgement.end)
        return self._database.execute(f"DELETE FROM judgements WHERE {_SAME}", *same) > 0
