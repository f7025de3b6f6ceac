"""Videos of a library: rows by path, by id and by content, and lists of them."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from store.catalog.database import AMONG, Database, is_id, json_ids, now
from store.errors import NotInLibrary
from store.filters import Filter, conditions, within_clause
from store.paths import path_bytes
from store.times import CLOCK_COLUMN, with_split_time, with_whole_time
from store.types import FileIdentity, Video


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


@dataclass(frozen=True)
class Month:
    """A month in which videos were filmed."""

    month: str  # "2023-07"
    videos: int
    seconds: float  # of video


Order = Literal["path", "added", "date"]
_ORDERS = {
    "path": "path",
    "added": "added_at DESC, id DESC",
    "date": f"substr({CLOCK_COLUMN}, 1, 19) DESC, path",
}


class Videos:
    """The videos of a catalog."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, video_id: int) -> Video | None:
        """Return the video with this id."""
        return next(iter(self._where("id = ?", video_id)), None) if is_id(video_id) else None

    def at(self, path: str) -> Video | None:
        """Return the video at an absolute path."""
        return next(iter(self._where("path = CAST(? AS TEXT)", path_bytes(path))), None)

    def among(self, ids: Iterable[int]) -> dict[int, Video]:
        """Return those of these videos that are held, by their ids."""
        rows = self._database.rows(f"SELECT * FROM videos WHERE id {AMONG}", json_ids(ids))
        return {row["id"]: _video(row) for row in rows}

    def all(self, within: str | None = None, *, order: Order = "path") -> list[Video]:
        """Return all videos, or those at or below the file or folder ``within``; orders as in `page`."""
        condition, bounds = within_clause(within)
        return self._where(condition, *bounds, order=order)

    def with_hash(self, content_hash: str) -> list[Video]:
        """Return the videos with this content, in order of their paths."""
        return self._where("content_hash = ?", content_hash)

    def page(
        self,
        *,
        within: str | None = None,
        filters: Iterable[Filter] = (),
        order: Order = "path",
        limit: int,
        offset: int = 0,
    ) -> tuple[list[Video], int]:
        """Return some of the videos, and how many there are in all.

        Args:
            within: only at or below this file or folder.
            filters: only what these hold for; those of whole videos, such as `during`.
            order: by path; by when they were added, or filmed, the latest first.
        """
        inside, bounds = within_clause(within)
        left, values = conditions(filters)
        condition, parameters = f"{inside} AND {left}", (*bounds, *values)
        rows = self._database.rows(
            f"SELECT * FROM videos WHERE {condition} ORDER BY {_ORDERS[order]} LIMIT ? OFFSET ?",
            *parameters,
            limit,
            offset,
        )
        counted = self._database.rows(f"SELECT count(*) AS videos FROM videos WHERE {condition}", *parameters)
        return [_video(row) for row in rows], counted[0]["videos"]

    def extents(self, video_ids: Iterable[int]) -> dict[int, Extent]:
        """Return how many segments each of these videos has; those without any are left out."""
        rows = self._database.rows(
            f"SELECT video_id, id FROM segments WHERE video_id {AMONG} ORDER BY video_id, start", json_ids(video_ids)
        )
        by_video: dict[int, list[int]] = defaultdict(list)
        for row in rows:
            by_video[row["video_id"]].append(row["id"])
        return {video: Extent(len(ids), ids[len(ids) // 2]) for video, ids in by_video.items()}

    def cameras(self) -> list[str]:
        """Return the cameras that videos were filmed with, the most frequent first."""
        rows = self._database.rows(
            "SELECT camera FROM videos WHERE camera <> '' GROUP BY camera ORDER BY count(*) DESC, camera"
        )
        return [row["camera"] for row in rows]

    def months(self) -> list[Month]:
        """Return the months in which videos were filmed, the latest first; those without a month are left out."""
        rows = self._database.rows(
            "SELECT month, count(*) AS videos, sum(duration) AS seconds FROM "
            f"(SELECT substr({CLOCK_COLUMN}, 1, 7) AS month, duration FROM videos) AS filmed "
            "WHERE length(month) = 7 GROUP BY month ORDER BY month DESC"
        )
        return [Month(**row) for row in rows]

    def folders(self) -> list[Folder]:
        """Return the folders that hold videos, in order of their paths."""
        by_folder: dict[str, list[float]] = defaultdict(list)
        for row in self._database.rows("SELECT path, duration FROM videos"):
            by_folder[os.path.dirname(row["path"])].append(row["duration"])
        return [Folder(path, len(seconds), sum(seconds)) for path, seconds in sorted(by_folder.items())]

    def suffixes(self) -> list[str]:
        """Return the suffixes of the videos, without their dots and in small letters, the most frequent first."""
        rows = self._database.rows("SELECT path FROM videos")
        counts = Counter(os.path.splitext(row["path"])[1].lstrip(".").lower() for row in rows)
        return sorted((name for name in counts if name), key=lambda name: (-counts[name], name))

    def is_file(self, identity: FileIdentity) -> bool:
        """Return whether a file, under whatever name, is one of the videos."""
        rows = self._database.rows(
            "SELECT 1 FROM videos WHERE device = ? AND inode = ? LIMIT 1", identity.device, identity.inode
        )
        return bool(rows)

    def identify(self, video_id: int, identity: FileIdentity) -> None:
        """Write which file a video is now; its content is known to be the same."""
        with self._database.transaction():
            self._database.execute(
                "UPDATE videos SET device = ?, inode = ?, ctime_ns = ? WHERE id = ?",
                identity.device,
                identity.inode,
                identity.ctime_ns,
                video_id,
            )

    def set_subtitles(self, video_id: int, language: str, stamp: str) -> None:
        """Write the language that a video is embedded with, and which subtitle files. For ``Catalog.put_cues``."""
        self._database.execute(
            "UPDATE videos SET language = ?, subtitles_stamp = ? WHERE id = ?", language, stamp, video_id
        )

    def remove(self, ids: Iterable[int]) -> int:
        """Remove videos with all they own in one transaction; return how many there were."""
        with self._database.transaction():
            return self._database.execute(f"DELETE FROM videos WHERE id {AMONG}", json_ids(ids))

    def insert(self, video: Video) -> Video:
        """Insert a video in place of what its path held, keeping only ``added_at``; return it with its id and times.

        For ``Catalog.put_video`` and ``copy_video``, which write in the same transaction what it owns.
        """
        before = self.at(video.path)
        moment = now()
        stored = replace(video, id=None, added_at=before.added_at if before else moment, indexed_at=moment)
        with self._database.transaction():
            if before is not None:
                self._database.execute("DELETE FROM videos WHERE id = ?", before.id)
            number = self._database.insert("videos", _row(stored))
        return replace(stored, id=number)

    def move(self, source: Video, video: Video) -> Video:
        """Give ``source`` the path and file facts of ``video``, keeping its id and times; return it as it is then.

        Another video at the new path is removed. For ``Catalog.move_video``.
        """
        path = path_bytes(video.path)
        moved = replace(video, id=source.id, added_at=source.added_at, indexed_at=source.indexed_at)
        row = _row(moved)
        columns = ", ".join(f"{name} = {'CAST(? AS TEXT)' if name == 'path' else '?'}" for name in row)
        with self._database.transaction():
            self._database.execute("DELETE FROM videos WHERE path = CAST(? AS TEXT) AND id <> ?", path, source.id)
            self._database.execute(f"UPDATE videos SET {columns} WHERE id = ?", *row.values(), source.id)
        return moved

    def existing(self, video_id: int) -> Video:
        """Return the video with this id.

        Raises:
            NotInLibrary: there is none.
        """
        video = self.get(video_id)
        if video is None:
            raise NotInLibrary("video", [video_id])
        return video

    def _where(self, condition: str, *parameters: Any, order: Order = "path") -> list[Video]:
        rows = self._database.rows(f"SELECT * FROM videos WHERE {condition} ORDER BY {_ORDERS[order]}", *parameters)
        return [_video(row) for row in rows]


def _row(video: Video) -> dict[str, Any]:
    return with_split_time(asdict(video)) | {"path": path_bytes(video.path)}


def _video(row: dict[str, Any]) -> Video:
    return Video(**with_whole_time(row) | {"mirrored": bool(row["mirrored"])})
