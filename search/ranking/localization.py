"""Temporal localization: start, end and key frame of the matching part of a moment.

A segment is a shot, or up to ten seconds of one; the match may be shorter. The indexer stores embeddings of short
windows with each segment; the moment is narrowed to the windows that match nearly as well as the best one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from indexer.features.windows import embed_windows
from model.encoder.contract import Encoder
from search.ranking.clause import Clause, SearchContext
from search.ranking.moments import Moment
from store.catalog.fulltext import Matched
from store.types import Cue, Windows

_MOST_MOMENTS = 50  # of a result list; later ones keep the bounds of their segments
_SLACK = 2.0  # largest distance of a matching window below the best, in standard deviations (benchmarks/moments.py)


@dataclass(frozen=True, eq=False)
class _MomentWindows:
    """The windows of all segments of one moment: (W,) arrays in order of time."""

    start: NDArray[np.float64]
    middle: NDArray[np.float64]
    end: NDArray[np.float64]
    embeddings: NDArray[np.float32]  # (W, D)
    hubness: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.start)


def localize(
    moments: Sequence[Moment],
    must: Sequence[Clause],
    spoken: Mapping[int, Matched],
    context: SearchContext,
    encoder: Encoder,
) -> list[Moment]:
    """Narrow moments to the matching part, and set the key frame of each.

    Args:
        moments: the results.
        must: clauses that the moments match.
        spoken: words of the query in the segments found by words; moments with lines that contain them are narrowed
            to these lines.
        context: of the search.
        encoder: embeds the windows of segments indexed by an older version.
    """
    rest = list(moments[_MOST_MOMENTS:])
    moments = moments[:_MOST_MOMENTS]
    stored = _stored_windows([hit.segment_id for moment in moments for hit in moment.hits], context, encoder)
    windows = [_of_moment(moment, stored) for moment in moments]
    if not any(map(len, windows)):
        return [*moments, *rest]
    embeddings = np.concatenate([each.embeddings for each in windows if len(each)])
    near = np.concatenate([each.hubness for each in windows])
    looks = [clause for clause in must if clause.vectors is not None]
    similarity = np.zeros(len(embeddings))
    if looks:
        similarity = np.mean([_standardized(clause, embeddings, near, context) for clause in looks], axis=0)
    ends = np.cumsum([len(each) for each in windows])
    localized = []
    for moment, each, scores in zip(moments, windows, np.split(similarity, ends[:-1]), strict=True):
        if not len(each):
            localized.append(moment)
        else:
            localized.append(_narrowed(moment, each, scores, _lines(moment, spoken)))
    return localized + rest


def _stored_windows(ids: Sequence[int], context: SearchContext, encoder: Encoder) -> dict[int, Windows]:
    """Return the windows of segments by id; windows that are not stored are embedded now."""
    stored = context.catalog.segments.windows(ids)
    frames = {number: context.catalog.segments.frame_features(number) for number in ids if number not in stored}
    missing = {number: pair for number, pair in frames.items() if len(pair[0])}
    if missing:
        times, features = zip(*missing.values(), strict=True)
        stored.update(zip(missing, embed_windows(times, features, encoder), strict=True))
    return stored


def _of_moment(moment: Moment, stored: Mapping[int, Windows]) -> _MomentWindows:
    hits = sorted(moment.hits, key=lambda hit: hit.start)
    parts = [stored[hit.segment_id] for hit in hits if hit.segment_id in stored]
    if not parts:
        nothing = np.empty(0)
        return _MomentWindows(nothing, nothing, nothing, np.empty((0, 0), np.float32), np.empty(0, np.float32))
    start, middle = np.concatenate([part.pts_seconds for part in parts]).T
    embeddings = np.concatenate([part.embeddings for part in parts]).astype(np.float32)
    near = np.concatenate([part.hubness for part in parts])
    return _MomentWindows(start, middle, np.append(start[1:], moment.end), embeddings, near)


def _standardized(
    clause: Clause, embeddings: NDArray[np.float32], near: NDArray[np.float32], context: SearchContext
) -> NDArray[np.float64]:
    assert clause.vectors is not None
    is_text, calibrator = bool(clause.text), context.calibrator
    similarity = calibrator.similarity(clause.vectors, embeddings, is_text=is_text, near=near)
    return calibrator.query_z_scores(similarity, clause.vectors, is_text=is_text)


def _lines(moment: Moment, spoken: Mapping[int, Matched]) -> list[Cue]:
    """Return the lines with words of the query."""
    return [cue for hit in moment.hits if hit.segment_id in spoken for cue in spoken[hit.segment_id].lines]


def _narrowed(moment: Moment, windows: _MomentWindows, scores: NDArray[np.float64], lines: Sequence[Cue]) -> Moment:
    if lines:
        first = max(min(line.start for line in lines), moment.start)
        last = min(max(line.end for line in lines), moment.end)
        inside = (windows.end > first) & (windows.start < last)
        best = int(np.argmax(np.where(inside, scores, -np.inf)))
        keyframe = min(max(float(windows.middle[best]), first), last)
        return replace(moment, start=first, end=last, keyframe=keyframe)
    best = int(scores.argmax())
    keyframe = float(windows.middle[best])
    good = scores >= scores[best] - _SLACK
    first, last = best, best
    while first > 0 and good[first - 1]:
        first -= 1
    while last < len(good) - 1 and good[last + 1]:
        last += 1
    start = moment.start if first == 0 else float(windows.start[first])
    end = moment.end if last == len(good) - 1 else float(windows.end[last])
    return replace(moment, start=start, end=end, keyframe=keyframe)
