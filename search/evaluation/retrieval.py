"""Evaluate a library on annotations: text-to-video and video-to-text retrieval, and moments within the right video.

The score of a video is the cosine of the text and its best segment; moments are adjacent segments joined by
`search.ranking.moments.merge`. Every score comes with baselines that ignore the query.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from model.encoder.multilingual import warn_unread
from search.evaluation.annotations import Annotations, Asks, Query, Window
from search.evaluation.metrics import (
    Ranks,
    T,
    Values,
    average_precision,
    bootstrap,
    chance,
    chance_mean_rank,
    chance_median_rank,
    dual_softmax,
    iou,
    ranks,
    recall_curve,
)
from search.library import Library
from search.ranking.moments import Hit, merge
from store.types import Segment, Video

_Clip = tuple[str, Window | None]  # path of a video, and the part of it if not the whole

RECALL_AT = (1, 5, 10)
IOU_THRESHOLDS = np.linspace(0.5, 0.95, 10)  # of mAP, as in QVHighlights
MOMENT_SCORES = ("R@1 IoU 0.5", "R@1 IoU 0.7", "mAP")
_MAX_WINDOWS = 10  # moments per query, as in QVHighlights
_DIGITS = 6  # of a float32 cosine; its last bit depends on the batch and would break ties at random
_BATCH = 256  # texts scored at a time


@dataclass(frozen=True)
class Options:
    """Options of scores and of their bootstrap intervals."""

    dual_softmax: bool = False
    resamples: int = 1000
    seed: int = 0


@dataclass(frozen=True)
class Score:
    """A value, its 95 % interval, and baselines that ignore the query."""

    value: float
    low: float
    high: float
    baselines: Mapping[str, float]


@dataclass(frozen=True)
class Retrieval:
    """One direction of retrieval."""

    queries: int
    candidates: int
    scores: Mapping[str, Score]
    ranks: Ranks = field(repr=False)  # (queries,)
    right_counts: NDArray[np.int64] = field(repr=False)  # (queries,)


@dataclass(frozen=True)
class Moments:
    """Retrieval of moments within the right video."""

    queries: int
    scores: Mapping[str, Score]


@dataclass(frozen=True)
class Evaluation:
    """All scores of an evaluation."""

    text_to_video: Retrieval
    video_to_text: Retrieval
    moments: Moments | None  # None if the annotations have no times
    left_out: tuple[str, ...]  # why texts or windows of indexed videos were not used


@dataclass(frozen=True)
class _Indexed:
    """A video of the library with its segments and embeddings."""

    video: Video
    segments: Sequence[Segment]
    embeddings: NDArray[np.float32]  # (N, D)

    def among(self, window: Window | None) -> NDArray[np.int64]:
        """Return the indices of all segments, or of those that `overlaps` a window."""
        chosen = [window is None or overlaps(window, (segment.start, segment.end)) for segment in self.segments]
        return np.flatnonzero(chosen)

    def moments(self, query: NDArray[np.float32]) -> list[Window]:
        """Return the best moments of this video for a query (D,)."""
        hits = [
            Hit(segment.id or 0, segment.video_id, self.video.path, segment.start, segment.end, float(score))
            for segment, score in zip(self.segments, self.embeddings @ query, strict=True)
        ]
        return [(moment.start, moment.end) for moment in merge(hits)[:_MAX_WINDOWS]]


def evaluate(library: Library, annotations: Annotations, files: Mapping[str, Path], options: Options) -> Evaluation:
    """Measure a library against annotations.

    Args:
        files: path of each annotated video; texts of other videos, and of videos that the library does not contain, are
            left out.

    Raises:
        ValueError: no text is left.
    """
    indexed = _indexed(library, files)
    queries = [
        replace(query, video=path)
        for query in annotations.queries
        if query.video in files and (path := str(files[query.video])) in indexed
    ]
    pairs, unanswerable = _text_clip_pairs(queries, annotations.asks, indexed)
    if not pairs:
        reason = unanswerable[0] if unanswerable else "none of the annotated videos is in the library"
        raise ValueError(f"no text is left to evaluate: {reason}")
    timed, outside = _timed(queries, indexed)
    vectors = _embed(library, [text for text, _ in pairs] + [query.text for query in timed])
    clips = list(dict.fromkeys(clip for _, clip in pairs))
    scores: NDArray[np.floating] = _scores(np.stack([vectors[text] for text, _ in pairs]), clips, indexed)
    column = {clip: number for number, clip in enumerate(clips)}
    right = np.zeros(scores.shape, bool)
    right[np.arange(len(pairs)), [column[clip] for _, clip in pairs]] = True
    if options.dual_softmax:
        scores = dual_softmax(scores)
    return Evaluation(
        text_to_video=_retrieval(scores, right, options),
        video_to_text=_retrieval(scores.T, right.T, options),
        moments=_moments(timed, vectors, indexed, options) if timed else None,
        left_out=tuple(dict.fromkeys(unanswerable + outside)),
    )


def overlaps(one: Window, other: Window) -> bool:
    """Whether two windows overlap by at least half of the shorter one."""
    shared = min(one[1], other[1]) - max(one[0], other[0])
    return shared > 0 and 2 * shared >= min(one[1] - one[0], other[1] - other[0])


def score_table(
    names: Sequence[str],
    values: NDArray[T],
    statistics: Callable[[NDArray[T]], Values],
    baselines: Mapping[str, Values],
    options: Options,
) -> dict[str, Score]:
    """Compute scores by name.

    Args:
        values: (Q, ...), one row per query.
        statistics: maps values to one number per name.
        baselines: name of a baseline -> one number per name.
    """
    low, high = bootstrap(values, statistics, resamples=options.resamples, seed=options.seed)
    point = statistics(values)
    return {
        name: Score(
            float(point[i]), float(low[i]), float(high[i]), {of: float(blind[i]) for of, blind in baselines.items()}
        )
        for i, name in enumerate(names)
    }


def _indexed(library: Library, files: Mapping[str, Path]) -> dict[str, _Indexed]:
    """Return the videos that the library contains, by path."""
    indexed = {}
    for path in dict.fromkeys(map(str, files.values())):
        video = library.catalog.videos.at(path)
        segments = library.catalog.segments.of(video.id) if video and video.id is not None else []
        if video and segments:
            embeddings = library.catalog.segments.embeddings(
                [segment.id for segment in segments if segment.id is not None]
            )
            indexed[path] = _Indexed(video, segments, embeddings)
    return indexed


def _text_clip_pairs(
    queries: Sequence[Query], asks: Asks, indexed: Mapping[str, _Indexed]
) -> tuple[list[tuple[str, _Clip]], list[str]]:
    """Pair the texts of text-to-video retrieval with the clips to find; also return messages on those without one."""
    if asks is Asks.VIDEO:
        return [(query.text, (query.video, None)) for query in queries], []
    if asks is Asks.PARAGRAPH:
        paragraphs: dict[str, list[str]] = defaultdict(list)
        for query in queries:
            paragraphs[query.video].append(query.text)
        return [(" ".join(texts), (video, None)) for video, texts in paragraphs.items()], []
    pairs: list[tuple[str, _Clip]] = []
    outside = []
    for query in queries:
        for window in query.windows:
            if indexed[query.video].among(window).size:
                pairs.append((query.text, (query.video, window)))
            else:
                outside.append(_outside(query.video, window, indexed))
    return pairs, outside


def _timed(queries: Sequence[Query], indexed: Mapping[str, _Indexed]) -> tuple[list[Query], list[str]]:
    """Return queries with windows clamped to the video, and messages on the windows outside."""
    timed, outside = [], []
    for query in queries:
        duration = indexed[query.video].video.duration
        windows = tuple((start, min(end, duration)) for start, end in query.windows if start < duration)
        outside += [_outside(query.video, window, indexed) for window in query.windows if window[0] >= duration]
        if windows:
            timed.append(replace(query, windows=windows))
    return timed, outside


def _outside(path: str, window: Window, indexed: Mapping[str, _Indexed]) -> str:
    return f"{path}: {window[0]:g} to {window[1]:g} s lie outside of its {indexed[path].video.duration:.1f} s"


def _embed(library: Library, texts: Sequence[str]) -> dict[str, NDArray[np.float32]]:
    distinct = list(dict.fromkeys(texts))
    warn_unread(library.encoder, distinct)
    return dict(zip(distinct, library.encoder.embed_text(distinct), strict=True))


def _scores(texts: NDArray[np.float32], clips: Sequence[_Clip], indexed: Mapping[str, _Indexed]) -> NDArray[np.float32]:
    """Compute the cosine of each text (Q, D) with the best segment of each clip: (Q, V)."""
    first = dict(zip(indexed, np.cumsum([0] + [len(video.segments) for video in indexed.values()]), strict=False))
    segments = np.concatenate([video.embeddings for video in indexed.values()])
    members = [first[path] + indexed[path].among(window) for path, window in clips]
    starts = np.cumsum([0] + [len(rows) for rows in members[:-1]])
    candidates = segments[np.concatenate(members)]
    batches = [texts[row : row + _BATCH] for row in range(0, len(texts), _BATCH)]
    scores = np.concatenate([np.maximum.reduceat(batch @ candidates.T, starts, axis=1) for batch in batches])
    return np.round(scores, _DIGITS)


def _retrieval(scores: NDArray[np.floating], right: NDArray[np.bool_], options: Options) -> Retrieval:
    found, right_counts, candidates = ranks(scores, right), right.sum(axis=1), scores.shape[1]

    def statistics(ranks: Ranks) -> Values:
        recalls = recall_curve(ranks, max(RECALL_AT))[np.array(RECALL_AT) - 1]
        return np.array([*recalls, np.median(ranks), np.mean(ranks)])

    curve = chance(right_counts, candidates)
    at_random = [curve[min(k, candidates) - 1] for k in RECALL_AT]
    at_random += [chance_median_rank(right_counts, candidates), chance_mean_rank(right_counts, candidates)]
    names = (*(f"R@{k}" for k in RECALL_AT), "MedR", "MnR")
    table = score_table(names, found, statistics, {"random order": np.array(at_random)}, options)
    return Retrieval(len(found), candidates, table, found, right_counts)


def _moments(
    queries: Sequence[Query],
    vectors: Mapping[str, NDArray[np.float32]],
    indexed: Mapping[str, _Indexed],
    options: Options,
) -> Moments:
    found = []
    blind: dict[str, list[Values]] = {"whole video": [], "most central segment": [], "random segment": []}
    for query in queries:
        video = indexed[query.video]
        found.append(_hit_rates(video.moments(vectors[query.text]), query.windows))
        blind["whole video"].append(_hit_rates([(0.0, video.video.duration)], query.windows))
        blind["most central segment"].append(_hit_rates(video.moments(video.embeddings.mean(axis=0)), query.windows))
        alone = [_hit_rates([(segment.start, segment.end)], query.windows) for segment in video.segments]
        blind["random segment"].append(np.mean(alone, axis=0))
    baselines = {name: np.mean(values, axis=0) for name, values in blind.items()}
    return Moments(len(queries), score_table(MOMENT_SCORES, np.array(found), _column_means, baselines, options))


def _hit_rates(predicted: Sequence[Window], right: Sequence[Window]) -> Values:
    """Of one query, in the order of `MOMENT_SCORES`."""
    overlap = iou(predicted, right)
    precision = np.mean([average_precision(overlap, threshold) for threshold in IOU_THRESHOLDS])
    return np.array([*(overlap[0].max() >= threshold for threshold in (0.5, 0.7)), precision], np.float64)


def _column_means(values: Values) -> Values:
    return np.asarray(values.mean(axis=0))
