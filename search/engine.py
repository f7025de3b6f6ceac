"""Queries -> moments: by description, by a clip from anywhere, by a segment of the library."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from indexer.clip import Clip
from model.encoder import Encoder
from search.answer import answer
from search.calibration import Background
from search.clause import Ground
from search.ranking import align, likeness, merge
from search.request import Request
from store.catalog import Catalog
from store.filters import Filter
from store.types import Hit, Match, Moment
from store.vectors import FaissIndex

_BACKGROUND = 2000  # segments: a mean to 0.02 standard deviations
_MEAN_SAMPLE = 256  # segments: enough for a mean, a moment to read
_HITS_PER_MOMENT = 4  # neighbours merge, so more hits are fetched than moments are wanted
_LOOKED_AT = 200  # hits whose frames are compared with a clip's one by one: a tenth of a second


class SearchEngine:
    """Ranks the moments of a catalog with its vector index and encoder."""

    def __init__(self, catalog: Catalog, index: FaissIndex, encoder: Encoder) -> None:
        self.catalog, self.index, self.encoder = catalog, index, encoder

    def ask(self, request: Request) -> list[Moment]:
        """Moments that answer a request, best first."""
        filters = request.query.filters
        return answer(request, Ground(self.catalog, self.index, self._background, filters, request.only), self.encoder)

    def by_clip(self, clip: Clip, *, top: int, within: str | None = None) -> list[Moment]:
        """Moments that look like a clip, best first, each with where it matches.

        The vector index proposes, the frames decide: the score is the likeness of frames, -1 to 1.
        """
        return self._alike(clip, top=top, within=within)

    def by_segment(self, segment_id: int, *, top: int, within: str | None = None) -> list[Moment]:
        """Moments that look like a segment of the library, which is itself left out.

        Raises:
            ValueError: the library has no such segment.
        """
        return self._alike(self.segment(segment_id), top=top, within=within, without=segment_id)

    def segment(self, segment_id: int) -> Clip:
        """A segment of the library as a clip to search by.

        Raises:
            ValueError: the library has no such segment.
        """
        if self.catalog.segment(segment_id) is None:
            raise ValueError(f"no segment {segment_id} in this library")
        pts_seconds, features = self.catalog.frame_features(segment_id)
        embedding = self.catalog.embeddings([segment_id])
        return Clip(pts_seconds - pts_seconds[0], features, (len(features),), embedding)

    def _alike(self, clip: Clip, *, top: int, within: str | None, without: int | None = None) -> list[Moment]:
        def judge(hits: Sequence[Hit]) -> list[Hit]:
            return [replace(hit, score=self._likeness(clip, hit)) for hit in hits if hit.segment_id != without]

        moments = self._moments(clip.embeddings, top=top, within=within, least=_LOOKED_AT, judge=judge)
        return [replace(moment, match=self._match(clip, moment)) for moment in moments]

    def _moments(
        self,
        queries: NDArray[np.float32],
        *,
        top: int,
        within: str | None,
        least: int = 1,
        judge: Callable[[Sequence[Hit]], Sequence[Hit]] = lambda hits: hits,
    ) -> list[Moment]:
        """Search, fetching more hits until `top` moments are full or the library is exhausted.

        Args:
            least: hits to fetch at least.
            judge: gives hits their final score, and may drop some.
        """
        if top < 1:
            raise ValueError(f"top must be at least 1, got {top}")
        among = None if within is None else self.catalog.segment_ids([Filter("within", within)])
        most = len(self.index) if among is None else len(among)
        wanted = max(top * _HITS_PER_MOMENT, least)
        while True:
            moments = merge(judge(self._hits(queries, wanted, among)))
            if len(moments) >= top or wanted >= most:
                return moments[:top]
            wanted *= 4

    def _hits(self, queries: NDArray[np.float32], k: int, among: NDArray[np.int64] | None) -> Sequence[Hit]:
        """The best hits for any of the queries, each segment once with its best score."""
        scores, ids = self.index.search(queries, k, among=among)
        best: dict[int, float] = {}
        for segment_id, score in zip(ids.ravel().tolist(), scores.ravel().tolist(), strict=True):
            if segment_id >= 0:
                best[segment_id] = max(score, best.get(segment_id, -1.0))
        ranked = sorted(best, key=lambda segment_id: -best[segment_id])[:k]
        return self.catalog.hits(ranked, [best[segment_id] for segment_id in ranked])

    def _likeness(self, clip: Clip, hit: Hit) -> float:
        """Of the segment of the clip that is most like the hit."""
        _, found = self._frames([hit])
        parts = np.split(self._centred(clip.features), np.cumsum(clip.lengths)[:-1])
        return max(likeness(part, found) for part in parts)

    def _match(self, clip: Clip, moment: Moment) -> Match:
        """Align the clip with the frames of a moment."""
        found_pts, found = self._frames(sorted(moment.hits, key=lambda hit: hit.start))
        match = align(clip.pts_seconds, self._centred(clip.features), found_pts, found)
        return replace(match, end=min(match.end, moment.end))

    def _frames(self, hits: Sequence[Hit]) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        stored = [self.catalog.frame_features(hit.segment_id) for hit in hits]
        features = np.concatenate([features for _, features in stored])
        return np.concatenate([pts for pts, _ in stored]), self._centred(features)

    def _centred(self, features: NDArray[np.float16]) -> NDArray[np.float32]:
        """Unit rows float32 (T, F) of what tells pictures apart."""
        rows = features.astype(np.float32) - self._mean_feature
        return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9))

    @cached_property
    def _background(self) -> Background:
        ids = self.index.ids()
        sample = ids[np.linspace(0, len(ids) - 1, min(len(ids), _BACKGROUND)).astype(int)] if len(ids) else ids
        return Background(self.catalog.embeddings(sample), len(ids))

    @cached_property
    def _mean_feature(self) -> NDArray[np.float32]:
        """What all pictures have in common, which has to go before cosines of CNN features tell them apart: (F,)."""
        ids = self.catalog.segment_ids()
        sample = ids[np.linspace(0, len(ids) - 1, min(len(ids), _MEAN_SAMPLE)).astype(int)].tolist()
        features = [self.catalog.frame_features(segment_id)[1].astype(np.float32).mean(axis=0) for segment_id in sample]
        return np.asarray(np.mean(features, axis=0))
