"""Summarize a video: keyframes, highlights of limited duration, chapters.

Videos with more than `_MAX_FRAMES` sampled frames are thinned evenly before frames are compared with each other, which
bounds memory at 64 MB: in two hours at two frames per second, every fourth frame can be chosen.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.features.video import VideoFeatures
from model.encoder.contract import Encoder
from model.encoder.multilingual import warn_unread
from search.tasks.chapters import Chapter, find_chapters
from search.tasks.facility_location import choose, coverage, frame_similarity

_MAX_FRAMES = 4096
_ENOUGH = 0.97  # coverage at which further keyframes would be redundant
_WINDOW_SECONDS = 2.0  # of highlights: long enough to understand, short enough to show many
_SUBTITLE_SECONDS = 1.0  # before and after a keyframe: subtitles in between belong to it


@dataclass(frozen=True)
class Keyframe:
    """A frame that represents a part of a video."""

    seconds: float
    share: float  # of the video that is more similar to it than to the other keyframes, 0 to 1
    text: str  # subtitle lines at that time


@dataclass(frozen=True)
class Summary:
    """Keyframes, highlights and chapters of a video, each in order of time."""

    path: Path
    duration: float  # seconds
    keyframes: tuple[Keyframe, ...]
    coverage: float  # mean cosine of each frame and its nearest keyframe, 0 to 1
    highlights: tuple[tuple[float, float], ...]  # start and end in seconds; empty unless requested
    highlights_coverage: float
    chapters: tuple[Chapter, ...]
    about: str | None = None  # topic of the summary

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "video": str(self.path),
            "duration": round(self.duration, 3),
            "about": self.about,
            "coverage": round(self.coverage, 4),
            "keyframes": [
                {"seconds": round(frame.seconds, 3), "share": round(frame.share, 4), "text": frame.text}
                for frame in self.keyframes
            ],
            "highlights": [{"start": round(start, 3), "end": round(end, 3)} for start, end in self.highlights],
            "highlights_coverage": round(self.highlights_coverage, 4),
            "chapters": [chapter.as_dict() for chapter in self.chapters],
        }


def summarize(
    video: VideoFeatures,
    encoder: Encoder,
    *,
    frames: int = 12,
    seconds: float | None = None,
    about: str | None = None,
    chapters: int | None = None,
) -> Summary:
    """Choose keyframes, highlights and chapters.

    Args:
        encoder: the one that made the video's features.
        frames: maximum number of keyframes; fewer where those cover nearly all.
        seconds: maximum duration of the highlights; no highlights if None.
        about: topic to show more of; none if None.
        chapters: maximum number of chapters; depends on the duration if None.

    Raises:
        ValueError: a number is not positive, or `about` has no word.
    """
    if frames < 1:
        raise ValueError(f"a summary needs at least one frame, got {frames}")
    if seconds is not None and not seconds > 0:
        raise ValueError(f"highlights must last longer than 0 seconds, got {seconds}")
    if about is not None:
        warn_unread(encoder, [about])
    query = None if about is None else encoder.embed_text([about])[0]
    thinned = _thinned(video)
    similarity, weights = frame_similarity(thinned.features), _seconds_shown(thinned)
    if query is not None:
        weights = weights * interest(thinned, query)
    chosen = sorted(choose(similarity, weights, np.ones(len(similarity)), frames, enough=_ENOUGH))
    windows = highlight_windows(video) if seconds is not None else np.zeros((0, 2))
    shown = _window_similarity(similarity, thinned.pts_seconds, windows)
    chosen_windows = choose(shown, weights, windows[:, 1] - windows[:, 0], seconds) if seconds is not None else []
    return Summary(
        video.path,
        video.duration,
        _keyframes(video, thinned, similarity, chosen),
        coverage(similarity, weights, chosen),
        _joined(windows[sorted(chosen_windows)]),
        coverage(shown, weights, chosen_windows),
        find_chapters(video, encoder, most=chapters),
        about,
    )


def interest(video: VideoFeatures, query: NDArray[np.float32]) -> NDArray[np.float64]:
    """Weight frames by relevance to a query: e^(2z), z being the z-score of the segment's cosine with it.

    The z-score is taken within the video, because cosines of different models spread differently. A frame two standard
    deviations above the mean counts 55 times as much as an average one.

    Args:
        query: float32 (D,), unit length.

    Returns:
        float64 (T,); all 1 if the video has one segment.
    """
    cosines = (video.embeddings @ query).astype(np.float64)[video.segment_of_frame]
    seconds = _seconds_shown(video)
    mean = np.average(cosines, weights=seconds)
    deviation = math.sqrt(np.average((cosines - mean) ** 2, weights=seconds))
    return np.asarray(np.exp(2 * (cosines - mean) / max(deviation, 1e-6)))


def _thinned(video: VideoFeatures) -> VideoFeatures:
    sampled = slice(None, None, math.ceil(len(video.pts_seconds) / _MAX_FRAMES))
    return replace(video, pts_seconds=video.pts_seconds[sampled], features=video.features[sampled])


def _seconds_shown(video: VideoFeatures) -> NDArray[np.float64]:
    """Return the seconds from each frame to the next: float64 (T,)."""
    return np.diff(video.pts_seconds, append=video.duration)


def _keyframes(
    video: VideoFeatures, thinned: VideoFeatures, similarity: NDArray[np.float32], chosen: list[int]
) -> tuple[Keyframe, ...]:
    nearest = similarity[:, chosen].argmax(axis=1)
    shares = (
        np.bincount(nearest, weights=_seconds_shown(thinned), minlength=len(chosen)) / _seconds_shown(thinned).sum()
    )
    return tuple(
        Keyframe(time, float(share), video.text(time - _SUBTITLE_SECONDS, time + _SUBTITLE_SECONDS))
        for time, share in zip(thinned.pts_seconds[chosen].tolist(), shares, strict=True)
    )


def highlight_windows(video: VideoFeatures) -> NDArray[np.float64]:
    """Divide each segment evenly into windows of about 2 s: float64 (C, 2), start and end."""
    starts: list[float] = []
    for start, end in zip(video.bounds[:-1], video.bounds[1:], strict=True):
        count = max(1, round((end - start) / _WINDOW_SECONDS))
        starts += np.linspace(start, end, count, endpoint=False).tolist()
    return np.stack([starts, [*starts[1:], video.duration]], axis=1)


def _window_similarity(
    similarity: NDArray[np.float32], pts_seconds: NDArray[np.float64], windows: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Return the similarity of each frame to the best frame of each window: float32 (T, C)."""
    first = np.maximum(np.searchsorted(pts_seconds, windows[:, 0], side="right") - 1, 0)  # on screen when it begins
    last = np.maximum(np.searchsorted(pts_seconds, windows[:, 1]), first + 1)
    shown = np.empty((len(similarity), len(windows)), np.float32)
    for number, (begin, end) in enumerate(zip(first, last, strict=True)):
        shown[:, number] = similarity[:, begin:end].max(axis=1)
    return shown


def _joined(windows: NDArray[np.float64]) -> tuple[tuple[float, float], ...]:
    """Join adjacent windows."""
    joined: list[tuple[float, float]] = []
    for start, end in windows.tolist():
        if joined and start == joined[-1][1]:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return tuple(joined)
