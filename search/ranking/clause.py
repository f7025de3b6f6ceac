"""One clause of a query: its candidates by vectors and words, and their scores by reciprocal rank fusion."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from search.query.request import Only
from search.ranking.calibration import (
    MATCH,
    NOTHING,
    WORDS_ENOUGH,
    Calibrator,
    label_evidence,
    text_confidence,
    top_confidence,
)
from search.ranking.smoothing import Neighbours
from store.catalog.catalog import Catalog
from store.catalog.fulltext import FullText
from store.filters import Filter
from store.vectors.index import VectorIndex

_K = 60  # of the paper: a good rank in two rankings outweighs the first rank in one
_WORDS_BESIDE_PICTURES = 0.4  # weight of words if pictures match: retains most of the gain of right subtitles


@dataclass(frozen=True)
class Clause:
    """A text, a picture or a clip.

    Attributes:
        vectors: float32 (Q, D), unit rows; the nearest of them counts.
        words: searched in subtitles and names; empty for pictures and clips.
        phrases: that a segment must contain.
        text: of the query; "" for pictures and clips.
    """

    vectors: NDArray[np.float32]
    words: tuple[str, ...] = ()
    phrases: tuple[str, ...] = ()
    text: str = ""


@dataclass(frozen=True)
class ClauseScores:
    """Scores of C candidates for one clause: float64 (C,) each."""

    visual: NDArray[np.float64]  # parts of reciprocal rank fusion
    words: NDArray[np.float64]
    alignment: NDArray[np.float64]
    confidence: NDArray[np.float64]  # 0 to 1
    by_words: NDArray[np.float64]  # confidence by words minus confidence by frames: -1 to 1

    @property
    def score(self) -> NDArray[np.float64]:
        """Sum of the rankings: reciprocal rank fusion."""
        return np.asarray(self.visual + self.words + self.alignment)


@dataclass(frozen=True)
class SearchContext:
    """The catalog, index, calibrator and filters that a request searches with."""

    catalog: Catalog
    index: VectorIndex
    calibrator: Calibrator
    filters: tuple[Filter, ...] = ()
    only: Only | None = None
    remote: bool = False  # see `SearchRequest`

    @property
    def fulltext(self) -> FullText:
        """The full-text index."""
        return self.catalog.fulltext.without_names() if self.remote else self.catalog.fulltext

    def among(self) -> NDArray[np.int64] | None:
        """Ids of the segments that pass the filters; None for all."""
        return self.catalog.segments.ids(self.filters) if self.filters else None

    def candidates(self, clause: Clause, among: NDArray[np.int64] | None, limit: int) -> set[int]:
        """Return up to `limit` segments near the clause's vectors, and as many with its words."""
        found: set[int] = set()
        if self.only != "words" and not clause.phrases:
            ids = self.index.search(clause.vectors, limit, among=among)[1]
            found.update(number for number in ids.ravel().tolist() if number >= 0)
        if clause.words and self.only != "visual":
            rare = rarest_terms(self._weights(clause.words))
            found.update(
                self.fulltext.search(
                    clause.words, phrases=clause.phrases, any_of=rare, filters=self.filters, limit=limit
                )
            )
        return found

    def scores(self, clause: Clause, ids: Sequence[int], neighbours: Neighbours) -> ClauseScores:
        """Score candidates.

        Args:
            clause: the query.
            ids: C segments.
            neighbours: of these segments, including themselves.
        """
        is_text = bool(clause.text)
        similarity = self.calibrator.similarity(
            clause.vectors, neighbours.embeddings, is_text=is_text, near=neighbours.hubness
        )
        # No smoothing for clips: they are matched frame by frame later, and the neighbours of a copy may differ.
        similarity = neighbours.smooth(similarity) if is_text else neighbours.own(similarity)
        coverage = self._coverage(clause, ids)
        by_vectors, by_words = self.only != "words", self.only != "visual"
        lost = self._without_phrases(clause, ids)
        visual = reciprocal_ranks(similarity.astype(np.float64)) if by_vectors else np.zeros(len(ids))
        by_frames = np.zeros(len(ids))
        if by_vectors:
            evidence = label_evidence(self.catalog, clause.text, len(clause.words)) if is_text else 0.0
            by_frames = self.calibrator.confidence(similarity, is_text=is_text, evidence=evidence)
        # A part of the words is weak evidence beside pictures, as in `text_confidence` (benchmarks/hybrid.py).
        ranks = reciprocal_ranks(np.where(coverage >= WORDS_ENOUGH, coverage, -np.inf))
        words = text_weight(by_frames) * coverage**2 * ranks
        by_text = text_confidence(coverage) if by_words else np.zeros(len(ids))
        keep = ~lost
        confidence = (1 - (1 - by_frames) * (1 - by_text)) * keep
        return ClauseScores(visual * keep, words * keep, np.zeros(len(ids)), confidence, by_text - by_frames)

    def rejection(self, clause: Clause, ids: Sequence[int], neighbours: Neighbours) -> NDArray[np.float64]:
        """Return how likely candidates match an excluded clause: float64 (C,), 0 to 1; for phrases 0 or 1."""
        if clause.phrases:
            return (~self._without_phrases(clause, ids)).astype(np.float64)
        return self.scores(clause, ids, neighbours).confidence

    def _coverage(self, clause: Clause, ids: Sequence[int]) -> NDArray[np.float64]:
        """Return the share of the clause's words in each segment, weighted by IDF: float64 (C,), 0 to 1."""
        share = np.zeros(len(ids))
        if not clause.words or self.only == "visual":
            return share
        weights = self._weights(clause.words)
        for word, weight in weights.items():
            holding = self.fulltext.containing(word, ids)
            if holding:
                share += weight * np.fromiter((number in holding for number in ids), bool, len(ids))
        return share / sum(weights.values())

    def _weights(self, words: Sequence[str]) -> dict[str, float]:
        """Return the inverse document frequencies of words, as in BM25."""
        size = self.calibrator.size
        for word in words:
            if word not in self.calibrator.document_frequencies:
                self.calibrator.document_frequencies[word] = self.fulltext.document_frequency(word, limit=size)
        known = [self.calibrator.document_frequencies[word] for word in words]
        return {
            word: math.log(1 + (size - number + 0.5) / (number + 0.5))
            for word, number in zip(words, known, strict=True)
        }

    def _without_phrases(self, clause: Clause, ids: Sequence[int]) -> NDArray[np.bool_]:
        """Return which segments lack a required phrase: bool (C,)."""
        lost = np.zeros(len(ids), bool)
        for phrase in clause.phrases:
            holding = self.fulltext.containing(phrase, ids)
            lost |= np.fromiter((number not in holding for number in ids), bool, len(ids))
        return lost


