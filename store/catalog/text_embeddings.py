"""Vectors of constant texts, such as the query bank: embedded once, not by every process that searches.

They stand in the table `readings`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from store.arrays import VECTOR, from_blob, to_blob, unit_vectors
from store.catalog.database import AMONG_TEXTS, Database


class TextEmbeddings:
    """The text embeddings of a catalog, all of one encoder."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, encoder: str, texts: Sequence[str]) -> NDArray[np.float32] | None:
        """Return the vectors of N texts, float32 (N, D), unit rows; None where one is missing.

        Args:
            encoder: the fingerprint of the one that made them.
        """
        sql = f"SELECT text, vector FROM readings WHERE encoder = ? AND text {AMONG_TEXTS}"
        rows = self._database.rows(sql, encoder, json.dumps(list(texts)))
        stored = {row["text"]: row["vector"] for row in rows}
        if not texts or any(text not in stored for text in texts):
            return None
        return from_blob(b"".join(stored[text] for text in texts), VECTOR).reshape(len(texts), -1)

    def put(self, encoder: str, texts: Sequence[str], vectors: NDArray[np.float32]) -> None:
        """Write the vectors (N, D) of N distinct texts; those of other encoders are deleted.

        Raises:
            ValueError: there is not one vector of unit length for each text.
        """
        if len(vectors) != len(texts):
            raise ValueError(f"Every text needs one vector, got {len(texts)} texts and {len(vectors)} vectors.")
        checked = unit_vectors(vectors, vectors.shape[1])
        with self._database.transaction():
            self._database.execute("DELETE FROM readings WHERE encoder <> ?", encoder)
            self._database.insert_all(
                "readings",
                (
                    {"text": text, "encoder": encoder, "vector": to_blob(vector, VECTOR)}
                    for text, vector in zip(texts, checked, strict=True)
                ),
                replace=True,
            )
