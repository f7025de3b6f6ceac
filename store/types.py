"""The nouns of a library: what is stored, and what a search returns.

Times are seconds as ``float``, counted from the first instant of the video as a player shows it. Intervals are
half-open: ``start <= t < end``. Everything here is frozen; a change is a new value.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Video:
    """One video file as it was when it was indexed."""

    path: str  # absolute
    size: int  # bytes
    mtime_ns: int
    content_hash: str  # BLAKE2b-128 of the whole file, hex
    container: str  # as FFmpeg names it: "mov,mp4,m4a,3gp,3g2,mj2"
    codec: str  # "h264"
    duration: float
    fps: float  # average frame rate of the video stream, 0.0 where unknown
    width: int  # pixels as displayed, after rotation
    height: int
    rotation: int  # degrees clockwise that a player turns the coded picture: 0, 90, 180 or 270
    subtitles_stamp: str = ""  # identifies the sidecar files that were read; "" for none
    id: int | None = None  # set by the catalog
    added_at: str = ""  # ISO 8601, UTC; set by the catalog
    indexed_at: str = ""


@dataclass(frozen=True)
class Cue:
    """One line of text on the time axis of its video."""

    start: float
    end: float
    text: str
    language: str = ""  # as the file or track names it ("en", "ger"), "" where unknown
    source: str = "subtitles"  # the text source that found it


@dataclass(frozen=True)
class Segment:
    """A stretch of one video that has one embedding: a shot, or a window of a long shot."""

    video_id: int
    start: float
    end: float
    text: str = ""  # the subtitle lines that overlap it, in order
    id: int | None = None


@dataclass(frozen=True)
class NewSegment:
    """A segment on its way into the catalog, with everything that was computed for it."""

    start: float
    end: float
    text: str
    pts_seconds: NDArray[np.float64]  # (T,)
    features: NDArray[np.float16]  # (T, F) frame features
    embedding: NDArray[np.float32]  # (D,) unit length
    thumbnail: bytes  # JPEG
    thumbnail_seconds: float


@dataclass(frozen=True)
class Failure:
    """A file that could not be indexed, and why. It is not tried again until it changes."""

    path: str
    size: int
    mtime_ns: int
    stage: str  # "open", "decode", "encode"
    reason: str  # a sentence for people
    failed_at: str = ""  # ISO 8601, UTC; set by the catalog


@dataclass(frozen=True)
class Origin:
    """Where the encoder of a library comes from, as far as the store has to know."""

    model: str  # by which it is loaded again: a name, or an absolute folder
    tier: str  # where its weights come from, for people
    backbone: str  # its feature fingerprint, "backbone digest:precision"; see `same_features`


def same_features(stored: str, wanted: str) -> bool:
    """Whether features kept under one feature fingerprint serve an encoder of another.

    A fingerprint that was stored without a precision fits any precision of the same digest.
    """
    return stored in (wanted, wanted.rpartition(":")[0])


@dataclass(frozen=True)
class Hit:
    """One segment that answers a query."""

    segment_id: int
    video_id: int
    path: str
    start: float
    end: float
    score: float  # by which hits are ranked: of one query, the higher the better
    text: str = ""
    confidence: float | None = None  # how likely it is what was asked for, 0 to 1; None where nothing says so


@dataclass(frozen=True)
class Match:
    """Where, in a query clip and in a hit, the two show the same."""

    start: float  # in the video that was found
    end: float
    query_start: float  # in the query clip
    query_end: float
    similarity: float  # mean cosine of the aligned frames
    kind: str = "similar"  # "copy", "near copy", "same scene" or "similar"
    speed: float = 1.0  # of the query: 2.0 where it runs through what was found in half the time
    mirrored: bool = False  # whether the query shows it as a mirror does

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {name: round(value, 3) if isinstance(value, float) else value for name, value in vars(self).items()}


@dataclass(frozen=True)
class Explanation:
    """Why a moment answers a query of words."""

    visual: float  # shares of what the moment looks like, of its words, and of how both read together; they sum to 1
    words: float
    alignment: float
    said: tuple[str, ...]  # words of the query, as they stand in the subtitles
    named: tuple[str, ...]  # and as they stand in the names of file and folders


@dataclass(frozen=True)
class Moment:
    """A stretch of one video that answers a query: neighbouring hits in one."""

    path: str
    start: float
    end: float
    score: float  # of the best hit
    text: str
    hits: tuple[Hit, ...] = field(repr=False)  # best first
    match: Match | None = None  # for clip queries
    confidence: float | None = None  # how likely it is what was asked for, 0 to 1; None where nothing says so
    keyframe: float = 0.0  # the instant that shows best why it was found
    why: Explanation | None = None  # where it was asked for

    @property
    def segment_id(self) -> int:
        """The id of the best hit, which ``similar`` and ``show`` accept."""
        return self.hits[0].segment_id

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        row: dict[str, Any] = {
            "path": self.path,
            "start": round(self.start, 3),
            "end": round(self.end, 3),
            "keyframe": round(self.keyframe, 3),
            "score": round(self.score, 4),
            "confidence": None if self.confidence is None else round(self.confidence, 3),
            "segment": self.segment_id,
            "text": self.text,
        }
        if self.match is not None:
            row["match"] = self.match.as_dict()
        if self.why is not None:
            row["why"] = {
                name: round(value, 3) if isinstance(value, float) else value for name, value in vars(self.why).items()
            }
        return row
