"""Checks of arrays before they are stored, and conversion to and from BLOBs.

BLOBs are little-endian and row-major on every machine, so that a library can be copied from one to another.
Everything is checked before it is written: the vector index refuses what is not a unit vector, and one in the catalog
would make every later `sync` fail.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from store.types import NewSegment, Windows

VECTOR = np.dtype("<f4")
FEATURE = np.dtype("<f2")
SECONDS = np.dtype("<f8")

# A float32 sum of squares over a thousand components is exact to 1e-6; that of a vector stored as float16, to 5e-4.
_UNIT_TOLERANCE = 1e-3


def unit_vectors(vectors: ArrayLike, dim: int) -> NDArray[np.float32]:
    """Return ``vectors`` as a contiguous float32 (N, ``dim``) array, or raise ``ValueError`` with what is wrong.

    Every row must be finite and of length 1 (within 1e-3).
    """
    with np.errstate(over="ignore", invalid="ignore"):  # an overflow is reported below, by its length
        array = np.ascontiguousarray(vectors, dtype=np.float32)
        if array.ndim != 2 or array.shape[1] != dim:
            raise ValueError(f"The vectors must have the shape (N, {dim}), got {array.shape}.")
        lengths = np.linalg.norm(array, axis=1)
        wrong = np.flatnonzero(~(np.abs(lengths - 1) <= _UNIT_TOLERANCE))  # written so that NaN is wrong too
    if wrong.size:
        raise ValueError(f"Vectors must have the length 1, but the length of vector {wrong[0]} is {lengths[wrong[0]]}.")
    return array


def check_segment(segment: NewSegment, dim: int) -> None:
    """Raise ``ValueError`` unless the arrays of ``segment`` fit each other and the embedding has ``dim`` components."""
    unit_vectors(segment.embedding[None], dim)
    check_features(segment.features, segment.pts_seconds)
    if segment.windows is not None:
        check_windows(segment.windows, dim)


def check_windows(windows: Windows, dim: int) -> None:
    """Raise ``ValueError`` unless these are the windows of a segment, with embeddings of ``dim`` components."""
    unit_vectors(windows.embeddings, dim)
    if windows.pts_seconds.shape != (len(windows.embeddings), 2) or not len(windows.embeddings):
        raise ValueError(
            f"Windows need two timestamps each: got embeddings {windows.embeddings.shape} and pts_seconds "
            f"{windows.pts_seconds.shape}."
        )
    if windows.hubness.shape != (len(windows.embeddings),):
        raise ValueError(f"Windows need one hubness each: got {windows.hubness.shape}.")
    if not (np.isfinite(windows.pts_seconds).all() and np.isfinite(windows.hubness).all()):
        raise ValueError(f"The windows at {windows.pts_seconds[:1]} s hold values that are not finite.")


def check_features(features: NDArray[np.float16], pts_seconds: NDArray[np.float64]) -> None:
    """Raise ``ValueError`` unless these are the frame features of a segment, each with its finite timestamp."""
    if features.ndim != 2 or features.shape[1] == 0:
        raise ValueError(f"The frame features must have the shape (T, F) with F >= 1, got {features.shape}.")
    if pts_seconds.shape != features.shape[:1]:
        raise ValueError(
            f"Every frame needs its timestamp: got features {features.shape} and pts_seconds {pts_seconds.shape}."
        )
    if not (np.isfinite(features).all() and np.isfinite(pts_seconds).all()):
        raise ValueError(f"The frame features at {pts_seconds[:1]} s hold values that are not finite.")


def to_blob(array: NDArray[Any], dtype: np.dtype[Any]) -> bytes:
    """Return the values of ``array`` as bytes of ``dtype``, row by row."""
    return np.ascontiguousarray(array, dtype=dtype).tobytes()


def from_blob(blob: bytes, dtype: np.dtype[Any], width: int | None = None) -> NDArray[Any]:
    """Return a writable array of the native byte order: (N,), or (N, ``width``) where a width is given."""
    array = np.frombuffer(blob, dtype).astype(dtype.newbyteorder("="))
    return array if width is None else array.reshape(-1, width)
