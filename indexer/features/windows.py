"""Short windows of segments, with their embeddings: where in a segment a query is answered is looked up in them.

A segment is as long as its shot, or ten seconds of it; what is asked for may be a part of that.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from indexer.features.hubness import hubness, query_bank
from model.encoder.contract import Encoder
from store.types import Windows

_FRAMES = 4  # of a window: two seconds of what the indexer keeps
_MOST = 12  # windows of a segment; one of more frames has longer windows


def embed_windows(
    pts_seconds: Sequence[NDArray[np.float64]], features: Sequence[NDArray[np.float16]], encoder: Encoder
) -> list[Windows]:
    """Cut N segments into windows that tile them, and embed these without words.

    Args:
        pts_seconds: N times (T_i,), when each frame appears.
        features: N times (T_i, F), of the frames; T_i is at least 1.
    """
    bounds = [_bounds(len(each)) for each in features]
    parts = [rows[first:last] for rows, cuts in zip(features, bounds, strict=True) for first, last in cuts]
    embeddings = encoder.embed_segments(parts, [""] * len(parts))
    near = hubness(embeddings, query_bank(encoder))
    ends = np.cumsum([len(cuts) for cuts in bounds])[:-1]
    columns = zip(pts_seconds, bounds, np.split(embeddings.astype(np.float16), ends), np.split(near, ends), strict=True)
    return [
        Windows(np.array([[pts[first], pts[(first + last) // 2]] for first, last in cuts]), rows, values)
        for pts, cuts, rows, values in columns
    ]


def _bounds(frames: int) -> list[tuple[int, int]]:
    """The first frame of each window, and the one after its last; the last window takes what is left over."""
    hop = max(_FRAMES, -(-frames // _MOST))
    firsts = range(0, max(frames - hop, 0) + 1, hop)
    return [(first, first + hop if first + hop in firsts else frames) for first in firsts]
