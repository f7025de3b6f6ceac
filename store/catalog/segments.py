"""Segments and what each of them owns: an embedding, frame features with their timestamps, a thumbnail.

A segment is only ever written together with all of that, so every segment that exists can be searched.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from store.arrays import FEATURE, SECONDS, VECTOR, check_segment, from_blob, to_blob
from store.catalog.analyzer import storable
from store.catalog.database import AMONG, json_ids
from store.catalog.fulltext import Lexicon
from store.errors import EncoderMismatch, NotInLibrary
from store.filters import Filter, conditions
from store.types import LocatedSegment, NewSegment, Origin, Segment

_CHUNK = 4096  # rows read at a time: about 6 MB of vectors of 384 components
_OWNED = {"embeddings": "vector", "frame_features": "width, pts, data", "thumbnails": "seconds, jpeg"}


class Segments(Lexicon):
    """The part of the catalog that is asked by segment id, and the encoder whose vectors it holds."""

    _bound: tuple[str, int] | None = None  # the encoder declared through this object

    def encoder(self) -> tuple[str, int] | None:
        """Return fingerprint and dimension of the encoder whose vectors are held, None before the first one."""
        value = self.setting("encoder")
        if value is None:
            return None
        fingerprint, dim = json.loads(value)
        return fingerprint, dim

    def origin(self) -> Origin | None:
        """Return where that encoder comes from, None where it was never said."""
        value = self.setting("encoder_origin")
        return None if value is None else Origin(**json.loads(value))

    def bind_encoder(self, fingerprint: str, dim: int, origin: Origin | None = None) -> None:
        """Declare which encoder makes the vectors of ``dim`` components that this object will be given.

        A library without videos takes any encoder, one with videos only its own.

        Args:
            origin: remembered with it; None leaves what is remembered.

        Raises:
            EncoderMismatch: the library holds vectors of another encoder.
        """
        with self._writing():
            if self._rows("SELECT 1 FROM videos LIMIT 1"):
                self._refuse_other_encoder(fingerprint, dim)
            self.set_setting("encoder", json.dumps([fingerprint, dim]))
            if origin is not None:
                self.set_setting("encoder_origin", json.dumps(asdict(origin)))
        self._bound = (fingerprint, dim)

    def segments(self, video_id: int) -> list[Segment]:
        """Return the segments of a video in order of time."""
        rows = self._rows('SELECT * FROM segments WHERE video_id = ? ORDER BY start, "end", id', video_id)
        return [Segment(**row) for row in rows]

    def segment(self, segment_id: int) -> Segment | None:
        """Return the segment with this id."""
        rows = self._rows("SELECT * FROM segments WHERE id = ?", segment_id)
        return Segment(**rows[0]) if rows else None

    def located(self, ids: Sequence[int]) -> list[LocatedSegment]:
        """Return segments with the paths of their videos in the order of ``ids``, leaving out ids that are not held."""
        found: dict[int, LocatedSegment] = {}
        for first in range(0, len(ids), _CHUNK):
            for row in self._rows(
                'SELECT segments.id AS segment_id, video_id, path, start, "end", text '
                f"FROM segments JOIN videos ON videos.id = video_id WHERE segments.id {AMONG}",
                json_ids(ids[first : first + _CHUNK]),
            ):
                found[row["segment_id"]] = LocatedSegment(**row)
        return [found[number] for number in map(int, ids) if number in found]

    def segment_ids(self, filters: Iterable[Filter] = ()) -> NDArray[np.int64]:
        """Return the ids of the segments that all filters hold for: int64 (N,), sorted."""
        asking, values = "SELECT id FROM segments", ()
        if chosen := tuple(filters):
            condition, values = conditions(chosen)
            asking = f"SELECT segments.id FROM segments JOIN videos ON videos.id = video_id WHERE {condition}"
        with self._lock:  # plain rows: a hundred thousand dictionaries would take half a second
            rows = self._db.execute(asking, values).fetchall()
        return np.sort(np.fromiter((number for (number,) in rows), np.int64, len(rows)))

    def segments_beside(self, ids: Iterable[int]) -> NDArray[np.int64]:
        """Return the ids of all segments of the videos that these segments are of: int64 (N,), sorted."""
        rows = self._rows(
            f"SELECT id FROM segments WHERE video_id IN (SELECT video_id FROM segments WHERE id {AMONG}) ORDER BY id",
            json_ids(ids),
        )
        return np.fromiter((row["id"] for row in rows), np.int64, len(rows))

    def spans(self, ids: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
        """Where segments stand, leaving out ids that are not held.

        The segments of a video are numbered in order of time.

        Returns:
            ids, int64 (N,), sorted; of which video each is, int64 (N,); start and end in seconds, float64 (N, 2).
        """
        distinct = np.unique(np.asarray(ids, dtype=np.int64))
        found: list[tuple[int, int, float, float]] = []
        for first in range(0, len(distinct), _CHUNK):
            with self._lock:  # plain rows, as in segment_ids
                found += self._db.execute(
                    f'SELECT id, video_id, start, "end" FROM segments WHERE id {AMONG} ORDER BY id',
                    (json_ids(distinct[first : first + _CHUNK]),),
                ).fetchall()
        held, videos, starts, ends = np.array(found, np.float64).reshape(-1, 4).T
        return held.astype(np.int64), videos.astype(np.int64), np.stack([starts, ends], axis=1)

    def embeddings(self, ids: ArrayLike) -> NDArray[np.float32]:
        """Return the embeddings of segments in the order of ``ids``: float32 (N, D), of unit length.

        Raises:
            NotInLibrary: some ids are unknown; the error carries them all.
        """
        distinct, positions = np.unique(np.asarray(ids, dtype=np.int64), return_inverse=True)
        found: list[int] = []
        vectors: list[NDArray[np.float32]] = []
        for first in range(0, len(distinct), _CHUNK):
            rows = self._rows(
                f"SELECT segment_id, vector FROM embeddings WHERE segment_id {AMONG} ORDER BY segment_id",
                json_ids(distinct[first : first + _CHUNK]),
            )
            found.extend(row["segment_id"] for row in rows)
            vectors.append(from_blob(b"".join(row["vector"] for row in rows), VECTOR))
        if len(found) < len(distinct):
            raise NotInLibrary("segment", np.setdiff1d(distinct, found).tolist())
        dim = (self.encoder() or ("", 0))[1]
        return np.concatenate(vectors).reshape(-1, dim)[positions] if found else np.empty((0, dim), np.float32)

    def frame_features(self, segment_id: int) -> tuple[NDArray[np.float64], NDArray[np.float16]]:
        """Return the timestamps in seconds, float64 (T,), and the frame features, float16 (T, F), of a segment.

        Raises:
            NotInLibrary: the segment is unknown.
        """
        row = self._owned("frame_features", segment_id)
        return from_blob(row["pts"], SECONDS), from_blob(row["data"], FEATURE, row["width"])

    def thumbnail(self, segment_id: int) -> tuple[bytes, float]:
        """Return the thumbnail of a segment as JPEG, and the time in seconds of the frame it shows.

        Raises:
            NotInLibrary: the segment is unknown.
        """
        row = self._owned("thumbnails", segment_id)
        return row["jpeg"], row["seconds"]

    def _owned(self, table: str, segment_id: int) -> dict[str, Any]:
        rows = self._rows(f"SELECT {_OWNED[table]} FROM {table} WHERE segment_id = ?", segment_id)
        if not rows:
            raise NotInLibrary("segment", [segment_id])
        return rows[0]

    def _refuse_other_encoder(self, fingerprint: str, dim: int) -> None:
        held = self.encoder()
        if held is not None and held != (fingerprint, dim):
            raise EncoderMismatch(
                f"This library holds vectors of the encoder {held[0]} (dimension {held[1]}), and vectors of "
                f"{fingerprint} (dimension {dim}) cannot be compared with them. `videobert reindex` moves a library to "
                "another encoder; or index into another library folder, or remove the videos of this library first."
            )

    def _insert_segments(self, video_id: int, segments: Sequence[NewSegment]) -> None:
        if segments and self._bound is None:
            raise ValueError("The catalog must know which encoder made these vectors: call bind_encoder first.")
        if self._bound is not None:
            # Asked again in the transaction: another process may have bound the library, while empty, to another.
            self._refuse_other_encoder(*self._bound)
            for segment in segments:
                check_segment(segment, self._bound[1])
        numbered = list(enumerate(segments, self._last_id() + 1))
        insert_all = {table: self._db.table(table).insert_all for table in ("segments", *_OWNED)}
        insert_all["segments"](
            {
                "id": number,
                "video_id": video_id,
                "start": float(segment.start),
                "end": float(segment.end),
                "text": storable(segment.text),
            }
            for number, segment in numbered
        )
        insert_all["embeddings"](
            {"segment_id": number, "vector": to_blob(segment.embedding, VECTOR)} for number, segment in numbered
        )
        insert_all["frame_features"](
            {
                "segment_id": number,
                "width": segment.features.shape[1],
                "pts": to_blob(segment.pts_seconds, SECONDS),
                "data": to_blob(segment.features, FEATURE),
            }
            for number, segment in numbered
        )
        insert_all["thumbnails"](
            {"segment_id": number, "seconds": float(segment.thumbnail_seconds), "jpeg": segment.thumbnail}
            for number, segment in numbered
        )

    def _copy_segments(self, source_id: int, video_id: int) -> None:
        # One distance between old and new ids, past all that were ever given, lets every table be copied whole.
        oldest = self._rows("SELECT min(id) AS id FROM segments WHERE video_id = ?", source_id)[0]["id"]
        shift = self._last_id() + 1 - (oldest or 0)
        self._db.execute(
            'INSERT INTO segments SELECT id + ?, ?, start, "end", text FROM segments WHERE video_id = ?',
            (shift, video_id, source_id),
        )
        for table, columns in _OWNED.items():
            self._db.execute(
                f"INSERT INTO {table} (segment_id, {columns}) SELECT segment_id + ?, {columns} FROM {table} "
                "WHERE segment_id IN (SELECT id FROM segments WHERE video_id = ?)",
                (shift, source_id),
            )

    def _last_id(self) -> int:
        """The greatest id that a segment ever had, removed ones included."""
        rows = self._rows("SELECT seq FROM sqlite_sequence WHERE name = 'segments'")
        return int(rows[0]["seq"]) if rows else 0
