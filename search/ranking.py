"""Hits -> moments, and where in a hit a query clip matches."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from store.types import Hit, Match, Moment

_TOUCHING_SECONDS = 0.05  # segments of one video tile it; what is left between two is rounding
_TIE_BREAK = 1e-3  # of cosine: less than pictures that differ differ by
_KIN = 0.8  # a neighbour joins a moment if it scores at least this share of the moment's best hit
_EQUALLY_LIKELY = 0.5  # the same for confidences, where hits have them: they fall off faster


def merge(hits: Iterable[Hit]) -> list[Moment]:
    """Join hits that follow each other in one video into moments, best moment first.

    A neighbour joins only if it answers the query nearly as well; otherwise a long video in which everything is
    somewhat alike would become one moment from start to end.
    """
    by_video: dict[int, list[Hit]] = defaultdict(list)
    for hit in hits:
        by_video[hit.video_id].append(hit)
    moments = [
        _moment(run) for video_hits in by_video.values() for run in _runs(sorted(video_hits, key=lambda hit: hit.start))
    ]
    return sorted(moments, key=lambda moment: (-moment.score, moment.path, moment.start))


def _runs(hits: Sequence[Hit]) -> list[list[Hit]]:
    """Cut hits, in order of time, wherever there is a gap or the score falls off."""
    runs: list[list[Hit]] = []
    for hit in hits:
        run = runs[-1] if runs else []
        if run and hit.start <= run[-1].end + _TOUCHING_SECONDS and _kin([*run, hit]):
            run.append(hit)
        else:
            runs.append([hit])
    return runs


def _kin(hits: Sequence[Hit]) -> bool:
    """Whether hits answer the query about equally well."""
    confidences = [hit.confidence for hit in hits if hit.confidence is not None]
    if len(confidences) == len(hits):
        return min(confidences) >= _EQUALLY_LIKELY * max(confidences)
    scores = [hit.score for hit in hits]
    return min(scores) >= _KIN * max(scores)


def _moment(run: Sequence[Hit]) -> Moment:
    best_first = tuple(sorted(run, key=lambda hit: -hit.score))
    texts = dict.fromkeys(hit.text for hit in run if hit.text)
    return Moment(
        path=run[0].path,
        start=run[0].start,
        end=max(hit.end for hit in run),
        score=best_first[0].score,
        text=" ".join(texts),
        hits=best_first,
        confidence=best_first[0].confidence,
        keyframe=(best_first[0].start + best_first[0].end) / 2,
    )


def likeness(query: NDArray[np.float32], found: NDArray[np.float32]) -> float:
    """How much of a query clip is to be seen in a found stretch: each frame's nearest frame, averaged.

    One vector a segment mixes what its frames show; frame against frame also finds a part (MaxSim of Khattab and
    Zaharia, "ColBERT", 2020).

    Args:
        query: float32 (Tq, F), unit rows.
        found: float32 (Tf, F), unit rows.

    Returns:
        -1 to 1.
    """
    return float((query @ found.T).max(axis=1).mean())


def align(
    query_pts: NDArray[np.float64],
    query: NDArray[np.float32],
    found_pts: NDArray[np.float64],
    found: NDArray[np.float32],
) -> Match:
    """Find the time shift at which a query clip and a found stretch show the same, by voting.

    Every pair of frames votes for its time difference with its similarity; the difference with the best mean, weighted
    by the square root of its support so that one lucky pair does not win, is the shift. Where nothing moves and all
    shifts are alike, the longest overlap is.

    Args:
        query_pts: float64 (Tq,), seconds in the query clip.
        query: float32 (Tq, F), unit rows.
        found_pts: float64 (Tf,), seconds in the found video.
        found: float32 (Tf, F), unit rows.

    Returns:
        the overlap at the best shift, in both time axes, and the mean cosine of its frames.
    """
    similarity = query @ found.T
    step = _sampling_step(query_pts, found_pts)
    shifts = np.round((found_pts[None, :] - query_pts[:, None]) / step).astype(np.int64)
    bins = shifts - shifts.min()
    support = np.bincount(bins.ravel())
    total = np.bincount(bins.ravel(), weights=similarity.ravel())
    mean = total / np.maximum(support, 1)
    share = support / support.max()
    best = int(np.argmax(np.where(support > 0, mean * np.sqrt(share) + _TIE_BREAK * share, -np.inf)))
    rows, columns = np.nonzero(bins == best)
    return Match(
        start=float(found_pts[columns.min()]),
        end=float(found_pts[columns.max()] + step),
        query_start=float(query_pts[rows.min()]),
        query_end=float(query_pts[rows.max()] + step),
        similarity=float(mean[best]),
    )


def _sampling_step(*axes: NDArray[np.float64]) -> float:
    gaps = np.concatenate([np.diff(axis) for axis in axes])
    return float(np.median(gaps)) if len(gaps) else 0.5
