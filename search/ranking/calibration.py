"""Cosines -> confidence: the probability that a hit is relevant, on one scale for all queries, libraries and models.

The range of cosines depends on the model, the library and the wording of a query. They are therefore compared with
those between a sample of the library's segments and a query bank: everyday queries (`model.encoder.prompts`), embedded
by its encoder (querybank normalization). There are three steps.

- Hubness: the similarity of a query and a segment is their cosine minus a part of the segment's mean cosine with its
  nearest everyday queries, since some segments are near to every query (cross-domain similarity local scaling; Conneau
  et al., "Word Translation Without Parallel Data", 2018).
- Standardization by the similarities of all everyday queries with all segments of the sample, so that a value means the
  same for a model whose cosines are between 0.2 and 0.3 and for one that uses the whole range. Standardization by the
  query's own similarities is worse: every query has a best segment (measured, docs/measured.md).
- Logistic regression (Platt, "Probabilistic Outputs for Support Vector Machines", 1999), with the coefficients that
  `python -m benchmarks.confidence fit` prints.

Results are split into likely moments and others, and end at the lowest useful confidence.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from indexer.features.hubness import hubness
from search.ranking.moments import Moment
from store.catalog.catalog import Catalog
from store.errors import LibraryError
from store.fields import Column

if TYPE_CHECKING:  # imports torch
    from model.encoder.contract import Encoder

AnswerQuality = Literal["match", "unsure", "nothing"]
ConfidenceLevel = Literal["high", "medium", "low"]

_HUBNESS = 0.25  # share of a segment's mean cosine with its nearest everyday queries that is subtracted
_BANK_HUBNESS = 0.5  # the same for a query bank of training captions, which is larger and has the style of captions
_SLOPE, _OFFSET = 0.98, -4.37  # logit of the confidence = slope * z-score + offset
_SHOWN, _NOT_SHOWN = 0.5, 1.0  # log odds for and against, if a query names labels (benchmarks/confidence.py)
_SAMPLE = 200  # segments that serve as the query bank of pictures and clips
_SAID = 0.9  # confidence if subtitles contain every word of the query; below 1, since words are ambiguous
WORDS_ENOUGH = 0.5  # share of a query's words, weighted by IDF, below which matches are accidental

HIGH = 0.3  # confidence level of one moment that users see
MEDIUM = 0.1
LIKELY = 0.25  # not reached by the best moment of 86 % of queries for things that a library does not show
UNLIKELY = 0.18  # not reached by that of 70 % of these; every short query for things that it shows reaches it
LEAST = 0.03  # moments below it are no better than random ones, and the list ends
# Similarity of frames with confidence 0.5, and logistic scale. Of 7 clips and 2 test cards against 46 videos, matches
# had at least 0.58, all others at most 0.25.
_SAME_SCENE, _SCALE = 0.5, 0.08
MIN_CONFIDENCES = (0.1, 0.25, 0.5)  # choices for the least confidence of a search


class Calibrator:
    """Cosines -> similarities, z-scores and confidences (Platt scaling), of texts or, where not `is_text`, of clips.

    Args:
        vectors: float32 (B, D), unit rows; a sample of the segments.
        size: segments in the whole library.
        everyday: float32 (R, D), unit rows; everyday queries, see `everyday_embeddings`.
        bank: float32 (Q, D), unit rows; the encoder's own query bank, which hubness is measured by (querybank
            normalization; Bogolin et al., CVPR 2022). Without one the everyday queries serve.
        near: float32 (B,), the hubness of the sample, as `indexer.features.hubness` has it; NaN where it is not known.
    """

    def __init__(
        self,
        vectors: NDArray[np.float32],
        size: int,
        everyday: NDArray[np.float32],
        bank: NDArray[np.float32] | None = None,
        near: NDArray[np.float32] | None = None,
    ) -> None:
        self.vectors, self.size, self.everyday = vectors, size, everyday
        self._bank, self._share = (bank, _BANK_HUBNESS) if bank is not None and len(bank) else (everyday, _HUBNESS)
        self._stored_near = near
        # Caches: word of a query -> number of segments with it in some columns, and index terms spelled nearly so.
        self.document_frequencies: dict[tuple[str, frozenset[Column]], int] = {}
        self.similar_words: dict[str, tuple[str, ...]] = {}

    def similarity(
        self,
        queries: NDArray[np.float32],
        vectors: NDArray[np.float32],
        *,
        is_text: bool = True,
        near: NDArray[np.float32] | None = None,
    ) -> NDArray[np.float32]:
        """Return the best similarity of segments (C, D) to any of the queries (Q, D): float32 (C,), about -1 to 1.

        Args:
            queries: float32 (Q, D), unit rows.
            vectors: float32 (C, D), unit rows.
            is_text: whether the queries are text; clips have no hubness subtracted.
            near: float32 (C,), stored hubness of the segments, NaN if unknown.
        """
        cosines = (vectors @ queries.T).max(axis=1)
        return np.asarray(cosines - self.hubness(vectors, near) if is_text else cosines)

    def query_z_scores(
        self, similarity: NDArray[np.float32], queries: NDArray[np.float32], *, is_text: bool = True
    ) -> NDArray[np.float64]:
        """Standardize similarities (C,) by those of these queries with the sample: float64 (C,)."""
        mean, deviation = _moments(self.similarity(queries, self.vectors, is_text=is_text, near=self._near))
        return np.asarray((similarity - mean) / deviation, np.float64)

    def bank_z_scores(self, similarity: NDArray[np.float32], *, is_text: bool = True) -> NDArray[np.float64]:
        """Standardize similarities (C,) by those of the query bank with the sample: float64 (C,)."""
        mean, deviation = self._text_moments if is_text else self._picture_moments
        return np.asarray((similarity - mean) / deviation, np.float64)

    def confidence(
        self, similarity: NDArray[np.float32], *, is_text: bool = True, evidence: float = 0.0
    ) -> NDArray[np.float64]:
        """How likely segments of this similarity (C,) show what was asked for: (C,), 0 to 1.

        Args:
            evidence: log odds by what else is known of the query, see `label_evidence`.
        """
        return probability(self.log_odds(similarity, is_text=is_text) + evidence)

    def log_odds(self, similarity: NDArray[np.float32], *, is_text: bool = True) -> NDArray[np.float64]:
        """Return the log odds that segments of this similarity (C,) show what was asked for: float64 (C,)."""
        return _SLOPE * self.bank_z_scores(similarity, is_text=is_text) + _OFFSET

    def hubness(self, vectors: NDArray[np.float32], near: NDArray[np.float32] | None = None) -> NDArray[np.float32]:
        """Return what is subtracted from cosines of texts with segments (C, D): float32 (C,)."""
        if near is None:
            return self._share * hubness(vectors, self._bank)
        if (unknown := np.isnan(near)).any():
            near = near.copy()
            near[unknown] = hubness(vectors[unknown], self._bank)
        return self._share * near

    @cached_property
    def _near(self) -> NDArray[np.float32]:
        """The hubness of the sample, computed where it is not stored."""
        return np.asarray(self.hubness(self.vectors, self._stored_near) / self._share, np.float32)

    @cached_property
    def _text_moments(self) -> tuple[float, float]:
        """Mean and standard deviation of the similarities of the query bank with the sample."""
        return _moments((self.vectors @ self.everyday.T - self._share * self._near[:, None]).ravel())

    @cached_property
    def _picture_moments(self) -> tuple[float, float]:
        """Mean and standard deviation of the cosines between segments of the sample."""
        cosines = self.vectors[:_SAMPLE] @ self.vectors[:_SAMPLE].T
        return _moments(cosines[~np.eye(len(cosines), dtype=bool)])


def probability(log_odds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the probabilities for log odds (C,): float64 (C,), 0 to 1."""
    return np.asarray(1 / (1 + np.exp(-log_odds)))


