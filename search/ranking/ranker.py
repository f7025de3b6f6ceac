"""A request -> the moments that answer it.

Vectors and words propose segments, each in its own ranking; the rankings are fused, clause by clause, and clauses are
combined as the query says. What is found is merged into moments, whose start and end are then looked for inside.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from indexer.features.clip import Clip
from model.encoder.contract import Encoder
from search.query.language import ParsedQuery, Text
from search.query.request import SearchRequest
from search.ranking.clause import Clause, Evidence, Ground, reciprocal_ranks
from search.ranking.localization import refine
from search.ranking.moments import HITS_PER_MOMENT, Explanation, Hit, Moment, located_hits, merge
from search.ranking.sequences import chains, combine
from search.ranking.smoothing import Surroundings, surroundings
from store.catalog.analyzer import terms

ALIGNMENT = 0.1  # of a ranking by alignment, beside 1 for looks: with more it lowers what it re-ranks (measured)
_MORE, _LESS = 0.75, 0.15  # of Rocchio's formula, beside 1 for the query itself
_LEAST_CANDIDATES = 200  # of each ranking: the ranks of what both propose have to be known
_MOST_CANDIDATES = 20_000
_MOST_OF_STEPS = 800  # candidates of one step of several: whole videos are weighed for them
_LEAST_VIDEOS = 40  # that are weighed as a whole


@dataclass(frozen=True)
class Weighed:
    """What one step of a query found: hits, and for each segment what looks, words and alignment gave to its score."""

    hits: list[Hit]
    parts: dict[int, NDArray[np.float64]]  # (3,)


def answer(
    request: SearchRequest, query: ParsedQuery, clips: Sequence[Clip], ground: Ground, encoder: Encoder
) -> list[Moment]:
    """Return the moments that answer a request, best first, at most `request.top`.

    Args:
        query: of the request.
        clips: that moments have to look like, all of them.
    """
    steps = _clauses(request, query, clips, ground, encoder)
    if not steps[0][0]:
        return _listed(request, ground)
    among = ground.among()
    most = len(ground.index) if among is None else len(among)
    most = min(most, _MOST_CANDIDATES if len(steps) == 1 else _MOST_OF_STEPS)
    limit = max(request.top * HITS_PER_MOMENT, _LEAST_CANDIDATES, request.rerank)
    while True:
        weighed = _weigh(request, steps, ground, encoder, among, limit)
        moments = _per_video(_joined(query, weighed), request.per_video)
        if len(moments) >= request.top or limit >= most:
            break
        limit *= 4
    best = [moment for moment in moments[: request.top] if (moment.confidence or 0.0) >= request.min_confidence]
    wanted = [clause for clauses, _ in steps for clause in clauses]
    if len(steps) == 1:
        spoken = {number for number, (_, words, _) in weighed[0].parts.items() if words}
        best = refine(best, wanted, spoken, ground, encoder)
    return [_explained(moment, weighed, wanted, ground) for moment in best] if request.explain else best


def _clauses(
    request: SearchRequest, query: ParsedQuery, clips: Sequence[Clip], ground: Ground, encoder: Encoder
) -> list[tuple[list[Clause], list[Clause]]]:
    """For each step, what is wanted and what is not."""
    texts = [text for step in query.steps for text in (*step.wanted, *step.unwanted)]
    rows = iter(encoder.embed_text([text.words for text in texts])) if texts else iter(())
    steps = []
    for step in query.steps:
        wanted = [_with_feedback(_clause(text, next(rows)), request, ground) for text in step.wanted]
        steps.append((wanted, [_clause(text, next(rows)) for text in step.unwanted]))
    steps[0][0].extend(Clause(clip.embeddings) for clip in clips)
    if request.more and not steps[0][0]:
        mean = ground.catalog.segments.embeddings(request.more).mean(axis=0)
        steps[0][0].append(_with_feedback(Clause(_unit(mean)[None]), replace(request, more=()), ground))
    return steps


def _clause(text: Text, vector: NDArray[np.float32]) -> Clause:
    return Clause(vector[None], tuple(terms(text.words)), text.phrases, text.words)


def _with_feedback(clause: Clause, request: SearchRequest, ground: Ground) -> Clause:
    """Move a clause towards segments it should find and away from others.

    Rocchio, "Relevance feedback in information retrieval", 1971, with the weights of Manning, Raghavan and Schütze,
    "Introduction to Information Retrieval", 2008, section 9.1.1.
    """
    vector = clause.vectors[0]
    for ids, weight in ((request.more, _MORE), (request.less, -_LESS)):
        if ids:
            vector = vector + weight * ground.catalog.segments.embeddings(ids).mean(axis=0)
    return replace(clause, vectors=_unit(vector)[None])


def _unit(vector: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-9), np.float32)


def _weigh(
    request: SearchRequest,
    steps: Sequence[tuple[list[Clause], list[Clause]]],
    ground: Ground,
    encoder: Encoder,
    among: NDArray[np.int64] | None,
    limit: int,
) -> list[Weighed]:
    """What each step finds among the candidates of all."""
    by_step = [
        {number for clause in wanted for number in ground.candidates(clause, among, limit)} for wanted, _ in steps
    ]
    found = set().union(*by_step)
    if len(steps) > 1:
        of_videos = _of_likely_videos(by_step, ground, max(_LEAST_VIDEOS, 2 * request.top))
        found = set((of_videos if among is None else np.intersect1d(of_videos, among)).tolist())
    hits = located_hits(ground.catalog, sorted(found))
    ids = [hit.segment_id for hit in hits]
    around = surroundings(ground.catalog, ids)
    return [_weighed(request, *clauses, hits, ground, encoder, around) for clauses in steps]


def _of_likely_videos(by_step: Sequence[set[int]], ground: Ground, most: int) -> NDArray[np.int64]:
    """All segments of the videos in which most steps, and then most segments, were found.

    What one step finds in a video, the next may find weakly, so all of a video is weighed; for that there must not be
    too many.
    """
    found = sorted(set().union(*by_step))
    hits = located_hits(ground.catalog, found)
    steps: dict[int, int] = defaultdict(int)
    for hit in hits:
        steps[hit.video_id] |= sum(1 << i for i, step in enumerate(by_step) if hit.segment_id in step)
    counts = Counter(hit.video_id for hit in hits)
    best = sorted(steps, key=lambda video: (-steps[video].bit_count(), -counts[video], video))
    kept = set(best[:most])
    return ground.catalog.segments.siblings(hit.segment_id for hit in hits if hit.video_id in kept)


def _weighed(
    request: SearchRequest,
    wanted: Sequence[Clause],
    unwanted: Sequence[Clause],
    hits: Sequence[Hit],
    ground: Ground,
    encoder: Encoder,
    around: Surroundings,
) -> Weighed:
    ids = [hit.segment_id for hit in hits]
    for_it = [ground.evidence(clause, ids, around) for clause in wanted]
    if request.rerank:
        for_it = [
            _aligned(each, clause, ids, ground, encoder, request.rerank)
            for each, clause in zip(for_it, wanted, strict=True)
        ]
    against_it = [ground.against(clause, ids, around) for clause in unwanted]
    scores, confidences = combine(for_it, against_it)
    parts = np.sum([[each.visual, each.words, each.alignment] for each in for_it], axis=0).T
    kept = np.flatnonzero(scores > 0).tolist()
    return Weighed(
        [replace(hits[i], score=float(scores[i]), confidence=float(confidences[i])) for i in kept],
        {ids[i]: parts[i] for i in kept},
    )


def _aligned(
    evidence: Evidence, clause: Clause, ids: Sequence[int], ground: Ground, encoder: Encoder, count: int
) -> Evidence:
    """Read the best candidates again, each together with the text, and fuse that ranking too."""
    if not clause.text or not ids:
        return evidence
    best = np.argsort(-evidence.score, kind="stable")[:count].tolist()
    segments = [ground.catalog.segments.frame_features(ids[i])[1] for i in best]
    scores = np.full(len(ids), -np.inf)
    scores[best] = encoder.align(segments, [clause.text] * len(best))
    return replace(evidence, alignment=ALIGNMENT * reciprocal_ranks(scores))


def _joined(query: ParsedQuery, weighed: Sequence[Weighed]) -> list[Moment]:
    """Hits as moments, best first: neighbours in one, or a moment for each sequence of steps."""
    if len(weighed) == 1:
        return merge(weighed[0].hits)
    moments = []
    for chain in chains([each.hits for each in weighed], query.limits):
        first, last = chain.hits[0], chain.hits[-1]
        moments.append(
            Moment(
                path=first.path,
                start=first.start,
                end=last.end,
                score=chain.score,
                text=" ".join(dict.fromkeys(hit.text for hit in chain.hits if hit.text)),
                hits=tuple(sorted(chain.hits, key=lambda hit: -hit.score)),
                confidence=chain.confidence,
                keyframe=(first.start + first.end) / 2,
            )
        )
    return moments


def _per_video(moments: list[Moment], most: int | None) -> list[Moment]:
    if most is None:
        return moments
    seen: Counter[int] = Counter()
    kept = []
    for moment in moments:
        video = moment.hits[0].video_id
        seen[video] += 1
        if seen[video] <= most:
            kept.append(moment)
    return kept


def _listed(request: SearchRequest, ground: Ground) -> list[Moment]:
    """What the filters leave, in order of path and time: the answer to a query without a description."""
    ids = ground.catalog.segments.ids(ground.filters).tolist()
    moments = merge(located_hits(ground.catalog, ids))
    return _per_video(moments, request.per_video)[: request.top]


def _explained(moment: Moment, weighed: Sequence[Weighed], wanted: Sequence[Clause], ground: Ground) -> Moment:
    """Say what a moment was found by."""
    ids = [hit.segment_id for hit in moment.hits]
    parts = np.sum([each.parts[number] for each in weighed for number in ids if number in each.parts], axis=0)
    visual, words, alignment = (parts / parts.sum()).tolist()
    matched = ground.catalog.fulltext.matched([word for clause in wanted for word in clause.words], ids).values()
    said = tuple(dict.fromkeys(word for each in matched for word in each.said))
    named = tuple(dict.fromkeys(word for each in matched for word in each.named))
    return replace(moment, why=Explanation(visual, words, alignment, said, named))