def rarest_terms(weights: Mapping[str, float]) -> list[str]:
    """Return the rarest words, of which every segment with enough of all words has at least one."""
    rarest_last = sorted(weights, key=lambda word: weights[word])
    sums = np.cumsum([weights[word] for word in rarest_last])
    return [word for word, total in zip(rarest_last, sums, strict=True) if total >= (WORDS_ENOUGH - 1e-6) * sums[-1]]


def reciprocal_ranks(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return 1 / (60 + rank) of each candidate in the ranking by these scores; 0 for a score of -inf.

    The sum over rankings is reciprocal rank fusion (Cormack, Clarke and Büttcher, "Reciprocal Rank Fusion outperforms
    Condorcet and Individual Rank Learning Methods", 2009). Equal scores share the best of their ranks.

    Args:
        scores: float64 (C,), higher is better.

    Returns:
        float64 (C,).
    """
    descending = np.sort(-scores)
    ranks = 1 + np.searchsorted(descending, -scores, side="left")
    return np.where(np.isneginf(scores), 0.0, 1.0 / (_K + ranks))


def text_weight(confidences: NDArray[np.float64]) -> float:
    """Return the weight of the ranking by words relative to that by frames, from the confidences by frames (C,).

    It is 1 if no picture matches the query, which is then probably about speech. It falls as pictures match better:
    words over another picture should not rank before a matching picture.
    """
    share = np.clip((top_confidence(confidences) - NOTHING) / (MATCH - NOTHING), 0.0, 1.0)
    return float(1 - (1 - _WORDS_BESIDE_PICTURES) * share)
