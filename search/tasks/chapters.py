"""Divide a video into chapters and title them.

A chapter is a run of consecutive segments with similar frames. Dynamic programming finds the boundaries with the least
variance within chapters; each further chapter has to lower it by more than a penalty (kernel temporal segmentation:
Potapov et al., "Category-specific video summarization", 2014).

The title is the subtitle line whose embedding is nearest to the chapter's. A chapter without subtitles gets the two
nearest everyday queries of `model/encoder/querybank.txt`.
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

_PENALTY = 0.3  # variance per further chapter; up to 0.4 the joins of real clips are found (benchmarks/summaries.py)
_MIN_TITLE_WORDS = 3  # shorter lines become titles only where there are no others
_MAX_TITLE_CHARACTERS = 80
_MAX_LINES = 400  # lines of a chapter that are embedded


@dataclass(frozen=True)
class Chapter:
    """A part of a video with a title."""

    start: float  # seconds
    end: float
    title: str
    spoken: bool  # whether the title is a subtitle line; otherwise it describes the frames

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {"start": round(self.start, 3), "end": round(self.end, 3), "title": self.title, "spoken": self.spoken}


def find_chapters(video: VideoFeatures, encoder: Encoder, *, most: int | None = None) -> tuple[Chapter, ...]:
    """Divide a video into chapters and title them.

    Args:
        encoder: the one that made the video's embeddings.
        most: maximum number of chapters; sqrt(seconds / 10) if None: 6 for 6 minutes, 19 for an hour.

    Raises:
        ValueError: `most` is not positive.
    """
    if most is None:
        most = max(1, round(math.sqrt(video.duration / 10)))
    edges = chapter_edges(video, most=most)
    return tuple(_chapter(video, encoder, first, last) for first, last in pairwise(edges))


def chapter_edges(video: VideoFeatures, *, most: int) -> list[int]:
    """Return the index of each chapter's first segment, then the number of segments.

    Raises:
        ValueError: `most` is not positive.
    """
    if most < 1:
        raise ValueError(f"a video has at least one chapter, got {most}")
    scatter = _scatter(video)
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


def _scatter(video: VideoFeatures) -> NDArray[np.float64]:
    """Return the variance of the frames of segments i to j - 1, as a share of the video: float64 (N+1, N+1).

    Infinite where j <= i.
    """
    count = len(video.embeddings)
    rows = video.features.astype(np.float64)
    rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
    shown = np.diff(video.pts_seconds, append=video.duration)
    sums, seconds = np.zeros((count + 1, rows.shape[1])), np.zeros(count + 1)
    np.add.at(sums, video.segment_of_frame + 1, rows * shown[:, None])
    np.add.at(seconds, video.segment_of_frame + 1, shown)
    sums, seconds = sums.cumsum(axis=0), seconds.cumsum()
    products, length = sums @ sums.T, seconds - seconds[:, None]
    squared = products.diagonal() + products.diagonal()[:, None] - 2 * products  # squared norm of the sum of i to j - 1
    scatter = length - squared / np.where(length > 0, length, 1)
    return np.where(np.tri(count + 1, dtype=bool), np.inf, np.maximum(scatter, 0) / seconds[-1])


def _chapter(video: VideoFeatures, encoder: Encoder, first: int, last: int) -> Chapter:
    start, end = float(video.bounds[first]), float(video.bounds[last])
    centre = np.diff(video.bounds)[first:last] @ video.embeddings[first:last]
    lines = [" ".join(cue.text.split()) for cue in video.cues if start <= cue.start < end]
    lines = [line for line in lines if len(line.split()) >= _MIN_TITLE_WORDS] or [line for line in lines if line]
    if lines:
        title = max(zip(encoder.embed_text(lines[:_MAX_LINES]) @ centre, lines, strict=False))[1]
    else:
        named, vectors = everyday_queries(encoder)
        title = ", ".join(named[i] for i in np.argsort(-(vectors @ centre))[:2])
    return Chapter(
        start,
        end,
        title if len(title) <= _MAX_TITLE_CHARACTERS else title[: _MAX_TITLE_CHARACTERS - 1] + "…",
        bool(lines),
    )
