"""Another encoder takes over: its vectors are gathered beside those in use, and all change places in one transaction.

Until then the library is searched and added to as before, and the gathering can stop and go on at any time. Segments
keep their ids, times, words and pictures; what an encoder makes of them, vectors and maybe frame features, is replaced.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from store.arrays import FEATURE, SECONDS, VECTOR, check_features, to_blob, unit_vectors
from store.catalog.database import AMONG, json_ids
from store.catalog.segments import Segments
from store.errors import EncoderMismatch
from store.types import Origin, same_features


@dataclass(frozen=True)
class Successor:
    """What the next encoder makes of one segment."""

    segment_id: int
    embedding: NDArray[np.float32]  # (D,), unit length
    pts_seconds: NDArray[np.float64] | None = None  # (T,); with the features, where those of the library do not serve
    features: NDArray[np.float16] | None = None  # (T, F)


class Succession(Segments):
    """The part of the catalog that changes its encoder."""

    _next: tuple[str, int] | None = None  # the encoder whose succession was begun through this object

    def begin_succession(self, fingerprint: str, dim: int, origin: Origin) -> bool:
        """Declare the encoder that is to take over.

        One that was begun for the same encoder goes on; what was gathered for another is dropped.

        Returns:
            whether the frame features of the library serve the new encoder too.
        """
        origin_now = self.origin()
        keeps_features = origin_now is not None and same_features(origin_now.backbone, origin.backbone)
        described = json.dumps([fingerprint, dim, keeps_features])
        with self._writing():
            if self.setting("successor") != described:
                self._forget_gathered()
                self.set_setting("successor", described)
            self.set_setting("successor_origin", json.dumps(asdict(origin)))
        self._next = (fingerprint, dim)
        return keeps_features

    def unsucceeded(self) -> list[int]:
        """Return the ids of the videos of which the next encoder has not made everything yet, in order."""
        rows = self._rows(
            "SELECT DISTINCT video_id FROM segments WHERE id NOT IN (SELECT segment_id FROM next_embeddings) "
            "ORDER BY video_id"
        )
        return [row["video_id"] for row in rows]

    def put_successors(self, successors: Sequence[Successor]) -> None:
        """Keep what the next encoder makes of some segments, in one transaction; segments removed since are left out.

        Raises:
            EncoderMismatch: another process began to change to another encoder.
            ValueError: no succession was begun through this object, or arrays do not fit each other or the encoder.
        """
        with self._writing():
            dim, keeps_features = self._succeeding()
            for successor in successors:
                unit_vectors(successor.embedding[None], dim)
                if (successor.features is None or successor.pts_seconds is None) != keeps_features:
                    raise ValueError(f"Frame features are {'kept' if keeps_features else 'needed'} in this succession.")
                if successor.features is not None and successor.pts_seconds is not None:
                    check_features(successor.features, successor.pts_seconds)
            ids = json_ids(successor.segment_id for successor in successors)
            held = {row["id"] for row in self._rows(f"SELECT id FROM segments WHERE id {AMONG}", ids)}
            kept = [successor for successor in successors if successor.segment_id in held]
            self._db.table("next_embeddings").insert_all(
                ({"segment_id": one.segment_id, "vector": to_blob(one.embedding, VECTOR)} for one in kept), replace=True
            )
            self._db.table("next_frame_features").insert_all(
                (
                    {
                        "segment_id": one.segment_id,
                        "width": one.features.shape[1],
                        "pts": to_blob(one.pts_seconds, SECONDS),
                        "data": to_blob(one.features, FEATURE),
                    }
                    for one in kept
                    if one.features is not None and one.pts_seconds is not None
                ),
                replace=True,
            )

    def succeed(self, forget: Iterable[int] = ()) -> bool:
        """Let the next encoder take over, in one transaction, once it has made everything.

        Args:
            forget: ids of videos that leave the library with the old encoder.

        Returns:
            whether it took over; False where videos came in meanwhile and are still to be done.
        """
        with self._writing():
            _, keeps_features = self._succeeding()
            leaving = set(forget)
            if not leaving.issuperset(self.unsucceeded()):
                return False
            self._db.execute(f"DELETE FROM videos WHERE id {AMONG}", (json_ids(leaving),))
            for table in ("embeddings",) if keeps_features else ("embeddings", "frame_features"):
                # Three new names instead of copies, however large the library is.
                for old, new in ((table, "moving"), (f"next_{table}", table), ("moving", f"next_{table}")):
                    self._db.execute(f"ALTER TABLE {old} RENAME TO {new}")
            assert self._next is not None
            self.set_setting("encoder", json.dumps(self._next))
            self.set_setting("encoder_origin", self.setting("successor_origin") or "")
            self.set_setting("library_id", uuid.uuid4().hex)
            self._forget_gathered()
        self._bound = self._next
        return True

    def _succeeding(self) -> tuple[int, bool]:
        """The dimension of the next encoder, and whether frame features stay."""
        if self._next is None:
            raise ValueError("The catalog must know which encoder takes over: call begin_succession first.")
        fingerprint, dim, keeps_features = json.loads(self.setting("successor") or '["", 0, false]')
        if (fingerprint, dim) != self._next:
            raise EncoderMismatch(
                f"Another process changes this library to the encoder {fingerprint or 'that it has now'}, "
                f"and this one to {self._next[0]}. Run the command again when the other has ended."
            )
        return dim, keeps_features

    def _forget_gathered(self) -> None:
        for table in ("next_embeddings", "next_frame_features"):
            self._db.execute(f"DELETE FROM {table}")
        self._db.execute("DELETE FROM settings WHERE name IN ('successor', 'successor_origin')")
