"""Cosines -> confidence: how likely a hit shows what was asked for, on one scale for all queries, libraries and models.

What a cosine is worth depends on the model, on the library and on how a query is put. So cosines are compared with
those of a sample of the library's segments and of a query bank, everyday queries (`model.encoder.prompts`) embedded by
its encoder (querybank normalization). Three things are computed with them.

- The similarity of a query and a segment is their cosine less a part of the segment's mean cosine with the everyday
  queries that are nearest to it: some segments are near to everything (cross-domain similarity local scaling; Conneau
  and others, "Word Translation Without Parallel Data", 2018).
- A similarity is standardized by those of all everyday queries with all segments of the sample, so that it means the
  same for a model whose cosines lie between 0.2 and 0.3 and for one that uses all of them. Standardized by those of the
  query itself it would say less: the best of anything stands out among the rest (measured, docs/measured.md).
- A logistic regression reads it (Platt, "Probabilistic Outputs for Support Vector Machines", 1999). Its coefficients
  are those that `python -m benchmarks.confidence fit` prints.

Likely moments and the rest are two groups of an answer; below a least confidence the answer ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from indexer.features.hubness import hubness
from search.ranking.moments import Moment
from store.catalog.catalog import Catalog
from store.errors import LibraryError

if TYPE_CHECKING:  # it brings torch with it
    from model.encoder.contract import Encoder

AnswerQuality = Literal["match", "unsure", "nothing"]
ConfidenceLevel = Literal["high", "medium", "low"]

_HUBNESS = 0.25  # share of a segment's mean cosine with its nearest everyday queries that is taken off
_BANK_HUBNESS = 0.5  # the same for a query bank of training captions, which are more and written as captions are
_SLOPE, _OFFSET = 0.98, -4.37  # of the standardized similarity; of 1
_SAMPLE = 200  # segments that stand for what pictures and clips ask for
_SAID = 0.9  # confidence where every word of the query is said: a word can mean something else
WORDS_ENOUGH = 0.5  # share of a query's words, by information, below which a segment holds some of them by chance

LOOKED_AT = 5  # moments: several that are fairly likely say more than the one that stands out
# Mean confidences of the best moments, as `python -m benchmarks.confidence measure` prints them.
MATCH = 0.24  # one in twenty things that a library does not show reaches it
NOTHING = 0.12  # one in ten that it shows stays below

HIGH = 0.3  # confidence of one moment, as it is shown to people
MEDIUM = LIKELY = 0.1  # most moments below it are not what was asked for
LEAST = 0.03  # below it a moment is as good as any other of the library, and the list ends
_SAME_SCENE, _SCALE = 0.5, 0.08  # similarity of frames that is as likely as not what was asked for; its logistic scale:
# of 9 clips and 2 test cards against 46 videos, what showed the same thing had 0.58 and more, all others 0.25 and less
MIN_CONFIDENCES = (0.1, 0.25, 0.5)  # offered as the least confidence of a search


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
        self.document_frequencies: dict[str, int] = {}  # words that were asked for -> segments that hold them

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
            near: float32 (C,), what is known of the hubness of the segments; NaN where nothing is.
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

    def confidence(self, similarity: NDArray[np.float32], *, is_text: bool = True) -> NDArray[np.float64]:
        """How likely segments of this similarity (C,) show what was asked for: (C,), 0 to 1."""
        return np.asarray(1 / (1 + np.exp(-_SLOPE * self.bank_z_scores(similarity, is_text=is_text) - _OFFSET)))

    def hubness(self, vectors: NDArray[np.float32], near: NDArray[np.float32] | None = None) -> NDArray[np.float32]:
        """What is taken off the cosines of segments (C, D) with texts: float32 (C,); `near` as in `similarity`."""
        if near is None:
            return self._share * hubness(vectors, self._bank)
        if (unknown := np.isnan(near)).any():
            near = near.copy()
            near[unknown] = hubness(vectors[unknown], self._bank)
        return self._share * near

    @cached_property
    def _near(self) -> NDArray[np.float32]:
        """The hubness of the sample, all of it known."""
        return np.asarray(self.hubness(self.vectors, self._stored_near) / self._share, np.float32)

    @cached_property
    def _text_moments(self) -> tuple[float, float]:
        """Mean and deviation of the similarities of the query bank with the sample."""
        return _moments((self.vectors @ self.everyday.T - self._share * self._near[:, None]).ravel())

    @cached_property
    def _picture_moments(self) -> tuple[float, float]:
        """Mean and deviation of the cosines of segments of the sample among each other."""
        cosines = self.vectors[:_SAMPLE] @ self.vectors[:_SAMPLE].T
        return _moments(cosines[~np.eye(len(cosines), dtype=bool)])


def _moments(similarities: NDArray[np.float32]) -> tuple[float, float]:
    """Mean and standard deviation; 0 and 1 of fewer than two."""
    if len(similarities) < 2:
        return 0.0, 1.0
    return float(similarities.mean()), max(float(similarities.std()), 1e-6)


def everyday_embeddings(catalog: Catalog, encoder: Encoder) -> NDArray[np.float32]:
    """Embed everyday queries, once for each encoder of a library: float32 (R, D), unit rows."""
    from model.encoder.prompts import (
        everyday_query_lines,  # torch comes with it, and whoever only reads confidences needs none
    )

    lines = everyday_query_lines()
    embeddings = catalog.text_embeddings.get(encoder.fingerprint, lines)
    if embeddings is None:
        embeddings = encoder.embed_text(lines)
        with suppress(LibraryError):  # they are only kept to be spared making them again
            catalog.text_embeddings.put(encoder.fingerprint, lines, embeddings)
    return embeddings


def text_confidence(coverage: NDArray[np.float64]) -> NDArray[np.float64]:
    """How likely segments that hold this share of the words of a query are what was asked for: (C,), 0 to 1."""
    return np.where(coverage >= WORDS_ENOUGH, _SAID * coverage**2, 0.0)


def confidence_level(confidence: float) -> ConfidenceLevel:
    """Return the level at which a confidence is shown."""
    return "high" if confidence >= HIGH else "medium" if confidence >= MEDIUM else "low"


def top_confidence(confidences: ArrayLike) -> float:
    """Average the five highest confidences: 0 to 1; 0 where there is none."""
    best = np.sort(np.asarray(confidences, np.float64))[-LOOKED_AT:]
    return float(best.mean()) if len(best) else 0.0


def frames_confidence(similarity: float) -> float:
    """How likely a moment whose frames are so similar to those of a clip shows the same thing: 0 to 1."""
    return float(1 / (1 + np.exp(-(similarity - _SAME_SCENE) / _SCALE)))


def answer_quality(moments: Sequence[Moment]) -> AnswerQuality:
    """Judge an answer as a whole, of words and of clips alike: by its likeliest moment.

    "match" where one is likely what was asked for, "unsure" where one may be, "nothing" else. Moments without a
    confidence, which filters alone found, are what was asked for.
    """
    best = max((1.0 if moment.confidence is None else moment.confidence for moment in moments), default=0.0)
    return "match" if best >= LIKELY else "unsure" if best >= LEAST else "nothing"
