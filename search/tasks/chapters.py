"""The chapters of a film and their titles.

A chapter is a run of segments (shots, or windows of long shots) whose frames look alike: the cuts between chapters are
those that leave the least variation within them, found exactly by dynamic programming, and a chapter more must lower it
by more than a penalty (kernel temporal segmentation: Potapov et al., "Category-specific video summarization", 2014).

A title is the subtitle line that is nearest to what the chapter shows and says; without lines, the nearest two phrases
of `model/encoder/querybank.txt`, which names what people film.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.features.video import VideoFeatures
from model.encoder.contract import Encoder
from model.encoder.prompts import everyday_queries

_PENALTY = 0.3  # of variation, for each chapter more; joins of real clips are found up to 0.4 (benchmarks/summaries.py)
_FEWEST_WORDS = 3  # of a line that can be a title, if any has as many
_LONGEST = 80  # characters of a title
_LINES = 400  # of a chapter that are compared


@dataclass(frozen=True)
class Chapter:
    """A part of a film and what it is about."""

    start: float  # seconds
    end: float
    title: str
    spoken: bool  # the title is a subtitle line; otherwise it is what the pictures look like

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {"start": round(self.start, 3), "end": round(self.end, 3), "title": self.title, "spoken": self.spoken}


def outline(film: VideoFeatures, encoder: Encoder, *, most: int | None = None) -> tuple[Chapter, ...]:
    """Divide a film into chapters and title them.

    Args:
        encoder: that made the embeddings of the film.
        most: chapters; where not given, the square root of a tenth of the seconds: 6 in 6 minutes, 19 in an hour.

    Raises:
        ValueError: `most` is not positive.
    """
    if most is None:
        most = max(1, round(math.sqrt(film.duration / 10)))
    edges = chapter_edges(film, most=most)
    return tuple(_chapter(film, encoder, first, last) for first, last in pairwise(edges))


def chapter_edges(film: VideoFeatures, *, most: int) -> list[int]:
    """Where chapters begin, as numbers of segments, the first 0; and at last the number of segments.

    Raises:
        ValueError: `most` is not positive.
    """
    if most < 1:
        raise ValueError(f"a film has at least one chapter, got {most}")
    scatter = _scatter(film)
    count = len(scatter) - 1
    least = np.full((min(most, count) + 1, count + 1), np.inf)  # scatter of the first n segments in m chapters
    least[0, 0] = 0.0
    begins = np.zeros(least.shape, np.int64)  # of the last of these chapters
    for chapters in range(1, len(least)):
        sums = least[chapters - 1][:, None] + scatter
        begins[chapters], least[chapters] = sums.argmin(axis=0), sums.min(axis=0)
    numbers = np.arange(1, len(least))
    penalty = _PENALTY * numbers * (np.log(count / numbers) + 1) / count
    edges = [count]
    for chapters in range(1 + int(np.argmin(least[1:, count] + penalty)), 0, -1):
        edges.append(int(begins[chapters, edges[-1]]))
    return edges[::-1]


def _scatter(film: VideoFeatures) -> NDArray[np.float64]:
    """Variation of the frames of segments i to j - 1 around their mean, as a share of the film: float64 (N+1, N+1).

    Infinite where j <= i.
    """
    count = len(film.embeddings)
    rows = film.features.astype(np.float64)
    rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
    shown = np.diff(film.pts_seconds, append=film.duration)
    sums, seconds = np.zeros((count + 1, rows.shape[1])), np.zeros(count + 1)
    np.add.at(sums, film.segment_of_frame + 1, rows * shown[:, None])
    np.add.at(seconds, film.segment_of_frame + 1, shown)
    sums, seconds = sums.cumsum(axis=0), seconds.cumsum()
    products, length = sums @ sums.T, seconds - seconds[:, None]
    squared = products.diagonal() + products.diagonal()[:, None] - 2 * products  # length of the sum from i to j - 1
    scatter = length - squared / np.where(length > 0, length, 1)
    return np.where(np.tri(count + 1, dtype=bool), np.inf, np.maximum(scatter, 0) / seconds[-1])


def _chapter(film: VideoFeatures, encoder: Encoder, first: int, last: int) -> Chapter:
    start, end = float(film.bounds[first]), float(film.bounds[last])
    centre = np.diff(film.bounds)[first:last] @ film.embeddings[first:last]
    lines = [" ".join(cue.text.split()) for cue in film.cues if start <= cue.start < end]
    lines = [line for line in lines if len(line.split()) >= _FEWEST_WORDS] or [line for line in lines if line]
    if lines:
        title = max(zip(encoder.embed_text(lines[:_LINES]) @ centre, lines, strict=False))[1]
    else:
        named, vectors = everyday_queries(encoder)
        title = ", ".join(named[i] for i in np.argsort(-(vectors @ centre))[:2])
    return Chapter(start, end, title if len(title) <= _LONGEST else title[: _LONGEST - 1] + "…", bool(lines))
