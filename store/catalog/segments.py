"""Segments and what each of them owns: an embedding, frame features with their timestamps, a thumbnail, labels.

A segment is only ever written together with all of that, so every segment that exists can be searched.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from store.arrays import (
    FEATURE,
    SECONDS,
    VECTOR,
    check_segment,
    check_windows,
    from_blob,
    to_blob,
    unit_vectors,
)
from store.catalog.analyzer import storable
from store.catalog.changes import STARTED
from store.catalog.database import AMONG, Database, is_id, json_ids
from store.catalog.filtering import filtered_ids
from store.catalog.labels import label_rows
from store.errors import NotInLibrary
from store.filters import Filter, conditions
from store.types import EncoderInfo, LocatedSegment, NewSegment, Segment, SegmentText, Windows

_ROWS = 50_000  # numbers of segments that are read at a time
_CHUNK = 4096  # rows read at a time: about 6 MB of vectors of 384 components
_OWNED = {
    "embeddings": "vector, hubness",
    "frame_features": "width, pts, data",
    "windows": "width, pts, data, hubness",
    "thumbnails": "seconds, jpeg",
    "labels": 'name, "key", score',
}


class Segments:
    """The segments of a catalog. Those of one video have consecutive ids, in order of time.

    Args:
        database: of the catalog.
        encoder: makes the vectors that will be inserted; without one no segment can be.
    """

    def __init__(self, database: Database, encoder: EncoderInfo | None = None) -> None:
        self._database, self._encoder = database, encoder

    def of(self, video_id: int) -> list[Segment]:
        """Return the segments of a video in order of time."""
        rows = self._database.rows('SELECT * FROM segments WHERE video_id = ? ORDER BY start, "end", id', video_id)
        return [Segment(**row) for row in rows]

    def get(self, segment_id: int) -> Segment | None:
        """Return the segment with this id."""
        rows = self._database.rows("SELECT * FROM segments WHERE id = ?", segment_id) if is_id(segment_id) else []
        return Segment(**rows[0]) if rows else None

    def located(self, ids: Sequence[int]) -> list[LocatedSegment]:
        """Return segments with the paths of their videos in the order of ``ids``, leaving out ids that are not held."""
        rows: list[tuple[int, int, float, float, str]] = []
        for first in range(0, len(ids), _CHUNK):
            rows += self._database.tuples(
                f'SELECT id, video_id, start, "end", text FROM segments WHERE id {AMONG}',
                json_ids(ids[first : first + _CHUNK]),
            )
        videos = json_ids({row[1] for row in rows})
        paths = {
            row["id"]: row["path"]
            for row in self._database.rows(f"SELECT id, path FROM videos WHERE id {AMONG}", videos)
        }
        found = {
            number: LocatedSegment(number, video, paths[video], start, end, text)
            for number, video, start, end, text in rows
            if video in paths  # not removed since
        }
        return [found[number] for number in map(int, ids) if number in found]

    def ids(self, filters: Iterable[Filter] = ()) -> NDArray[np.int64]:
        """Return the ids of the segments that all filters hold for: int64 (N,), sorted."""
        return np.array(filtered_ids(self._database, filters), np.int64)

    def middles(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
        """Return the ids of all segments, sorted, their videos, and the seconds halfway from start to end."""
        parts: list[NDArray[np.float64]] = [np.empty((0, 3))]
        last = 0
        while True:  # in parts: all rows of a large library at once would take more memory than the arrays
            rows = self._database.tuples(
                'SELECT id, video_id, (start + "end") / 2 FROM segments WHERE id > ? ORDER BY id LIMIT ?',
                last,
                _ROWS,
            )
            if not rows:
                break
            parts.append(np.array(rows, np.float64))
            last = rows[-1][0]
        ids, videos, middles = np.concatenate(parts).T
        return ids.astype(np.int64), videos.astype(np.int64), middles

    def held(self, ids: NDArray[np.int64], filters: Iterable[Filter] = ()) -> NDArray[np.int64]:
        """Return those of ``ids`` that are segments for which all filters hold: int64 (N,), sorted."""
        sql, values = _passing(filters)
        sql += f" {'AND' if values else 'WHERE'} segments.id {AMONG}"
        found: list[int] = []
        for first in range(0, len(ids), _CHUNK):
            rows = self._database.tuples(sql, *values, json_ids(ids[first : first + _CHUNK]))
            found += (number for (number,) in rows)
        return np.sort(np.array(found, np.int64))

    def count(self, filters: Iterable[Filter] = (), *, limit: int | None = None) -> int:
        """Return how many segments all filters hold for, at most ``limit``."""
        sql, values = _passing(filters)
        if limit is not None:
            sql = f"{sql} LIMIT {int(limit)}"
        ((count,),) = self._database.tuples(f"SELECT count(*) FROM ({sql}) AS passing", *values)
        return int(count)

    def siblings(self, ids: Iterable[int]) -> NDArray[np.int64]:
        """Return the ids of all segments of the videos that these segments are of: int64 (N,), sorted."""
        rows = self._database.rows(
            f"SELECT id FROM segments WHERE video_id IN (SELECT video_id FROM segments WHERE id {AMONG}) ORDER BY id",
            json_ids(ids),
        )
        return np.fromiter((row["id"] for row in rows), np.int64, len(rows))

    def neighbours(self, ids: ArrayLike, count: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return what stands before and after segments in their videos.

        Args:
            ids: N segments.
            count: segments before each, and as many after.

        Returns:
            int64 (N, 2 * count + 1): ids in order of time, the segment itself in the middle, -1 where the video has no
            more; float64 (N, 2 * count + 1, 2): their start and end in seconds, 0.0 where the id is -1.

        Raises:
            NotInLibrary: some ids are unknown; the error carries them all.
        """
        own = _as_array(ids)
        near = own[:, None] + np.arange(-count, count + 1)
        distinct = np.unique(near)
        rows: list[tuple[int, int, float, float]] = []
        for first in range(0, len(distinct), _CHUNK):
            rows += self._database.tuples(
                f'SELECT id, video_id, start, "end" FROM segments WHERE id {AMONG} ORDER BY id',
                json_ids(distinct[first : first + _CHUNK]),
            )
        known, videos, starts, ends = np.array(rows, np.float64).reshape(-1, 4).T
        if (unknown := np.setdiff1d(own, known)).size:
            raise NotInLibrary("segment", unknown.tolist())
        if not own.size:
            return near, np.empty((*near.shape, 2))
        at = np.minimum(np.searchsorted(known, near), len(known) - 1)
        there = (known[at] == near) & (videos[at] == videos[at[:, count : count + 1]])
        return np.where(there, near, -1), np.where(there[..., None], np.stack([starts, ends], axis=1)[at], 0.0)

    def embeddings(self, ids: ArrayLike) -> NDArray[np.float32]:
        """Return the embeddings of segments in the order of ``ids``: float32 (N, D), of unit length.

        Raises:
            NotInLibrary: some ids are unknown; the error carries them all.
        """
        return self.embeddings_and_hubness(ids)[0]

    def embeddings_and_hubness(self, ids: ArrayLike) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return what ``embeddings`` does, and how near segments are to a query bank: float32 (N,), NaN if not known.

        Raises:
            NotInLibrary: some ids are unknown; the error carries them all.
        """
        distinct, positions = np.unique(_as_array(ids), return_inverse=True)
        rows: list[tuple[int, bytes, float | None]] = []
        for first in range(0, len(distinct), _CHUNK):
            rows += self._database.tuples(
                f"SELECT segment_id, vector, hubness FROM embeddings WHERE segment_id {AMONG} ORDER BY segment_id",
                json_ids(distinct[first : first + _CHUNK]),
            )
        if len(rows) < len(distinct):
            raise NotInLibrary("segment", np.setdiff1d(distinct, [number for number, _, _ in rows]).tolist())
        if not rows:
            encoder = self._database.encoder()
            return np.empty((0, encoder.dim if encoder else 0), np.float32), np.empty(0, np.float32)
        vectors = from_blob(b"".join(vector for _, vector, _ in rows), VECTOR).reshape(len(rows), -1)
        hubness = np.array([np.nan if value is None else value for _, _, value in rows], np.float32)
        return vectors[positions], hubness[positions]

    def frame_features(self, segment_id: int) -> tuple[NDArray[np.float64], NDArray[np.float16]]:
        """Return the timestamps in seconds, float64 (T,), and the frame features, float16 (T, F), of a segment.

        Raises:
            NotInLibrary: the segment is unknown.
        """
        row = self._owned("frame_features", segment_id)
        return from_blob(row["pts"], SECONDS), from_blob(row["data"], FEATURE, row["width"])

    def windows(self, ids: ArrayLike) -> dict[int, Windows]:
        """Return the windows of segments by id, leaving out segments that have none stored."""
        found = self._database.tuples(
            f"SELECT segment_id, width, pts, data, hubness FROM windows WHERE segment_id {AMONG}",
            json_ids(_as_array(ids)),
        )
        return {
            number: Windows(from_blob(pts, SECONDS, 2), from_blob(data, FEATURE, width), from_blob(hubness, VECTOR))
            for number, width, pts, data, hubness in found
        }

    def incomplete(self, *, after: int = 0) -> list[int]:
        """Return the ids of the videos that lack windows or hubness, as an older version indexed them, in order.

        Args:
            after: only segments with greater ids are looked at.
        """
        rows = self._database.tuples(
            "SELECT DISTINCT video_id FROM segments WHERE id > ? AND (NOT EXISTS "
            "(SELECT 1 FROM windows WHERE windows.segment_id = segments.id) OR EXISTS "
            "(SELECT 1 FROM embeddings WHERE embeddings.segment_id = segments.id AND hubness IS NULL)) "
            "ORDER BY video_id",
            after,
        )
        return [number for (number,) in rows]

    def complete(self, windows: Mapping[int, Windows], hubness: Mapping[int, float], encoder: EncoderInfo) -> None:
        """Write windows and hubness of segments in one transaction; segments removed since are left out.

        Args:
            encoder: made them.

        Raises:
            ValueError: arrays do not fit each other or the encoder.
            EncoderMismatch: the library holds vectors of another encoder.
        """
        for each in windows.values():
            check_windows(each, encoder.dim)
        with self._database.transaction():
            self._database.require_encoder(encoder)
            held = self._database.tuples(f"SELECT id FROM segments WHERE id {AMONG}", json_ids(windows))
            rows = (window_row(number, windows[number]) for (number,) in held)
            self._database.insert_all("windows", rows, replace=True)
            for number, value in hubness.items():
                self._database.execute("UPDATE embeddings SET hubness = ? WHERE segment_id = ?", float(value), number)

    def thumbnail(self, segment_id: int) -> tuple[bytes, float]:
        """Return the thumbnail of a segment as JPEG, and the time in seconds of the frame it shows.

        Raises:
            NotInLibrary: the segment is unknown.
        """
        row = self._owned("thumbnails", segment_id)
        return row["jpeg"], row["seconds"]

    def _owned(self, table: str, segment_id: int) -> dict[str, Any]:
        sql = f"SELECT {_OWNED[table]} FROM {table} WHERE segment_id = ?"
        rows = self._database.rows(sql, segment_id) if is_id(segment_id) else []
        if not rows:
            raise NotInLibrary("segment", [segment_id])
        return rows[0]

    def insert(self, video_id: int, segments: Sequence[NewSegment]) -> None:
        """Add segments, in order of time, to a video that has none. For ``Catalog.put_video``.

        Raises:
            ValueError: the catalog was opened without an encoder, or arrays do not fit each other or the encoder.
            EncoderMismatch: another process gave the library another encoder meanwhile.
        """
        if segments and self._encoder is None:
            raise ValueError("The catalog must be opened with the encoder that made these vectors.")
        if self._encoder is not None:
            # Checked again in the transaction: another process may have given the library, while empty, another one.
            self._database.require_encoder(self._encoder)
            for segment in segments:
                check_segment(segment, self._encoder.dim)
        numbered = list(enumerate(segments, self._first_id(len(segments))))
        self._database.insert_all(
            "segments",
            (
                {
                    "id": number,
                    "video_id": video_id,
                    "start": float(segment.start),
                    "end": float(segment.end),
                    "text": storable(segment.text),
                }
                for number, segment in numbered
            ),
        )
        self._database.insert_all(
            "embeddings",
            (
                {"segment_id": number, "vector": to_blob(segment.embedding, VECTOR), "hubness": segment.hubness}
                for number, segment in numbered
            ),
        )
        self._database.insert_all(
            "windows",
            (window_row(number, segment.windows) for number, segment in numbered if segment.windows is not None),
        )
        self._database.insert_all(
            "frame_features",
            (
                {
                    "segment_id": number,
                    "width": segment.features.shape[1],
                    "pts": to_blob(segment.pts_seconds, SECONDS),
                    "data": to_blob(segment.features, FEATURE),
                }
                for number, segment in numbered
            ),
        )
        self._database.insert_all(
            "thumbnails",
            (
                {"segment_id": number, "seconds": float(segment.thumbnail_seconds), "jpeg": segment.thumbnail}
                for number, segment in numbered
            ),
        )
        self._database.insert_all("labels", label_rows({number: segment.labels for number, segment in numbered}))

    def revise(self, video_id: int, texts: Sequence[SegmentText]) -> bool:
        """Give segments of a video other words and the embeddings of these. For ``Catalog.put_cues``.

        Returns:
            Whether all of them are segments of the video; nothing is written where they are not.

        Raises:
            ValueError, EncoderMismatch: as in ``insert``.
        """
        if not texts:
            return True
        if self._encoder is None:
            raise ValueError("The catalog must be opened with the encoder that made these vectors.")
        self._database.require_encoder(self._encoder)
        for text in texts:
            unit_vectors(text.embedding[None], self._encoder.dim)
        held = {number for (number,) in self._database.tuples("SELECT id FROM segments WHERE video_id = ?", video_id)}
        if not held.issuperset(text.segment_id for text in texts):
            return False
        for text in texts:
            number = text.segment_id
            self._database.execute("UPDATE segments SET text = ? WHERE id = ?", storable(text.text), number)
            self._database.execute(
                "UPDATE embeddings SET vector = ?, hubness = ? WHERE segment_id = ?",
                to_blob(text.embedding, VECTOR),
                float(text.hubness),
                number,
            )
            self._database.execute("DELETE FROM next_embeddings WHERE segment_id = ?", number)  # made of other words
        return True

    def changed(self, since: int) -> NDArray[np.int64]:
        """Return the ids of segments that were added, removed or given another embedding after a generation of the
        library: int64 (N,), sorted, maybe with some that were not.
        """
        rows = self._database.tuples("SELECT first, last FROM changes WHERE generation > ?", since)
        return np.unique(np.concatenate([np.empty(0, np.int64), *(np.arange(a, b + 1) for a, b in rows)]))

    def changed_since(self) -> int:
        """Return the generation of the library from which on `changed` knows of every segment that came or went."""
        return int(self._database.setting(STARTED) or 0)

    def changed_at(self) -> int:
        """Return the generation of the library in which segments changed last, 0 before the first."""
        ((generation,),) = self._database.tuples("SELECT coalesce(max(generation), 0) FROM changes")
        return int(generation)

    def copy(self, source_id: int, video_id: int) -> None:
        """Copy the segments of a video, under new ids, to one that has none. For ``Catalog.copy_video``."""
        # One distance between old and new ids, past all that were ever given, lets every table be copied whole.
        ((oldest, newest),) = self._database.tuples(
            "SELECT coalesce(min(id), 1), coalesce(max(id), 0) FROM segments WHERE video_id = ?", source_id
        )
        shift = self._first_id(newest - oldest + 1) - oldest
        self._database.execute(
            'INSERT INTO segments SELECT id + ?, ?, start, "end", text FROM segments WHERE video_id = ?',
            shift,
            video_id,
            source_id,
        )
        for table, columns in _OWNED.items():
            self._database.execute(
                f"INSERT INTO {table} (segment_id, {columns}) SELECT segment_id + ?, {columns} FROM {table} "
                "WHERE segment_id IN (SELECT id FROM segments WHERE video_id = ?)",
                shift,
                source_id,
            )

    def _first_id(self, count: int) -> int:
        """The first of so many ids, one after the other, that no segment ever had."""
        last = self._database.last_id("segments")
        self._database.set_last_id("segments", last + count)
        return last + 1


def _passing(filters: Iterable[Filter]) -> tuple[str, tuple[Any, ...]]:
    """A query for the ids of the segments that all filters hold for, and its parameters."""
    if not (chosen := tuple(filters)):
        return "SELECT id FROM segments", ()
    condition, values = conditions(chosen)
    return f"SELECT segments.id FROM segments JOIN videos ON videos.id = video_id WHERE {condition}", values


def window_row(segment_id: int, windows: Windows) -> dict[str, Any]:
    """Return the windows of a segment as a row of their table."""
    return {
        "segment_id": segment_id,
        "width": windows.embeddings.shape[1],
        "pts": to_blob(windows.pts_seconds, SECONDS),
        "data": to_blob(windows.embeddings, FEATURE),
        "hubness": to_blob(windows.hubness, VECTOR),
    }


def _as_array(ids: ArrayLike) -> NDArray[np.int64]:
    try:
        return np.asarray(ids, dtype=np.int64)
    except OverflowError:
        raise NotInLibrary(
            "segment", [number for number in np.asarray(ids, object).flat if not is_id(number)]
        ) from None
