"""Tags: labels of segments, which searches are filtered by.

A tag belongs to a segment and goes with it. Tags of one origin (zero-shot labels, a trained classifier) replace the
earlier ones of that origin on the same videos, so that a second classification leaves nothing stale.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

from store.catalog.analyzer import storable
from store.catalog.database import AMONG, Database, json_ids


@dataclass(frozen=True)
class Tag:
    """One label of one segment."""

    segment_id: int
    name: str
    probability: float  # 0 to 1
    origin: str  # who gave it


class Tags:
    """The tags of a catalog."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, tags: Sequence[Tag], *, origin: str, video_ids: Iterable[int]) -> None:
        """Write the tags of one origin on some videos, in one transaction, in place of those it had there.

        Tags of segments that are not held, because their video was indexed anew meanwhile, are left out.
        """
        with self._database.transaction():
            self._database.execute(
                f"DELETE FROM tags WHERE origin = ? AND segment_id IN (SELECT id FROM segments WHERE video_id {AMONG})",
                storable(origin),
                json_ids(video_ids),
            )
            ids = json_ids(tag.segment_id for tag in tags)
            present = {row["id"] for row in self._database.rows(f"SELECT id FROM segments WHERE id {AMONG}", ids)}
            self._database.insert_all(
                "tags",
                (
                    asdict(tag) | {"name": storable(tag.name), "origin": storable(origin)}
                    for tag in tags
                    if tag.segment_id in present
                ),
            )

    def of(self, video_id: int) -> list[Tag]:
        """Return the tags of a video's segments in order of time, the most probable first."""
        rows = self._database.rows(
            "SELECT segment_id, name, probability, origin FROM tags JOIN segments ON segments.id = segment_id "
            "WHERE video_id = ? ORDER BY start, probability DESC, name",
            video_id,
        )
        return [Tag(**row) for row in rows]

    def counts(self) -> dict[str, int]:
        """Return every tag with the number of segments that have it, the most frequent first."""
        rows = self._database.rows(
            "SELECT min(name) AS name, count(DISTINCT segment_id) AS segments FROM tags "
            "GROUP BY name COLLATE NOCASE ORDER BY segments DESC, 1"
        )
        return {row["name"]: row["segments"] for row in rows}
