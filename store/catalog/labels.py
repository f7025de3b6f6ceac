"""Labels: what a model recognised in the frames of each segment, which searches are filtered by (`shows:`).

Unlike tags, which a person asks for, every segment gets them with its embedding. A video's `labels_stamp` says what its
segments were labelled with, so that the labels of an older model or vocabulary are known to be stale.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from store.catalog.analyzer import storable
from store.catalog.database import AMONG, Database, json_ids
from store.types import Label, label_key


class Labels:
    """The labels of a catalog."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, segment_ids: Iterable[int]) -> dict[int, list[Label]]:
        """Return the labels of segments, the surest first; segments without any are left out."""
        rows = self._database.rows(
            f"SELECT segment_id, name, score FROM labels WHERE segment_id {AMONG} ORDER BY score DESC, name",
            json_ids(segment_ids),
        )
        found: dict[int, list[Label]] = {}
        for row in rows:
            found.setdefault(row["segment_id"], []).append(Label(row["name"], row["score"]))
        return found

    def counts(self) -> dict[str, int]:
        """Return every label with the number of segments that have it, the most frequent first."""
        rows = self._database.rows(
            "SELECT name, count(*) AS segments FROM labels GROUP BY name ORDER BY segments DESC, name"
        )
        return {row["name"]: row["segments"] for row in rows}

    def shown(self, names: Iterable[str]) -> set[str] | None:
        """Return those of some labels that a segment has; None where no segment has any label."""
        if not self._database.rows("SELECT 1 FROM labels LIMIT 1"):
            return None
        exists = "SELECT 1 FROM labels WHERE key = ? LIMIT 1"
        return {name for name in names if self._database.rows(exists, label_key(name))}

    def stale(self, stamp: str) -> list[int]:
        """Return the ids of the videos that were labelled with something else than ``stamp`` names, in order."""
        return [row["id"] for row in self._database.rows("SELECT id FROM videos WHERE labels_stamp <> ?", stamp)]

    def put(self, video_id: int, labels: Mapping[int, Sequence[Label]], *, stamp: str) -> None:
        """Write the labels of a video's segments, in one transaction, in place of those they had.

        Segments that are not held, because the video was indexed anew meanwhile, are left out.

        Args:
            labels: by id of the segment.
            stamp: of what they were labelled with.
        """
        with self._database.transaction():
            held = {row["id"] for row in self._database.rows("SELECT id FROM segments WHERE video_id = ?", video_id)}
            self._database.execute(f"DELETE FROM labels WHERE segment_id {AMONG}", json_ids(held))
            self._database.insert_all("labels", label_rows({each: labels[each] for each in labels if each in held}))
            if held.issuperset(labels):
                self._database.execute("UPDATE videos SET labels_stamp = ? WHERE id = ?", stamp, video_id)


def label_rows(labels: Mapping[int, Sequence[Label]]) -> list[dict[str, Any]]:
    """Return the labels of segments, by their ids, as rows of the table."""
    return [
        {"segment_id": number, "name": storable(each.name), "key": label_key(each.name), "score": float(each.score)}
        for number, own in labels.items()
        for each in own
    ]
