"""Hits and moments, the results of a search."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from store.catalog.catalog import Catalog
from store.catalog.reels import Select
from store.types import Date

HITS_PER_MOMENT = 4  # hits to fetch per requested moment, since neighbours merge
TOUCHING_SECONDS = 0.05  # segments of a video are contiguous; smaller gaps are rounding
Basis = Literal["shown", "said", "written", "named"]  # matched by frames, speech, text in the picture, names

_MIN_SCORE_RATIO = 0.8  # a neighbour joins a moment if it scores at least this share of the moment's best hit
_MIN_CONFIDENCE_RATIO = 0.5  # the same for confidences, where hits have them: they fall off faster


@dataclass(frozen=True)
class Hit:
    """One segment that matches a query."""

    segment_id: int
    video_id: int
    path: str
    start: float
    end: float
    score: float  # higher is better; comparable within one query
    text: str = ""
    confidence: float | None = None  # probability of relevance, 0 to 1; None if unknown


@dataclass(frozen=True)
class Match:
    """Where, in a query clip and in a hit, the two show the same."""

    start: float  # in the video that was found
    end: float
    query_start: float  # in the query clip
    query_end: float
    similarity: float  # mean cosine of the aligned frames
    kind: str = "similar"  # "copy", "near copy", "same scene" or "similar"
    speed: float = 1.0  # of the query: 2.0 where it runs through what was found in half the time
    mirrored: bool = False  # whether the query shows it as a mirror does

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {name: round(value, 3) if isinstance(value, float) else value for name, value in vars(self).items()}


@dataclass(frozen=True)
class Line:
    """What is said or written in a moment."""

    start: float  # in the video
    end: float
    text: str
    source: str = "subtitles"  # the text source that found it
    marks: tuple[tuple[int, int], ...] = ()  # where words of the query stand in the text; none where nothing matches

    def marked(self, before: str, after: str) -> str:
        """Return the text with something before and after each word of the query."""
        parts, place = [], 0
        for start, end in self.marks:
            parts += [self.text[place:start], before, self.text[start:end], after]
            place = end
        return "".join([*parts, self.text[place:]])

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "start": round(self.start, 3),
            "end": round(self.end, 3),
            "text": self.text,
            "source": self.source,
            "marks": [list(span) for span in self.marks],
        }


@dataclass(frozen=True)
class Explanation:
    """Why a moment answers a query of words."""

    visual: float  # shares of what the moment looks like, of its words, and of how both read together; they sum to 1
    words: float
    alignment: float
    said: tuple[str, ...]  # words of the query, as they stand in subtitles and speech
    named: tuple[str, ...]  # and as they stand in the names of file and folders
    written: tuple[str, ...] = ()  # and as they stand in the picture


@dataclass(frozen=True)
class Moment:
    """A stretch of one video that answers a query: neighbouring hits in one."""

    path: str
    start: float
    end: float
    score: float  # of the best hit
    text: str  # its lines in one
    hits: tuple[Hit, ...] = field(repr=False)  # best first
    match: Match | None = None  # for clip queries
    confidence: float | None = None  # probability of relevance, 0 to 1; None if unknown
    keyframe: float = 0.0  # the instant that shows best why it was found
    why: Explanation | None = None  # where it was asked for
    labels: tuple[str, ...] = ()  # what a model recognised in its frames, the surest first
    lines: tuple[Line, ...] = ()  # what is said or written in it, what matches the query first
    basis: Basis | None = None  # by what it was found; None for filters and clips
    date: Date | None = None  # when its video was filmed
    select: Select | None = None  # what a person noted of it, where it comes from a reel

    @property
    def segment_id(self) -> int:
        """The id of the best hit, which ``similar`` and ``show`` accept."""
        return self.hits[0].segment_id

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        row: dict[str, Any] = {
            "path": self.path,
            "start": round(self.start, 3),
            "end": round(self.end, 3),
            "keyframe": round(self.keyframe, 3),
            "score": round(self.score, 4),
            "confidence": None if self.confidence is None else round(self.confidence, 3),
            "segment": self.segment_id if self.hits else None,
            "basis": self.basis,
            "text": self.text,
            "lines": [line.as_dict() for line in self.lines],
            "labels": list(self.labels),
            "filmed_at": self.date.at if self.date else "",
            "filmed_by": self.date.told_by if self.date else "",
        }
        if self.select is not None:
            chosen = self.select
            row |= {"id": chosen.id, "note": chosen.note, "star": chosen.star, "tags": list(chosen.tags)}
        if self.match is not None:
            row["match"] = self.match.as_dict()
        if self.why is not None:
            row["why"] = {
                name: round(value, 3) if isinstance(value, float) else value for name, value in vars(self.why).items()
            }
        return row


def located_hits(catalog: Catalog, ids: Sequence[int], scores: Sequence[float] | None = None) -> list[Hit]:
    """Return one hit for each id, in the order given, leaving out segments that are not held.

    Args:
        ids: N segments; duplicates are fine.
        scores: N numbers; 0.0 for all if not given.

    Raises:
        ValueError: there are not as many scores as ids.
    """
    if scores is None:
        scores = [0.0] * len(ids)
    found = {segment.segment_id: segment for segment in catalog.segments.located(ids)}
    pairs = zip(map(int, ids), map(float, scores), strict=True)
    return [Hit(**vars(found[number]), score=score) for number, score in pairs if number in found]


def with_labels(catalog: Catalog, moments: Sequence[Moment]) -> list[Moment]:
    """Return the same moments with the labels of their segments."""
    found = catalog.labels.of({hit.segment_id for moment in moments for hit in moment.hits})
    labelled = []
    for moment in moments:
        own = [label for hit in moment.hits for label in found.get(hit.segment_id, ())]
        names = dict.fromkeys(label.name for label in sorted(own, key=lambda label: -label.score))
        labelled.append(replace(moment, labels=tuple(names)))
    return labelled


def with_dates(catalog: Catalog, moments: Sequence[Moment]) -> list[Moment]:
    """Return the same moments with the dates of their videos."""
    videos = catalog.videos.among({moment.hits[0].video_id for moment in moments})
    found = ((moment, videos.get(moment.hits[0].video_id)) for moment in moments)
    return [replace(moment, date=video.date if video else None) for moment, video in found]


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
        if run and hit.start <= run[-1].end + TOUCHING_SECONDS and _answer_equally([*run, hit]):
            run.append(hit)
        else:
            runs.append([hit])
    return runs


def _answer_equally(hits: Sequence[Hit]) -> bool:
    """Whether hits answer the query about equally well."""
    confidences = [hit.confidence for hit in hits if hit.confidence is not None]
    if len(confidences) == len(hits):
        return min(confidences) >= _MIN_CONFIDENCE_RATIO * max(confidences)
    scores = [hit.score for hit in hits]
    return min(scores) >= _MIN_SCORE_RATIO * max(scores)


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
