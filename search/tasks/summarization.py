"""A film in short: keyframes, highlights within a time, chapters.

Films of more than `_MOST_FRAMES` sampled frames are thinned evenly before frames are compared with each other, which
bounds memory at 64 MB: of a film of two hours at two frames a second, every fourth frame can be chosen.
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
from search.tasks.chapters import Chapter, outline
from search.tasks.facility_location import choose, coverage, likeness

_MOST_FRAMES = 4096
_ENOUGH = 0.97  # coverage at which more keyframes would only repeat what is there
_PIECE_SECONDS = 2.0  # what a cut shows at a time, about: enough to understand, short enough to show much
_SPOKEN_SECONDS = 1.0  # before and after a keyframe: what is said there belongs to it


@dataclass(frozen=True)
class Keyframe:
    """A frame that stands for a part of a film."""

    seconds: float
    share: float  # of the film that looks more like it than like the other keyframes, 0 to 1
    text: str  # the subtitle lines at that time


@dataclass(frozen=True)
class Summary:
    """What a film shows, in short. Everything is in order of time; parts are start and end in seconds."""

    path: Path
    duration: float  # seconds
    keyframes: tuple[Keyframe, ...]
    coverage: float  # of the film by the keyframes, 0 to 1: the mean cosine of each frame and its nearest keyframe
    highlights: tuple[tuple[float, float], ...]  # parts of the film, none where no highlights were asked for
    highlights_coverage: float
    chapters: tuple[Chapter, ...]
    about: str | None = None  # what the summary was to be about

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
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
    film: VideoFeatures,
    encoder: Encoder,
    *,
    frames: int = 12,
    seconds: float | None = None,
    about: str | None = None,
    chapters: int | None = None,
) -> Summary:
    """Choose what represents a film.

    Args:
        encoder: that made the features of the film.
        frames: keyframes at most; fewer where those cover nearly all.
        seconds: highlights at most; none where not given.
        about: what to show more of; whatever the film shows where not given.
        chapters: at most; by the length of the film where not given.

    Raises:
        ValueError: a number is not positive, or `about` has no word in it.
    """
    if frames < 1:
        raise ValueError(f"a summary needs at least one frame, got {frames}")
    if seconds is not None and not seconds > 0:
        raise ValueError(f"highlights must last longer than 0 seconds, got {seconds}")
    query = None if about is None else encoder.embed_text([about])[0]
    short = _thinned(film)
    alike, worth = likeness(short.features), _seconds_shown(short)
    if query is not None:
        worth = worth * interest(short, query)
    chosen = sorted(choose(alike, worth, np.ones(len(alike)), frames, enough=_ENOUGH))
    parts = pieces(film) if seconds is not None else np.zeros((0, 2))
    shows = _likeness_of_parts(alike, short.pts_seconds, parts)
    picked = choose(shows, worth, parts[:, 1] - parts[:, 0], seconds) if seconds is not None else []
    return Summary(
        film.path,
        film.duration,
        _keyframes(film, short, alike, chosen),
        coverage(alike, worth, chosen),
        _joined(parts[sorted(picked)]),
        coverage(shows, worth, picked),
        outline(film, encoder, most=chapters),
        about,
    )


def interest(film: VideoFeatures, query: NDArray[np.float32]) -> NDArray[np.float64]:
    """How much more each frame counts for being about something: e^2z, z the z-score of its segment's cosine with it.

    The z-score makes it a matter of this film, since models spread their cosines differently: what stands out by two
    standard deviations counts 55 times as much as the average.

    Args:
        query: float32 (D,), unit length.

    Returns:
        float64 (T,); all 1 where the film has one segment.
    """
    cosines = (film.embeddings @ query).astype(np.float64)[film.segment_of_frame]
    seconds = _seconds_shown(film)
    mean = np.average(cosines, weights=seconds)
    deviation = math.sqrt(np.average((cosines - mean) ** 2, weights=seconds))
    return np.asarray(np.exp(2 * (cosines - mean) / max(deviation, 1e-6)))


def _thinned(film: VideoFeatures) -> VideoFeatures:
    kept = slice(None, None, math.ceil(len(film.pts_seconds) / _MOST_FRAMES))
    return replace(film, pts_seconds=film.pts_seconds[kept], features=film.features[kept])


def _seconds_shown(film: VideoFeatures) -> NDArray[np.float64]:
    """How long each frame is on screen, until the next one: float64 (T,)."""
    return np.diff(film.pts_seconds, append=film.duration)


def _keyframes(
    film: VideoFeatures, short: VideoFeatures, alike: NDArray[np.float32], chosen: list[int]
) -> tuple[Keyframe, ...]:
    nearest = alike[:, chosen].argmax(axis=1)
    shares = np.bincount(nearest, weights=_seconds_shown(short), minlength=len(chosen)) / _seconds_shown(short).sum()
    return tuple(
        Keyframe(time, float(share), film.text(time - _SPOKEN_SECONDS, time + _SPOKEN_SECONDS))
        for time, share in zip(short.pts_seconds[chosen].tolist(), shares, strict=True)
    )


def pieces(film: VideoFeatures) -> NDArray[np.float64]:
    """What highlights are made of: segments, cut evenly into about 2 seconds each: float64 (C, 2), start and end."""
    starts: list[float] = []
    for start, end in zip(film.bounds[:-1], film.bounds[1:], strict=True):
        count = max(1, round((end - start) / _PIECE_SECONDS))
        starts += np.linspace(start, end, count, endpoint=False).tolist()
    return np.stack([starts, [*starts[1:], film.duration]], axis=1)


def _likeness_of_parts(
    alike: NDArray[np.float32], pts_seconds: NDArray[np.float64], parts: NDArray[np.float64]
) -> NDArray[np.float32]:
    """How well each part stands for each frame, as the best of its frames does: float32 (T, C)."""
    first = np.maximum(np.searchsorted(pts_seconds, parts[:, 0], side="right") - 1, 0)  # on screen as it begins
    last = np.maximum(np.searchsorted(pts_seconds, parts[:, 1]), first + 1)
    shows = np.empty((len(alike), len(parts)), np.float32)
    for number, (begin, end) in enumerate(zip(first, last, strict=True)):
        shows[:, number] = alike[:, begin:end].max(axis=1)
    return shows


def _joined(parts: NDArray[np.float64]) -> tuple[tuple[float, float], ...]:
    """Parts in order of time, with those that touch made one."""
    joined: list[tuple[float, float]] = []
    for start, end in parts.tolist():
        if joined and start == joined[-1][1]:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return tuple(joined)
