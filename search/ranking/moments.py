"""Hits -> moments."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from store.types import Hit, Moment

HITS_PER_MOMENT = 4  # neighbours merge, so more hits are fetched than moments are wanted
TOUCHING_SECONDS = 0.05  # segments of one video tile it; what is left between two is rounding
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
        if run and hit.start <= run[-1].end + TOUCHING_SECONDS and _kin([*run, hit]):
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
