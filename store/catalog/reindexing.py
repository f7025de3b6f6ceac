"""Another encoder takes over: its vectors are written beside those in use, and all change places in one transaction.

Until then the library is searched and added to as before, and the run can stop and go on at any time. Segments keep
their ids, times, words and pictures; what an encoder makes of them, vectors and maybe frame features, is replaced.
The encoder that is to take over stands in the settings `successor` and `successor_origin`.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from store.arrays import FEATURE, SECONDS, VECTOR, check_features, check_windows, to_blob, unit_vectors
from store.catalog.database import AMONG, Database, json_ids
from store.catalog.segments import window_row
from store.errors import EncoderMismatch
from store.types import EncoderInfo, Windows, same_features


@dataclass(frozen=True)
class NewEmbedding:
    """What the next encoder makes of one segment."""

    segment_id: int
    embedding: NDArray[np.float32]  # (D,), unit length
    pts_seconds: NDArray[np.float64] | None = None  # (T,); with the features, where those of the library do not serve
    features: NDArray[np.float16] | None = None  # (T, F)
    windows: Windows | None = None
    hubness: float | None = None


class Reindexing:
    """The change of a catalog to another encoder."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._next: EncoderInfo | None = None  # given to `begin`

    def begin(self, encoder: EncoderInfo) -> bool:
        """Declare the encoder that is to take over.

        A change to the same encoder goes on; what was written for another is deleted.

        Returns:
            whether the frame features of the library serve the new encoder too.
        """
        present = self._database.encoder()
        keeps_features = (
            present is not None and present.backbone != "" and same_features(present.backbone, encoder.backbone)
        )
        described = json.dumps([encoder.fingerprint, encoder.dim, keeps_features])
        with self._database.transaction():
            if self._database.setting("successor") != described:
                self._clear()
                self._database.set_setting("successor", described)
            self._database.set_setting("successor_origin", json.dumps(encoder.origin()))
        self._next = encoder
        return keeps_features

    def pending(self) -> list[int]:
        """Return the ids of the videos that the next encoder has not embedded whole yet, in order."""
        rows = self._database.rows(
            "SELECT DISTINCT video_id FROM segments WHERE NOT EXISTS "
            "(SELECT 1 FROM next_embeddings WHERE next_embeddings.segment_id = segments.id) ORDER BY video_id"
        )
        return [row["video_id"] for row in rows]

    def put(self, embeddings: Sequence[NewEmbedding]) -> None:
        """Write what the next encoder makes of some segments, in one transaction; segments removed since are left out.

        Raises:
            EncoderMismatch: another process began to change to another encoder.
            ValueError: `begin` was not called on this object, or arrays do not fit each other or the encoder.
        """
        with self._database.transaction():
            dim, keeps_features = self._check()
            for one in embeddings:
                unit_vectors(one.embedding[None], dim)
                if (one.features is None or one.pts_seconds is None) != keeps_features:
                    raise ValueError(f"Frame features are {'kept' if keeps_features else 'needed'} by this encoder.")
                if one.features is not None and one.pts_seconds is not None:
                    check_features(one.features, one.pts_seconds)
                if one.windows is not None:
                    check_windows(one.windows, dim)
            ids = json_ids(one.segment_id for one in embeddings)
            present = {row["id"] for row in self._database.rows(f"SELECT id FROM segments WHERE id {AMONG}", ids)}
            stored = [one for one in embeddings if one.segment_id in present]
            self._database.insert_all(
                "next_embeddings",
                (
                    {"segment_id": one.segment_id, "vector": to_blob(one.embedding, VECTOR), "hubness": one.hubness}
                    for one in stored
                ),
                replace=True,
            )
            self._database.insert_all(
                "next_windows",
                (window_row(one.segment_id, one.windows) for one in stored if one.windows is not None),
                replace=True,
            )
            self._database.insert_all(
                "next_frame_features",
                (
                    {
                        "segment_id": one.segment_id,
                        "width": one.features.shape[1],
                        "pts": to_blob(one.pts_seconds, SECONDS),
                        "data": to_blob(one.features, FEATURE),
                    }
                    for one in stored
                    if one.features is not None and one.pts_seconds is not None
                ),
                replace=True,
            )

    def finish(self, remove: Iterable[int] = ()) -> bool:
        """Let the next encoder take over, in one transaction, once it has made everything.

        Args:
            remove: ids of videos that leave the library with the old encoder.

        Returns:
            whether it took over; False where videos came in meanwhile and are still to be done.
        """
        with self._database.transaction():
            _, keeps_features = self._check()
            leaving = set(remove)
            if not leaving.issuperset(self.pending()):
                return False
            self._database.execute(f"DELETE FROM videos WHERE id {AMONG}", json_ids(leaving))
            for table in ("embeddings", "windows") if keeps_features else ("embeddings", "windows", "frame_features"):
                # Three new names instead of copies, however large the library is.
                for old, new in ((table, "moving"), (f"next_{table}", table), ("moving", f"next_{table}")):
                    self._database.execute(f"ALTER TABLE {old} RENAME TO {new}")
            assert self._next is not None
            self._database.set_encoder(self._next)
            self._database.set_setting("encoder_origin", json.dumps(self._next.origin()))
            self._database.set_setting("library_id", uuid.uuid4().hex)
            self._clear()
        return True

    def _check(self) -> tuple[int, bool]:
        """The dimension of the next encoder, and whether frame features stay."""
        if self._next is None:
            raise ValueError("The catalog must know which encoder takes over: call begin first.")
        fingerprint, dim, keeps_features = json.loads(self._database.setting("successor") or '["", 0, false]')
        if (fingerprint, dim) != (self._next.fingerprint, self._next.dim):
            raise EncoderMismatch(
                f"Another process changes this library to the encoder {fingerprint or 'that it has now'}, "
                f"and this one to {self._next.fingerprint}. Run the command again when the other has ended."
            )
        return dim, keeps_features

    def _clear(self) -> None:
        for table in ("next_embeddings", "next_windows", "next_frame_features"):
            self._database.execute(f"DELETE FROM {table}")
        self._database.execute("DELETE FROM settings WHERE name IN ('successor', 'successor_origin')")