def _moments(similarities: NDArray[np.float32]) -> tuple[float, float]:
    """Return mean and standard deviation; 0 and 1 for fewer than two values."""
    if len(similarities) < 2:
        return 0.0, 1.0
    return float(similarities.mean()), max(float(similarities.std()), 1e-6)


def label_evidence(catalog: Catalog, text: str, words: int) -> float:
    """How much likelier a library shows what a text names, in log odds: by the labels that its segments have.

    A label of the text that no segment has speaks against all of them, one that some segment has for the best of them;
    the more so, the more of the text's content words are labels.

    Args:
        words: content words of the text.
    """
    from model.encoder.labels import labels_in

    names = labels_in(text)
    shown = catalog.labels.shown(names) if names else None
    if shown is None:
        return 0.0
    share = sum(name in shown for name in names) / len(names)
    named = min(1.0, sum(len(name.split()) for name in names) / max(words, 1))
    return named * (_SHOWN * share - _NOT_SHOWN * (1 - share))


def everyday_embeddings(catalog: Catalog, encoder: Encoder) -> NDArray[np.float32]:
    """Embed everyday queries, once per encoder of a library: float32 (R, D), unit rows."""
    from model.encoder.multilingual import english
    from model.encoder.prompts import (
        everyday_query_lines,  # imports torch, which confidences alone do not need
    )

    lines = everyday_query_lines()
    embeddings = catalog.text_embeddings.get(encoder.fingerprint, lines)
    if embeddings is None:
        embeddings = english(encoder).embed_text(lines)
        with suppress(LibraryError):  # the catalog is only a cache of them
            catalog.text_embeddings.put(encoder.fingerprint, lines, embeddings)
    return embeddings


def text_confidence(coverage: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the confidence of segments with this share of a query's words (C,): float64 (C,), 0 to 1."""
    return np.where(coverage >= WORDS_ENOUGH, _SAID * coverage**2, 0.0)


def confidence_level(confidence: float) -> ConfidenceLevel:
    """Return the level at which a confidence is shown."""
    return "high" if confidence >= HIGH else "medium" if confidence >= MEDIUM else "low"


def frames_confidence(similarity: float) -> float:
    """Return the confidence of a moment with this similarity of frames to a clip: 0 to 1."""
    return float(1 / (1 + np.exp(-(similarity - _SAME_SCENE) / _SCALE)))


def answer_quality(moments: Sequence[Moment]) -> AnswerQuality:
    """Judge a result list by its most confident moment.

    "match" where it is likely what was asked for, "unsure" where it may be, "nothing" else. Moments without a
    confidence, which filters alone found, are what was asked for.
    """
    best = max((1.0 if moment.confidence is None else moment.confidence for moment in moments), default=0.0)
    return "match" if best >= LIKELY else "unsure" if best >= UNLIKELY else "nothing"
