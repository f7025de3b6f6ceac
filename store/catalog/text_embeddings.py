"""What the encoder of a library makes of texts that are always the same, so that they are read once and not for every
process that searches.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from store.arrays import VECTOR, from_blob, to_blob, unit_vectors
from store.catalog.database import Connection


class Readings(Connection):
    """The part of the catalog that keeps them."""

    def readings(self, encoder: str, texts: Sequence[str]) -> NDArray[np.float32] | None:
        """Return the vectors of these texts by this encoder, float32 (N, D) of unit length; None if one is not kept."""
        rows = self._rows("SELECT text, vector FROM readings WHERE encoder = ?", encoder)
        kept = {row["text"]: row["vector"] for row in rows}
        if not texts or any(text not in kept for text in texts):
            return None
        return from_blob(b"".join(kept[text] for text in texts), VECTOR).reshape(len(texts), -1)

    def put_readings(self, encoder: str, texts: Sequence[str], vectors: NDArray[np.float32]) -> None:
        """Keep the vectors (N, D) of N distinct texts, in place of all that was kept.

        Raises:
            ValueError: there is not one vector of unit length for each text.
        """
        if len(vectors) != len(texts):
            raise ValueError(f"Every text needs one vector, got {len(texts)} texts and {len(vectors)} vectors.")
        checked = unit_vectors(vectors, vectors.shape[1])
        with self._writing():
            self._db.execute("DELETE FROM readings")
            self._db.table("readings").insert_all(
                {"text": text, "encoder": encoder, "vector": to_blob(vector, VECTOR)}
                for text, vector in zip(texts, checked, strict=True)
            )
