"""Lists of what a library holds, a page at a time, for those who look through it."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from store.catalog.database import AMONG, Connection, json_ids, within_clause
from store.types import Failure, Video


@dataclass(frozen=True)
class Extent:
    """How many segments a video has, and the one in its middle."""

    segments: int
    middle: int  # id


@dataclass(frozen=True)
class Folder:
    """A folder that videos of the library lie in, not counting those in folders below it."""

    path: str
    videos: int
    seconds: float  # of video


class Listing(Connection):
    """The part of the catalog that is looked through."""

    def page_of_videos(
        self, *, within: str | None = None, newest_first: bool = False, limit: int, offset: int = 0
    ) -> tuple[list[Video], int]:
        """Return some of the videos, and how many there are in all.

        Args:
            within: only at or below this file or folder.
            newest_first: in order of when they were added, the last one first; in order of their paths otherwise.
        """
        condition, bounds = within_clause(within)
        order = "added_at DESC, id DESC" if newest_first else "path"
        rows = self._rows(
            f"SELECT * FROM videos WHERE {condition} ORDER BY {order} LIMIT ? OFFSET ?", *bounds, limit, offset
        )
        counted = self._rows(f"SELECT count(*) AS videos FROM videos WHERE {condition}", *bounds)
        return [Video(**row) for row in rows], counted[0]["videos"]

    def page_of_failures(self, *, limit: int, offset: int = 0) -> tuple[list[Failure], int]:
        """Return some of the failures in order of their paths, and how many there are in all."""
        rows = self._rows("SELECT * FROM failures ORDER BY path LIMIT ? OFFSET ?", limit, offset)
        counted = self._rows("SELECT count(*) AS failures FROM failures")
        return [Failure(**row) for row in rows], counted[0]["failures"]

    def extents(self, video_ids: Iterable[int]) -> dict[int, Extent]:
        """Return how many segments each of these videos has; those without any are left out."""
        rows = self._rows(
            f"SELECT video_id, id FROM segments WHERE video_id {AMONG} ORDER BY video_id, start", json_ids(video_ids)
        )
        held: dict[int, list[int]] = defaultdict(list)
        for row in rows:
            held[row["video_id"]].append(row["id"])
        return {video: Extent(len(ids), ids[len(ids) // 2]) for video, ids in held.items()}

    def folders(self) -> list[Folder]:
        """Return the folders that hold videos, in order of their paths."""
        found: dict[str, list[float]] = defaultdict(list)
        for row in self._rows("SELECT path, duration FROM videos"):
            found[os.path.dirname(row["path"])].append(row["duration"])
        return [Folder(path, len(lengths), sum(lengths)) for path, lengths in sorted(found.items())]

    def suffixes(self) -> list[str]:
        """Return the suffixes of the videos, without their dots and in small letters, the most frequent first."""
        found: dict[str, int] = defaultdict(int)
        for row in self._rows("SELECT path FROM videos"):
            found[os.path.splitext(row["path"])[1].lstrip(".").lower()] += 1
        return sorted((name for name in found if name), key=lambda name: (-found[name], name))
