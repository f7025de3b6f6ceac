"""Judged answers to saved queries, and how the library did on them when they were last run.

A judgement names its video by path and not by id, because indexing a video again gives it a new id, and a judgement
has to outlive that: it is there to notice what indexing again did to the answers.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from store.catalog.analyzer import storable
from store.catalog.database import PATH, Connection

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


class Judgements(Connection):
    """The part of the catalog that keeps saved queries."""

    def put_judgement(self, judgement: Judgement) -> None:
        """Remember a judgement; an earlier one of the same text, video and times is replaced."""
        row = asdict(judgement) | {"text": storable(judgement.text), "path": os.fsencode(judgement.path)}
        with self._writing():
            self._forget(judgement)
            self._db.table("judgements").insert(row, conversions=PATH)

    def forget_judgement(self, judgement: Judgement) -> bool:
        """Forget what was judged of this text, video and times, right or wrong; return whether there was anything."""
        with self._writing():
            return self._forget(judgement)

    def judgements(self) -> list[Judgement]:
        """Return all judgements in the order in which they were made."""
        rows = self._rows('SELECT text, path, "right", start, "end" FROM judgements ORDER BY id')
        return [Judgement(**row | {"right": bool(row["right"])}) for row in rows]

    def put_judged_run(self, encoder: str, ranks: JudgedRanks) -> None:
        """Remember a run as the one that the next is compared with."""
        ran_at = datetime.now(UTC).isoformat(timespec="seconds")
        with self._writing():
            self._db.table("judged_runs").insert({"ran_at": ran_at, "encoder": encoder, "ranks": json.dumps(ranks)})

    def last_judged_run(self) -> JudgedRun | None:
        """Return the run remembered last."""
        rows = self._rows("SELECT ran_at, encoder, ranks FROM judged_runs ORDER BY id DESC LIMIT 1")
        return JudgedRun(**rows[0] | {"ranks": json.loads(rows[0]["ranks"])}) if rows else None

    def _forget(self, judgement: Judgement) -> bool:
        same = (storable(judgement.text), os.fsencode(judgement.path), judgement.start, judgement.end)
        return self._db.execute(f"DELETE FROM judgements WHERE {_SAME}", same).rowcount > 0
