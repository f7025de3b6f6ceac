"""One description in a search: what it looks for, which segments may be it, and what speaks for each."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from search.query.request import Only
from search.ranking.calibration import MATCH, NOTHING, WORDS_ENOUGH, Background, confidence_of_words, standing
from search.ranking.smoothing import Surroundings
from store.catalog.catalog import Catalog
from store.filters import Filter
from store.vectors.index import VectorIndex

_K = 60  # as in the paper; the first of one ranking does not outweigh a good place in two
_WORDS_BESIDE_PICTURES = 0.4  # weight of words where pictures answer: keeps most of what right subtitles give


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
    index: VectorIndex
    background: Background
    filters: tuple[Filter, ...] = ()
    only: Only | None = None

    def among(self) -> NDArray[np.int64] | None:
        """The segments that the filters leave, None for all."""
        return self.catalog.segments.ids(self.filters) if self.filters else None

    def candidates(self, clause: Clause, among: NDArray[np.int64] | None, limit: int) -> set[int]:
        """Segments that look like the clause, and those that hold its words: up to `limit` of each."""
        found: set[int] = set()
        if self.only != "words" and not clause.phrases:
            ids = self.index.search(clause.vectors, limit, among=among)[1]
            found.update(number for number in ids.ravel().tolist() if number >= 0)
        if clause.words and self.only != "visual":
            rare = rarest_terms(self._weights(clause.words))
            found.update(
                self.catalog.fulltext.search(
                    clause.words, phrases=clause.phrases, any_of=rare, filters=self.filters, limit=limit
                )
            )
        return found

    def evidence(self, clause: Clause, ids: Sequence[int], around: Surroundings) -> Evidence:
        """Weigh candidates.

        Args:
            ids: C segments.
            around: them and what stands beside them.
        """
        told = bool(clause.text)
        likeness = self.background.likeness(clause.vectors, around.embeddings, told=told)
        # A clip is looked for frame by frame afterwards; what is beside a copy of it need not be.
        likeness = around.mean(likeness) if told else around.own(likeness)
        coverage = self._coverage(clause, ids)
        looks, says = self.only != "words", self.only != "visual"
        lost = self._without_phrases(clause, ids)
        visual = reciprocal_ranks(likeness.astype(np.float64)) if looks else np.zeros(len(ids))
        seen = np.zeros(len(ids))
        if looks:
            seen = self.background.confidence(likeness, told=told)
        words = weight_of_words(seen) * reciprocal_ranks(np.where(coverage >= WORDS_ENOUGH, coverage, -np.inf))
        said = confidence_of_words(coverage) if says else np.zeros(len(ids))
        keep = ~lost
        return Evidence(visual * keep, words * keep, np.zeros(len(ids)), (1 - (1 - seen) * (1 - said)) * keep)

    def against(self, clause: Clause, ids: Sequence[int], around: Surroundings) -> NDArray[np.float64]:
        """How likely candidates are what must not be: (C,), 0 to 1; certain where a phrase is said, and only there."""
        if clause.phrases:
            return (~self._without_phrases(clause, ids)).astype(np.float64)
        return self.evidence(clause, ids, around).confidence

    def _coverage(self, clause: Clause, ids: Sequence[int]) -> NDArray[np.float64]:
        """Which share of the words of the clause each segment holds, rare ones counting more: (C,), 0 to 1."""
        share = np.zeros(len(ids))
        if not clause.words or self.only == "visual":
            return share
        weights = self._weights(clause.words)
        for word, weight in weights.items():
            holding = self.catalog.fulltext.containing(word, ids)
            if holding:
                share += weight * np.fromiter((number in holding for number in ids), bool, len(ids))
        return share / sum(weights.values())

    def _weights(self, words: Sequence[str]) -> dict[str, float]:
        """The inverse document frequencies of words, as in BM25."""
        size = self.background.size
        for word in words:
            if word not in self.background.known:
                self.background.known[word] = self.catalog.fulltext.document_frequency(word, limit=size)
        known = [self.background.known[word] for word in words]
        return {
            word: math.log(1 + (size - number + 0.5) / (number + 0.5))
            for word, number in zip(words, known, strict=True)
        }

    def _without_phrases(self, clause: Clause, ids: Sequence[int]) -> NDArray[np.bool_]:
        """Which segments lack a phrase that has to be there: (C,)."""
        lost = np.zeros(len(ids), bool)
        for phrase in clause.phrases:
            holding = self.catalog.fulltext.containing(phrase, ids)
            lost |= np.fromiter((number not in holding for number in ids), bool, len(ids))
        return lost


def rarest_terms(weights: Mapping[str, float]) -> list[str]:
    """The rarest words, one of which is in everything that holds enough of all: the others together do not weigh it."""
    rarest_last = sorted(weights, key=lambda word: weights[word])
    sums = np.cumsum([weights[word] for word in rarest_last])
    return [word for word, total in zip(rarest_last, sums, strict=True) if total >= (WORDS_ENOUGH - 1e-6) * sums[-1]]


def reciprocal_ranks(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """What a ranking by these scores gives to each candidate: 1 / (60 + rank), and 0 where the score is -inf.

    The sum over rankings is reciprocal rank fusion (Cormack, Clarke and Büttcher, "Reciprocal Rank Fusion outperforms
    Condorcet and Individual Rank Learning Methods", 2009). Equal scores get equal ranks, the best of theirs.

    Args:
        scores: float64 (C,), the higher the better.

    Returns:
        float64 (C,).
    """
    descending = np.sort(-scores)
    ranks = 1 + np.searchsorted(descending, -scores, side="left")
    return np.where(np.isneginf(scores), 0.0, 1.0 / (_K + ranks))


def weight_of_words(seen: NDArray[np.float64]) -> float:
    """How much the ranking by words counts beside the ranking by looks, of candidates that are so likely (C,) by looks.

    1 where nothing that is shown answers the query, since then it is about what is said; less, the likelier it is that
    something shown does: what is said beside another picture should not come before it.
    """
    shown = np.clip((standing(seen) - NOTHING) / (MATCH - NOTHING), 0.0, 1.0)
    return float(1 - (1 - _WORDS_BESIDE_PICTURES) * shown)
