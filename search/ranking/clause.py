"""One clause of a query: its candidates by vectors and words, and their scores by the evidence of both."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from search.query.request import Only
from search.ranking.calibration import (
    WORDS_ENOUGH,
    Calibrator,
    label_evidence,
    probability,
    text_confidence,
)
from search.ranking.smoothing import Neighbours
from store.catalog.catalog import Catalog
from store.catalog.fulltext import FullText
from store.fields import Column
from store.filters import Filter
from store.vectors.index import VectorIndex

_K = 60  # of the paper: a good rank in two rankings outweighs the first rank in one
_MOST_COVERAGE = 0.97  # evidence of words ends here: all words of a query may be said without being meant
_MEASURED_SIZE = 300  # segments of the libraries in which the evidence of words was measured (benchmarks/hybrid.py)
# How far words of each column are right: recognition errs (benchmarks/hybrid.py). Equal lines of subtitles come first.
TRUST: Mapping[Column, float] = {"said": 1.0, "named": 1.0, "heard": 0.97, "written": 0.95}
_SIMILAR = 0.65  # the same for words with a similar spelling
_OFTEN = 50  # segments with a word, from which on no similar words are searched


@dataclass(frozen=True)
class Clause:
    """A text, a picture or a clip.

    Attributes:
        vectors: float32 (Q, D), unit rows; the nearest of them counts. None for words of a field.
        words: searched in lines and names; empty for pictures and clips.
        phrases: that a segment must contain.
        text: of the query; "" for pictures and clips.
        columns: of the full-text index that must contain the words, if the query names a field; else all.
    """

    vectors: NDArray[np.float32] | None
    words: tuple[str, ...] = ()
    phrases: tuple[str, ...] = ()
    text: str = ""
    columns: tuple[Column, ...] = ()


@dataclass(frozen=True)
class ClauseScores:
    """Scores of C candidates for one clause: float64 (C,) each."""

    visual: NDArray[np.float64]  # visual + words: reciprocal rank by the evidence of both
    words: NDArray[np.float64]
    alignment: NDArray[np.float64]  # weighted reciprocal rank, if the best are re-ranked
    confidence: NDArray[np.float64]  # 0 to 1
    by_words: NDArray[np.float64]  # confidence by words minus confidence by frames: -1 to 1

    @property
    def score(self) -> NDArray[np.float64]:
        """Sum of the rankings: reciprocal rank fusion."""
        return np.asarray(self.visual + self.words + self.alignment)


Among = NDArray[np.int64] | tuple[Filter, ...] | None


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
    def by_frames(self) -> bool:
        """Whether frames are searched."""
        return self.only in (None, "visual")

    def fulltext(self, clause: Clause) -> FullText:
        """Return the full-text index, limited to the columns of a clause."""
        found = self.catalog.fulltext.without_names() if self.remote else self.catalog.fulltext
        return found.within(clause.columns) if clause.columns else found

    def among(self) -> Among:
        """What searches of vectors are limited to: the ids that the filters leave, or, on a server, the filters."""
        if not self.filters:
            return None
        return self.filters if self.index.takes_filters else self.catalog.segments.ids(self.filters)

    def size(self, among: Among, most: int) -> int:
        """Return how many segments may be found, at most `most` where these have to be counted."""
        if among is None:
            return len(self.index)
        return self.catalog.segments.count(among, limit=most) if isinstance(among, tuple) else len(among)

    def passing(self, ids: NDArray[np.int64], among: Among) -> NDArray[np.int64]:
        """Return those of sorted ids that may be found."""
        if among is None:
            return ids
        return self.catalog.segments.held(ids, among) if isinstance(among, tuple) else np.intersect1d(ids, among)

    def candidates(self, clause: Clause, among: Among, limit: int) -> set[int]:
        """Return up to `limit` segments near the clause's vectors, and as many with its words."""
        found: set[int] = set()
        if clause.vectors is not None and self.by_frames and not clause.phrases:
            ids = self.index.search(clause.vectors, limit, among=among)[1]
            found.update(number for number in ids.ravel().tolist() if number >= 0)
        if self._by_words(clause):
            weights = self._weights(clause)
            words, rare = sorted(weights, key=lambda word: -weights[word]), rarest_terms(weights)
            fulltext = self.fulltext(clause)
            found.update(fulltext.search(words, phrases=clause.phrases, any_of=rare, filters=self.filters, limit=limit))
            if similar := [term for word in rare for term in self.similar(word, clause)]:
                found.update(fulltext.search_terms(similar, filters=self.filters, limit=limit))
        return found

    def scores(self, clause: Clause, ids: Sequence[int], neighbours: Neighbours | None) -> ClauseScores:
        """Score candidates.

        Args:
            clause: the query.
            ids: C segments.
            neighbours: of these segments, including themselves; None if only words count.
        """
        coverage = self._coverage(clause, ids)
        keep = ~self._without_phrases(clause, ids)
        nothing = np.zeros(len(ids))
        if clause.vectors is None:
            words = reciprocal_ranks(np.where(coverage >= WORDS_ENOUGH, coverage, -np.inf))
            by_text = text_confidence(coverage) * keep
            return ClauseScores(nothing, words * keep, nothing, by_text, by_text)
        by_frames, evidence = nothing, np.where(coverage >= WORDS_ENOUGH, 0.0, -np.inf)
        if neighbours is not None:
            is_text = bool(clause.text)
            similarity = self.calibrator.similarity(
                clause.vectors, neighbours.embeddings, is_text=is_text, near=neighbours.hubness
            )
            # No smoothing for clips: they are matched frame by frame later, and the neighbours of a copy may differ.
            similarity = neighbours.smooth(similarity) if is_text else neighbours.own(similarity)
            labels = label_evidence(self.catalog, clause.text, len(clause.words)) if is_text else 0.0
            evidence = self.calibrator.log_odds(similarity, is_text=is_text)
            by_frames = probability(evidence + labels)
        by_text = text_confidence(coverage) if self.only != "visual" else nothing
        ranks = reciprocal_ranks(evidence + text_evidence(coverage, self.calibrator.size))
        share = by_text / np.maximum(by_text + by_frames, 1e-9)
        confidence = (1 - (1 - by_frames) * (1 - by_text)) * keep
        return ClauseScores(ranks * (1 - share) * keep, ranks * share * keep, nothing, confidence, by_text - by_frames)

    def rejection(self, clause: Clause, ids: Sequence[int], neighbours: Neighbours | None) -> NDArray[np.float64]:
        """Return how likely candidates match an excluded clause: (C,), 0 to 1; 0 or 1 for phrases and fields."""
        if clause.phrases:
            return (~self._without_phrases(clause, ids)).astype(np.float64)
        if clause.vectors is None:
            return (self._coverage(clause, ids) >= WORDS_ENOUGH).astype(np.float64)
        return self.scores(clause, ids, neighbours).confidence

    def similar(self, word: str, clause: Clause) -> tuple[str, ...]:
        """Terms of the index that are spelled nearly as a word of a clause is, where few segments hold the word."""
        if clause.phrases or self._document_frequency(word, clause) >= _OFTEN:
            return ()
        known = self.calibrator.similar_words
        if word not in known:
            known[word] = self.catalog.fulltext.similar(word)
        return known[word]

    def _by_words(self, clause: Clause) -> bool:
        return bool(clause.words) and (self.only != "visual" or clause.vectors is None)

    def _coverage(self, clause: Clause, ids: Sequence[int]) -> NDArray[np.float64]:
        """Return the share of the clause's words in each segment, weighted by IDF: float64 (C,), 0 to 1.

        Recognized words, and words with a similar spelling, count less.
        """
        share = np.zeros(len(ids))
        if not self._by_words(clause):
            return share
        weights = self._weights(clause)
        fulltext = self.fulltext(clause)
        by_trust: dict[float, list[Column]] = {}
        for column in fulltext.columns():
            by_trust.setdefault(1.0 if clause.columns else TRUST[column], []).append(column)
        parts = {trust: fulltext.within(columns) for trust, columns in by_trust.items()}
        if len(parts) == 1:
            parts = dict.fromkeys(parts, fulltext)  # a search in all columns takes less time
        for word, weight in weights.items():
            best = np.zeros(len(ids))
            for trust, part in parts.items():
                best = np.maximum(best, trust * _held(ids, part.containing(word, ids)))
            if similar := self.similar(word, clause):
                best = np.maximum(best, _SIMILAR * _held(ids, fulltext.containing("", ids, terms=similar)))
            share += weight * best
        return share / sum(weights.values())

    def _weights(self, clause: Clause) -> dict[str, float]:
        """Return the inverse document frequencies of the words of a clause, as in BM25."""
        size = self.calibrator.size
        known = {word: self._document_frequency(word, clause) for word in clause.words}
        return {word: math.log(1 + (size - number + 0.5) / (number + 0.5)) for word, number in known.items()}

    def _document_frequency(self, word: str, clause: Clause) -> int:
        known, key = self.calibrator.document_frequencies, (word, frozenset(clause.columns))
        if key not in known:
            known[key] = min(self.fulltext(clause).document_frequency(word), self.calibrator.size)
        return known[key]

    def _without_phrases(self, clause: Clause, ids: Sequence[int]) -> NDArray[np.bool_]:
        """Return which segments lack a required phrase: bool (C,)."""
        lost = np.zeros(len(ids), bool)
        for phrase in clause.phrases:
            lost |= ~_held(ids, self.fulltext(clause).containing(phrase, ids))
        return lost


def _held(ids: Sequence[int], holding: Collection[int]) -> NDArray[np.bool_]:
    return np.fromiter((number in holding for number in ids), bool, len(ids))


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


def text_evidence(coverage: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """Return the log odds for segments by the share c of the query's words in them: -ln(2 - 2c), at least 0.

    Added to the log odds by frames, they let words decide between similar pictures, and a line with the whole query
    come first, while a part of the words does not raise a picture of something else above a match. From 300 segments on
    they grow with the logarithm of the library's size, as the best log odds by frames among unrelated segments do.

    Args:
        coverage: float64 (C,), 0 to 1.
        size: segments of the library.

    Returns:
        float64 (C,), 0 to 2.8 in a library of up to 300 segments.
    """
    scale = math.log(max(size, _MEASURED_SIZE)) / math.log(_MEASURED_SIZE)
    evidence = math.log(1 - WORDS_ENOUGH) - np.log(1 - np.minimum(coverage, _MOST_COVERAGE))
    return np.asarray(scale * np.maximum(evidence, 0.0))
