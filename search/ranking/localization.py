"""Where in a moment it begins to answer the query, where it stops, and which frame shows it best.

A segment is as long as its shot, or ten seconds of it; what was asked for may be a part of that. The kept frame
features are embedded again in short windows, which tell where the query is answered nearly as well as anywhere.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from model.encoder.contract import Encoder
from search.ranking.clause import Clause, SearchContext
from search.ranking.moments import Moment
from store.catalog.analyzer import normalize

_WINDOW = 4  # frames: two seconds of what the indexer keeps
_MOST_WINDOWS = 12  # of one moment; a longer one is looked at more coarsely
_MOST_MOMENTS = 50  # of one answer; what comes after them keeps its segments' ends
_SLACK = 1.0  # standard deviations of the library below the best window: what still answers


@dataclass(frozen=True)
class _Windows:
    """Short stretches of one moment: (W,) arrays in order of time."""

    start: NDArray[np.float64]
    middle: NDArray[np.float64]
    end: NDArray[np.float64]
    features: list[NDArray[np.float16]]  # W times (<= 4, F)


def localize(
    moments: Sequence[Moment], must: Sequence[Clause], spoken: Collection[int], context: SearchContext, encoder: Encoder
) -> list[Moment]:
    """Narrow moments to the stretch that matches, and give each its best frame.

    Args:
        must: clauses that the moments match.
        spoken: segments that were found by their words; a moment with one is narrowed to the lines that hold them.
    """
    rest = list(moments[_MOST_MOMENTS:])
    moments = moments[:_MOST_MOMENTS]
    windows = [_windows(moment, context) for moment in moments]
    if not any(each.features for each in windows):
        return [*moments, *rest]
    features = [part for each in windows for part in each.features]
    embeddings = encoder.embed_segments(features, [""] * len(features))
    similarity = np.mean([_standardized(clause, embeddings, context) for clause in must], axis=0)
    ends = np.cumsum([len(each.features) for each in windows])
    localized = []
    for moment, each, scores in zip(moments, windows, np.split(similarity, ends[:-1]), strict=True):
        if not each.features:
            localized.append(moment)
        else:
            found_by_words = any(hit.segment_id in spoken for hit in moment.hits)
            lines = _spoken(moment, must, context) if found_by_words else None
            localized.append(_narrowed(moment, each, scores, lines))
    return localized + rest


def _windows(moment: Moment, context: SearchContext) -> _Windows:
    hits = sorted(moment.hits, key=lambda hit: hit.start)
    stored = [context.catalog.segments.frame_features(hit.segment_id) for hit in hits]
    pts = np.concatenate([pts for pts, _ in stored])
    if not len(pts):
        return _Windows(pts, pts, pts, [])
    features = np.concatenate([rows for _, rows in stored])
    hop = max(_WINDOW, -(-len(pts) // _MOST_WINDOWS))
    firsts = list(range(0, max(len(pts) - _WINDOW, 0) + 1, hop))
    lasts = [min(first + max(_WINDOW, hop), len(pts)) for first in firsts]
    lasts[-1] = len(pts)
    after = np.append(pts, moment.end)  # when the frame after each appears
    return _Windows(
        start=pts[firsts],
        middle=np.array([pts[(first + last) // 2] for first, last in zip(firsts, lasts, strict=True)]),
        end=after[lasts],
        features=[features[first:last] for first, last in zip(firsts, lasts, strict=True)],
    )


def _standardized(clause: Clause, embeddings: NDArray[np.float32], context: SearchContext) -> NDArray[np.float64]:
    is_text = bool(clause.text)
    similarity = context.calibrator.similarity(clause.vectors, embeddings, is_text=is_text)
    return context.calibrator.query_z_scores(similarity, clause.vectors, is_text=is_text)


def _spoken(moment: Moment, must: Sequence[Clause], context: SearchContext) -> tuple[float, float] | None:
    """From when to when the words of the query are said, None where they are not."""
    words = [word for clause in must for word in clause.words]
    matched = context.catalog.fulltext.matched(words, [hit.segment_id for hit in moment.hits])
    matches = {word for each in matched.values() for word in each.said}
    if not matches:
        return None
    lines = [
        cue
        for cue in context.catalog.cues.of(moment.hits[0].video_id)
        if cue.start < moment.end and cue.end > moment.start and any(word in normalize(cue.text) for word in matches)
    ]
    if not lines:
        return None
    return max(min(cue.start for cue in lines), moment.start), min(max(cue.end for cue in lines), moment.end)


def _narrowed(
    moment: Moment, windows: _Windows, scores: NDArray[np.float64], spoken: tuple[float, float] | None
) -> Moment:
    if spoken:
        inside = (windows.end > spoken[0]) & (windows.start < spoken[1])
        best = int(np.argmax(np.where(inside, scores, -np.inf)))
        keyframe = min(max(float(windows.middle[best]), spoken[0]), spoken[1])
        return replace(moment, start=spoken[0], end=spoken[1], keyframe=keyframe)
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
