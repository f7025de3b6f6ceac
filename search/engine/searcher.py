"""Searcher: queries -> moments, by text, by a clip from any file, by a segment of the library."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from model.encoder.contract import Encoder
from search.query.request import SearchRequest, SimilarRequest
from search.query.times import ClipRange
from search.ranking.calibration import Calibrator, everyday_embeddings, frames_confidence
from search.ranking.clause import Among, SearchContext
from search.ranking.lines import with_lines
from search.ranking.moments import HITS_PER_MOMENT, Hit, Moment, located_hits, merge, with_dates, with_labels
from search.ranking.ranker import rank
from store.catalog.catalog import Catalog
from store.filters import Filter
from store.vectors.index import VectorIndex

if TYPE_CHECKING:  # text queries do not need these slow imports
    from indexer.features.clip import Clip
    from search.clips.frames import FrameNormalizer

_CALIBRATION_SEGMENTS = 2000  # segments: a mean to 0.02 standard deviations
_MOST_ALIKE = 100_000  # hits that are compared, where filters leave as many
_LOOKED_AT = 200  # hits whose frames are compared with those of a clip: 0.1 s


class Searcher:
    """Ranks the moments of a catalog with its vector index and encoder: one snapshot of an `Engine`."""

    def __init__(self, catalog: Catalog, index: VectorIndex, encoder: Encoder) -> None:
        self.catalog, self.index, self.encoder = catalog, index, encoder

    @cached_property
    def normalizer(self) -> FrameNormalizer:
        """The normalizer of this library's frame features."""
        from search.clips.frames import FrameNormalizer

        return FrameNormalizer(self.catalog, self.encoder)

    def search(self, request: SearchRequest, *, clips: Sequence[Clip] = ()) -> list[Moment]:
        """Return the moments for a request, best first.

        Args:
            request: what to search for.
            clips: further clips that moments must match, besides those of the request.

        Raises:
            QueryError: the query has a syntax error, or the request is empty.
            ValueError: clips or feedback are combined with a query of several steps, or a segment is unknown.
            NotInLibrary: a segment of the feedback is unknown.
            MediaError: a clip or picture cannot be read.
        """
        query = request.parsed(uploads=len(clips))
        every = [
            *clips,
            *map(self.segment, request.segments),
            *map(self._clip, request.clips),
            *map(self._picture, request.images),
        ]
        context = SearchContext(self.catalog, self.index, self._calibrator, query.filters, request.only, request.remote)
        return self._described(rank(request, query, every, context, self.encoder))

    def similar(self, request: SimilarRequest, *, clip: Clip | None = None) -> list[Moment]:
        """Return the moments similar to a clip, best first, each with the matching part.

        The vector index gives candidates, which are ranked by the similarity of their frames, -1 to 1. If the query is
        a segment of the library, that segment is excluded.

        Args:
            request: the query, unless `clip` is given.
            clip: the query, if the request has none.

        Raises:
            ValueError: there is no query, or a segment is unknown.
            MediaError: the clip cannot be read.
        """
        if request.segment is not None:
            clip = self.segment(request.segment)
        elif request.clip is not None:
            clip = self._clip(request.clip)
        if clip is None:
            raise ValueError("say what it should be similar to: a clip or a segment")
        found = self._alike(clip, top=request.top, within=request.within, without=request.segment)
        likely = [replace(moment, confidence=frames_confidence(moment.score)) for moment in found]
        return self._described(with_lines(self.catalog, likely))

    def _described(self, moments: list[Moment]) -> list[Moment]:
        return with_dates(self.catalog, with_labels(self.catalog, moments))

    def segment(self, segment_id: int) -> Clip:
        """Return a segment of the library as a query clip.

        Raises:
            ValueError: the library has no such segment.
        """
        from indexer.features.clip import Clip

        if self.catalog.segments.get(segment_id) is None:
            raise ValueError(f"no segment {segment_id} in this library")
        pts_seconds, features = self.catalog.segments.frame_features(segment_id)
        embedding = self.catalog.segments.embeddings([segment_id])
        return Clip(pts_seconds - pts_seconds[0], features, (len(features),), embedding)

    def _alike(self, clip: Clip, *, top: int, within: str | None, without: int | None = None) -> list[Moment]:
        from search.clips.matching import place, query_views

        views = query_views(clip, self.normalizer)

        def scored(hits: Sequence[Hit]) -> list[Hit]:
            """Return the hits with the maxsim of the best view as their score."""
            others = [hit for hit in hits if hit.segment_id != without]
            rows = (self.normalizer.rows(self.catalog.segments.frame_features(hit.segment_id)[1]) for hit in others)
            return [
                replace(hit, score=max(view.maxsim(found) for view in views))
                for hit, found in zip(others, rows, strict=True)
            ]

        queries = np.concatenate([clip.embeddings, *(view.embeddings for view in clip.views)])
        filters = () if within is None else (Filter("within", within),)
        context = SearchContext(self.catalog, self.index, self._calibrator, filters)
        among = context.among()
        most = context.size(among, _MOST_ALIKE)
        count = min(max(top * HITS_PER_MOMENT, _LOOKED_AT), max(most, _LOOKED_AT))
        while True:
            moments = place(
                views, merge(scored(self._hits(queries, count, among))), self.normalizer, top, without=without
            )
            if len(moments) >= top or count >= most:
                return moments
            count *= 4

    def _picture(self, image: str) -> Clip:
        from indexer.features.clip import read_picture

        return read_picture(Path(image).expanduser(), self.encoder)

    def _clip(self, text: str) -> Clip:
        from indexer.features.clip import read_clip

        part = ClipRange.parse(text)
        return read_clip(part.path.expanduser(), self.encoder, start=part.start, end=part.end)

    def _hits(self, queries: NDArray[np.float32], k: int, among: Among) -> Sequence[Hit]:
        """Return the best hits for any of the queries, each segment once with its best score."""
        scores, ids = self.index.search(queries, k, among=among)
        best: dict[int, float] = {}
        for segment_id, score in zip(ids.ravel().tolist(), scores.ravel().tolist(), strict=True):
            if segment_id >= 0:
                best[segment_id] = max(score, best.get(segment_id, -1.0))
        ranked = sorted(best, key=lambda segment_id: -best[segment_id])[:k]
        return located_hits(self.catalog, ranked, [best[segment_id] for segment_id in ranked])

    @cached_property
    def _calibrator(self) -> Calibrator:
        sample = self.index.sample(_CALIBRATION_SEGMENTS)
        everyday = everyday_embeddings(self.catalog, self.encoder)
        vectors, near = self.catalog.segments.embeddings_and_hubness(sample)
        return Calibrator(vectors, len(self.index), everyday, self.encoder.query_bank, near)
