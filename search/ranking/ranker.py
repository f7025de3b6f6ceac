"""A parsed request -> ranked moments.

Vectors and words each propose candidates. Their rankings are fused per clause, clauses are combined as the query says,
hits are merged into moments, and localization sets their start and end.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from model.encoder.contract import Encoder
from model.encoder.multilingual import warn_unread
from search.query.language import ParsedQuery, Text
from search.query.request import Only, SearchRequest
from search.ranking.clause import Among, Clause, ClauseScores, SearchContext, reciprocal_ranks
from search.ranking.lines import matched_words, with_lines
from search.ranking.localization import localize
from search.ranking.moments import HITS_PER_MOMENT, Explanation, Hit, Moment, located_hits, merge
from search.ranking.order import with_both, with_falling_confidences
from search.ranking.sequences import best_sequences, combine
from search.ranking.smoothing import Neighbours, neighbours_of
from store.catalog.analyzer import terms
from store.catalog.fulltext import Matched
from store.fields import FIELDS

if TYPE_CHECKING:
    from indexer.features.clip import Clip

ALIGNMENT = 0.1  # weight of the ranking by alignment, relative to 1 for frames; more lowers the scores (measured)
_MORE, _LESS = 0.75, 0.15  # weights in Rocchio's formula, relative to 1 for the query
_LEAST_CANDIDATES = 200  # of each ranking, so that candidates of both have known ranks
_MOST_CANDIDATES = 20_000
_MOST_OF_STEPS = 800  # candidates per step of a sequence, for which whole videos are scored
_LEAST_VIDEOS = 40  # that are scored completely


@dataclass(frozen=True)
class StepResult:
    """Hits of one step of a query, and for each segment the parts of its score: visual, words, alignment."""

    hits: list[Hit]
    parts: dict[int, NDArray[np.float64]]  # (3,)
    by_words: set[int]  # segments with a higher confidence by words than by frames


def rank(
    request: SearchRequest, query: ParsedQuery, clips: Sequence[Clip], context: SearchContext, encoder: Encoder
) -> list[Moment]:
    """Return the best moments for a request, best first, at most `request.top`.

    Args:
        request: what to search for.
        query: the parsed query of the request.
        clips: moments must match all of them.
        context: catalog, index, calibrator and filters.
        encoder: of the library.
    """
    steps = _clauses(request, query, clips, context, encoder)
    if not steps[0][0]:
        return _listed(request, context)
    among = context.among()
    wanted = max(request.top * HITS_PER_MOMENT, _LEAST_CANDIDATES, request.rerank)
    size = context.size(among, max(wanted, _MOST_CANDIDATES))
    most = min(size, _MOST_CANDIDATES if len(steps) == 1 else _MOST_OF_STEPS)
    limit = min(wanted, max(size, _LEAST_CANDIDATES))
    results: list[StepResult] = []
    moments: list[Moment] = []
    candidates: list[set[int]] = []
    while len(moments) < request.top:
        before, candidates = candidates, _candidates(steps, context, among, limit)
        if candidates == before:
            break
        results = _step_results(request, steps, candidates, context, encoder, among)
        moments = _per_video(_joined(query, results), request.per_video)
        if limit >= most:
            break
        limit *= 4
    by_words = set().union(*(each.by_words for each in results))
    moments = with_both(moments, by_words)[: request.top]
    best = [moment for moment in moments if (moment.confidence or 0.0) >= request.min_confidence]
    must = [clause for clauses, _ in steps for clause in clauses]
    matched = matched_words(best, must, context)
    if len(steps) == 1:
        spoken = {number for number, (_, words, _) in results[0].parts.items() if words}
        best = localize(best, must, {number: matched[number] for number in spoken & matched.keys()}, context, encoder)
    searched = by_words if any(clause.words for clause in must) else None
    best = with_lines(context.catalog, with_falling_confidences(best), matched, searched)
    return [_explained(moment, results, matched) for moment in best] if request.explain else best


def _clauses(
    request: SearchRequest, query: ParsedQuery, clips: Sequence[Clip], context: SearchContext, encoder: Encoder
) -> list[tuple[list[Clause], list[Clause]]]:
    """Return for each step the required and the excluded clauses."""
    texts = [text for step in query.steps for text in (*step.must, *step.must_not) if not text.field]
    warn_unread(encoder, request.descriptions())
    rows = iter(encoder.embed_text([text.words for text in texts])) if texts else iter(())
    steps = []
    for step in query.steps:
        must = [_with_feedback(_clause(text, rows, request.only), request, context) for text in step.must]
        steps.append((must, [_clause(text, rows, request.only) for text in step.must_not]))
    steps[0][0].extend(Clause(clip.embeddings) for clip in clips)
    if request.more and not steps[0][0]:
        mean = context.catalog.segments.embeddings(request.more).mean(axis=0)
        steps[0][0].append(_with_feedback(Clause(_unit(mean)[None]), replace(request, more=()), context))
    return steps


def _clause(text: Text, rows: Iterator[NDArray[np.float32]], only: Only | None) -> Clause:
    """A text of a query with the next vector, which one for a field does not need; `only` may name a field."""
    vectors = None if text.field else next(rows)[None]
    columns = next((field.columns for field in FIELDS if field.name == (text.field or only)), ())
    return Clause(vectors, tuple(terms(text.words)), text.phrases, text.words, columns)


def _with_feedback(clause: Clause, request: SearchRequest, context: SearchContext) -> Clause:
    """Move a clause towards relevant segments and away from others.

    Rocchio, "Relevance feedback in information retrieval", 1971, with the weights of Manning, Raghavan and Schütze,
    "Introduction to Information Retrieval", 2008, section 9.1.1.
    """
    if clause.vectors is None:
        return clause
    vector = clause.vectors[0]
    for ids, weight in ((request.more, _MORE), (request.less, -_LESS)):
        if ids:
            vector = vector + weight * context.catalog.segments.embeddings(ids).mean(axis=0)
    return replace(clause, vectors=_unit(vector)[None])


def _unit(vector: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-9), np.float32)


def _candidates(
    steps: Sequence[tuple[list[Clause], list[Clause]]],
    context: SearchContext,
    among: Among,
    limit: int,
) -> list[set[int]]:
    """Return the candidates of each step."""
    return [{number for clause in must for number in context.candidates(clause, among, limit)} for must, _ in steps]


def _step_results(
    request: SearchRequest,
    steps: Sequence[tuple[list[Clause], list[Clause]]],
    by_step: Sequence[set[int]],
    context: SearchContext,
    encoder: Encoder,
    among: Among,
) -> list[StepResult]:
    """Score the candidates of all steps for each step."""
    found = set().union(*by_step)
    if len(steps) > 1:
        of_videos = _of_likely_videos(by_step, context, max(_LEAST_VIDEOS, 2 * request.top))
        found = set(context.passing(of_videos, among).tolist())
    hits = located_hits(context.catalog, sorted(found))
    ids = [hit.segment_id for hit in hits]
    neighbours = neighbours_of(context.catalog, ids) if context.by_frames else None
    return [_step_result(request, *clauses, hits, context, encoder, neighbours) for clauses in steps]


def _of_likely_videos(by_step: Sequence[set[int]], context: SearchContext, most: int) -> NDArray[np.int64]:
    """Return all segments of the videos with candidates of most steps, and then with most candidates.

    A video may match one step well and the next weakly, so all of its segments are scored; `most` limits their number.
    """
    found = sorted(set().union(*by_step))
    hits = located_hits(context.catalog, found)
    steps: dict[int, int] = defaultdict(int)
    for hit in hits:
        steps[hit.video_id] |= sum(1 << i for i, step in enumerate(by_step) if hit.segment_id in step)
    counts = Counter(hit.video_id for hit in hits)
    best = sorted(steps, key=lambda video: (-steps[video].bit_count(), -counts[video], video))
    likely = set(best[:most])
    return context.catalog.segments.siblings(hit.segment_id for hit in hits if hit.video_id in likely)


def _step_result(
    request: SearchRequest,
    must: Sequence[Clause],
    must_not: Sequence[Clause],
    hits: Sequence[Hit],
    context: SearchContext,
    encoder: Encoder,
    neighbours: Neighbours | None,
) -> StepResult:
    ids = [hit.segment_id for hit in hits]
    for_it = [context.scores(clause, ids, neighbours) for clause in must]
    if request.rerank:
        for_it = [
            _aligned(each, clause, ids, context, encoder, request.rerank)
            for each, clause in zip(for_it, must, strict=True)
        ]
    against_it = [context.rejection(clause, ids, neighbours) for clause in must_not]
    scores, confidences = combine(for_it, against_it)
    parts = np.sum([[each.visual, each.words, each.alignment] for each in for_it], axis=0).T
    by_words = np.sum([each.by_words for each in for_it], axis=0) > 0
    positive = np.flatnonzero(scores > 0).tolist()
    return StepResult(
        [replace(hits[i], score=float(scores[i]), confidence=float(confidences[i])) for i in positive],
        {ids[i]: parts[i] for i in positive},
        {ids[i] for i in positive if by_words[i]},
    )


def _aligned(
    evidence: ClauseScores, clause: Clause, ids: Sequence[int], context: SearchContext, encoder: Encoder, count: int
) -> ClauseScores:
    """Re-rank the best candidates by alignment with the text, and fuse that ranking too."""
    if not clause.text or clause.vectors is None or not ids:
        return evidence
    best = np.argsort(-evidence.score, kind="stable")[:count].tolist()
    segments = [context.catalog.segments.frame_features(ids[i])[1] for i in best]
    scores = np.full(len(ids), -np.inf)
    scores[best] = encoder.align(segments, [clause.text] * len(best))
    return replace(evidence, alignment=ALIGNMENT * reciprocal_ranks(scores))


def _joined(query: ParsedQuery, results: Sequence[StepResult]) -> list[Moment]:
    """Return moments, best first: merged neighbours, or one per sequence of steps."""
    if len(results) == 1:
        return merge(results[0].hits)
    moments = []
    for sequence in best_sequences([each.hits for each in results], query.limits):
        first, last = sequence.hits[0], sequence.hits[-1]
        moments.append(
            Moment(
                path=first.path,
                start=first.start,
                end=last.end,
                score=sequence.score,
                text="",
                hits=tuple(sorted(sequence.hits, key=lambda hit: -hit.score)),
                confidence=sequence.confidence,
                keyframe=(first.start + first.end) / 2,
            )
        )
    return moments


def _per_video(moments: list[Moment], most: int | None) -> list[Moment]:
    if most is None:
        return moments
    counts: Counter[int] = Counter()
    selected = []
    for moment in moments:
        video = moment.hits[0].video_id
        counts[video] += 1
        if counts[video] <= most:
            selected.append(moment)
    return selected


def _listed(request: SearchRequest, context: SearchContext) -> list[Moment]:
    """Return the segments that pass the filters by path and time, for a query without a description."""
    ids = context.catalog.segments.ids(context.filters).tolist()
    moments = merge(located_hits(context.catalog, ids))
    return with_lines(context.catalog, _per_video(moments, request.per_video)[: request.top])


def _explained(moment: Moment, results: Sequence[StepResult], matched: Mapping[int, Matched]) -> Moment:
    """Add the explanation of a moment's score."""
    ids = [hit.segment_id for hit in moment.hits]
    parts = np.sum([each.parts[number] for each in results for number in ids if number in each.parts], axis=0)
    visual, words, alignment = (parts / parts.sum()).tolist()
    found = [matched[number] for number in ids if number in matched]
    said, named, written = (
        tuple(dict.fromkeys(word for each in found for word in getattr(each, where)))
        for where in ("said", "named", "written")
    )
    return replace(moment, why=Explanation(visual, words, alignment, said, named, written))
