"""One description in a search: what it looks for, which segments may be it, and what speaks for each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from search.calibration import WORDS_ENOUGH, Background, confidence_of_words
from search.fusion import reciprocal_ranks
from store.catalog import Catalog
from store.filters import Filter
from store.vectors import FaissIndex

Only = Literal["visual", "words"]


@dataclass(frozen=True)
class Clause:
    """A text, a picture or a clip.

    Attributes:
        vectors: float32 (Q, D), unit rows; a segment is as near as it is to the nearest of them.
        words: to be found in subtitles and names; none for pictures and clips.
        phrases: that have to be found there.
        text: what the words stood in, "" for pictures and clips.
    """

    vectors: NDArray[np.float32]
    words: tuple[str, ...] = ()
    phrases: tuple[str, ...] = ()
    text: str = ""


@dataclass(frozen=True)
class Evidence:
    """What speaks for candidates to be what one clause looks for: arrays (C,), one place for each candidate."""

    visual: NDArray[np.float64]  # parts of reciprocal rank fusion
    words: NDArray[np.float64]
    alignment: NDArray[np.float64]
    confidence: NDArray[np.float64]  # 0 to 1

    @property
    def score(self) -> NDArray[np.float64]:
        """The fused rank of each."""
        return np.asarray(self.visual + self.words + self.alignment)


@dataclass(frozen=True)
class Ground:
    """What a clause is searched in."""

    catalog: Catalog
    index: FaissIndex
    background: Background
    filters: tuple[Filter, ...] = ()
    only: Only | None = None

    def among(self) -> NDArray[np.int64] | None:
        """The segments that the filters leave, None for all."""
        return self.catalog.segment_ids(self.filters) if self.filters else None

    def candidates(self, clause: Clause, among: NDArray[np.int64] | None, limit: int) -> set[int]:
        """Segments that look like the clause, and those that hold its words: up to `limit` of each."""
        found: set[int] = set()
        if self.only != "words" and not clause.phrases:
            ids = self.index.search(clause.vectors, limit, among=among)[1]
            found.update(number for number in ids.ravel().tolist() if number >= 0)
        if clause.words and self.only != "visual":
            found.update(
                self.catalog.search_words(clause.words, phrases=clause.phrases, filters=self.filters, limit=limit)
            )
        return found

    def evidence(self, clause: Clause, ids: Sequence[int], embeddings: NDArray[np.float32]) -> Evidence:
        """Weigh candidates.

        Args:
            ids: C segments.
            embeddings: float32 (C, D), theirs.
        """
        cosines = (embeddings @ clause.vectors.T).max(axis=1)
        coverage = self._coverage(clause, ids)
        looks, says = self.only != "words", self.only != "visual"
        lost = self._without_phrases(clause, ids)
        visual = reciprocal_ranks(cosines.astype(np.float64)) if looks else np.zeros(len(ids))
        words = reciprocal_ranks(np.where(coverage >= WORDS_ENOUGH, coverage, -np.inf))
        seen = self.background.confidence(cosines, clause.vectors) if looks else np.zeros(len(ids))
        said = confidence_of_words(coverage) if says else np.zeros(len(ids))
        keep = ~lost
        return Evidence(visual * keep, words * keep, np.zeros(len(ids)), (1 - (1 - seen) * (1 - said)) * keep)

    def against(self, clause: Clause, ids: Sequence[int], embeddings: NDArray[np.float32]) -> NDArray[np.float64]:
        """How likely candidates are what must not be: (C,), 0 to 1; certain where a phrase is said, and only there."""
        if clause.phrases:
            return (~self._without_phrases(clause, ids)).astype(np.float64)
        return self.evidence(clause, ids, embeddings).confidence

    def _coverage(self, clause: Clause, ids: Sequence[int]) -> NDArray[np.float64]:
        """Which share of the words of the clause each segment holds, rare ones counting more: (C,), 0 to 1.

        The weight of a word is its inverse document frequency as in BM25.
        """
        share, total = np.zeros(len(ids)), 0.0
        if not clause.words or self.only == "visual":
            return share
        size = self.background.size
        for word in clause.words:
            known = self.catalog.segments_with_words(size, word)
            weight = math.log(1 + (size - known + 0.5) / (known + 0.5))
            total += weight
            if known:
                holding = self.catalog.holding(word, ids)
                share += weight * np.fromiter((number in holding for number in ids), bool, len(ids))
        return share / total if total else share

    def _without_phrases(self, clause: Clause, ids: Sequence[int]) -> NDArray[np.bool_]:
        """Which segments lack a phrase that has to be there: (C,)."""
        lost = np.zeros(len(ids), bool)
        for phrase in clause.phrases:
            holding = self.catalog.holding(phrase, ids)
            lost |= np.fromiter((number not in holding for number in ids), bool, len(ids))
        return lost
