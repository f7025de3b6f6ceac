"""The stored values.

Times are seconds as ``float``, counted from the first instant of the video as a player shows it. Intervals are
half-open: ``start <= t < end``. Everything here is frozen.
"""

from __future__ import annotations

import os
import re
import unicodedata
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_MARKS = "".join(mark for mark in map(chr, range(0x300, 0x3100)) if unicodedata.category(mark)[0] == "M")
_WORD = re.compile(rf"(?:[^\W_]|[{_MARKS}])+")  # vowel signs of Hindi, Thai and others are parts of words
_ARTICLES = {"a", "an", "the"}
# English plurals, and endings in the order in which they are tried; what ends in them and is no plural keeps them.
_PLURALS = {
    **{"buses": "bus", "canoes": "canoe", "children": "child", "cookies": "cookie", "feet": "foot"},
    **{"geese": "goose", "hoodies": "hoodie", "knives": "knife", "leaves": "leaf", "lives": "life"},
    **{"loaves": "loaf", "men": "man", "mice": "mouse", "movies": "movie", "people": "person"},
    **{"scarves": "scarf", "selfies": "selfie", "shelves": "shelf", "shoes": "shoe", "teeth": "tooth"},
    **{"wives": "wife", "wolves": "wolf", "women": "woman", "zombies": "zombie"},
}
_ENDINGS = (
    *((kept, kept) for kept in ("ss", "us", "is")),
    *(("ies", "y"), ("ches", "ch"), ("shes", "sh"), ("sses", "ss"), ("xes", "x"), ("oes", "o"), ("s", "")),
)


@dataclass(frozen=True)
class FileStamp:
    """Size and modification time of a file: it counts as unchanged while both stay."""

    size: int  # bytes
    mtime_ns: int  # since 1970; any that a file system can hold

    @classmethod
    def of(cls, state: os.stat_result) -> Self:
        """Return the stamp of a file from its ``os.stat``."""
        return cls(state.st_size, state.st_mtime_ns)


@dataclass(frozen=True)
class FileIdentity:
    """Which file it is and in which state, as far as a file system can tell."""

    stamp: FileStamp
    device: int
    inode: int
    ctime_ns: int  # when its content or its permissions last changed, which nobody can set

    @classmethod
    def of(cls, state: os.stat_result) -> Self:
        """Return the identity of a file from its ``os.stat`` or ``os.fstat``."""
        return cls(FileStamp.of(state), _signed(state.st_dev), _signed(state.st_ino), _signed(state.st_ctime_ns))


def _signed(number: int) -> int:
    """The same 64 bits as a number that SQLite can hold."""
    return (number + 2**63) % 2**64 - 2**63


@dataclass(frozen=True)
class Date:
    """When a video was filmed, and what told it."""

    at: str  # ISO 8601; with an offset where clock and zone are known, "Z" where the instant is, neither for a clock
    told_by: str  # "metadata", "exif", "name" or "file"

    def local(self) -> str:
        """The clock and calendar where it was filmed, those of this machine where that is not known."""
        if not self.at.endswith("Z"):
            return self.at
        try:
            return datetime.fromisoformat(self.at).astimezone().isoformat()
        except (ValueError, OverflowError, OSError):  # at the ends of the calendar
            return self.at


def iso_time(nanoseconds: int) -> str:
    """Return an instant since 1970 in UTC, to the second; "" beyond the years 1 to 9999."""
    try:
        return (datetime(1970, 1, 1) + timedelta(seconds=nanoseconds // 10**9)).isoformat() + "Z"
    except OverflowError:
        return ""


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
    language: str = ""  # of the subtitles to embed, where there are any: the preferred one, or that of the sound
    labels_stamp: str = ""  # identifies what its segments were labelled with; "" for not yet
    device: int = 0  # with the inode: which file it was; 0 in rows of versions that did not note it
    inode: int = 0
    ctime_ns: int = 0
    missing_seconds: float = 0.0  # that the file promises and does not hold: it is cut off or damaged
    audio_streams: int | None = None  # None in rows of versions that did not note it
    id: int | None = None  # set by the catalog
    added_at: str = ""  # ISO 8601, UTC; set by the catalog
    indexed_at: str = ""
    stream: int = 0  # which of the video streams was asked for, counted from 1; 0 for the main one
    mirrored: bool = False  # whether a player mirrors it left to right before it turns it
    filmed_at: str = ""  # ISO 8601 as far as it is known, see `indexer.media.filming`; "" where only the file's time is
    filmed_by: str = ""  # what told it: "metadata", "exif", "name" or "file"; "" where nobody looked yet
    camera: str = ""  # "Apple iPhone 13"
    latitude: float | None = None  # degrees north, where it was filmed
    longitude: float | None = None  # degrees east

    @property
    def date(self) -> Date:
        """When it was filmed; when its file was last changed where nothing tells that."""
        return Date(self.filmed_at, self.filmed_by) if self.filmed_at else Date(iso_time(self.mtime_ns), "file")

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON, with the date that holds."""
        return asdict(self) | {"filmed_at": self.date.at, "filmed_by": self.date.told_by}

    @property
    def file_stamp(self) -> FileStamp:
        """The file as it was when it was indexed."""
        return FileStamp(self.size, self.mtime_ns)

    @property
    def identity(self) -> FileIdentity:
        """Which file it was, and in which state."""
        return FileIdentity(self.file_stamp, self.device, self.inode, self.ctime_ns)


@dataclass(frozen=True)
class Cue:
    """One line of text on the time axis of its video."""

    start: float
    end: float
    text: str
    language: str = ""  # as the file or track names it ("en", "ger"), "" where unknown
    source: str = "subtitles"  # the text source that found it: "subtitles", "speech", "screen"
    kind: str = ""  # of its track: "forced", "sdh" (for the hard of hearing), "commentary"; "" for all that is said


@dataclass(frozen=True)
class Label:
    """What a model recognised in the frames of a segment."""

    name: str  # "dog", "riding a bicycle", "kitchen"
    score: float  # how sure the model is, of labels of one model; the higher the surer


@dataclass(frozen=True)
class Segment:
    """A stretch of one video that has one embedding: a shot, or a window of a long shot."""

    video_id: int
    start: float
    end: float
    text: str = ""  # the subtitle lines that overlap it, in order
    id: int | None = None


def row_id(row: Video | Segment) -> int:
    """Return the id of a row of the catalog.

    Raises:
        ValueError: the catalog has not set it.
    """
    if row.id is None:
        raise ValueError(f"{row} is not in the catalog")
    return row.id


@dataclass(frozen=True)
class LocatedSegment:
    """A segment of the catalog together with the path of its video."""

    segment_id: int
    video_id: int
    path: str  # absolute
    start: float
    end: float
    text: str  # the subtitle lines that overlap it, in order


@dataclass(frozen=True, eq=False)
class Windows:
    """Short stretches that tile a segment, each with its embedding: (W,) in order of time, W at least 1."""

    pts_seconds: NDArray[np.float64]  # (W, 2) when the first frame of each appears, and the one in its middle
    embeddings: NDArray[np.float16]  # (W, D) unit length, of the frames without words
    hubness: NDArray[np.float32]  # (W,) mean cosine of each with the nearest captions of a query bank


@dataclass(frozen=True)
class NewSegment:
    """A segment to be stored, with everything that was computed for it."""

    start: float
    end: float
    text: str
    pts_seconds: NDArray[np.float64]  # (T,)
    features: NDArray[np.float16]  # (T, F) frame features
    embedding: NDArray[np.float32]  # (D,) unit length
    thumbnail: bytes  # JPEG
    thumbnail_seconds: float
    windows: Windows | None = None
    hubness: float | None = None  # of the embedding, as in `Windows`
    labels: tuple[Label, ...] = ()  # no name twice


@dataclass(frozen=True, eq=False)
class SegmentText:
    """Other words of a stored segment, and the embedding of its frames with them."""

    segment_id: int
    text: str
    embedding: NDArray[np.float32]  # (D,) unit length
    hubness: float  # of the embedding, as in `Windows`


@dataclass(frozen=True)
class Failure:
    """A file that could not be indexed, and why. It is not tried again until it changes."""

    path: str
    size: int
    mtime_ns: int
    stage: str  # "open", "decode"; "index" for what went wrong after decoding
    reason: str  # a sentence for people
    failed_at: str = ""  # ISO 8601, UTC; set by the catalog

    @property
    def file_stamp(self) -> FileStamp:
        """The file as it was when it failed."""
        return FileStamp(self.size, self.mtime_ns)


@dataclass(frozen=True)
class EncoderInfo:
    """The encoder of a library, as far as the store needs it."""

    fingerprint: str  # of its weights: vectors can be compared where it is the same
    dim: int  # of its vectors
    model: str = ""  # by which it is loaded again: a name, or an absolute folder; "" if unknown
    tier: str = ""  # where its weights come from, for people
    backbone: str = ""  # its feature fingerprint, "backbone digest:precision"; see `same_features`

    def same_vectors(self, other: EncoderInfo) -> bool:
        """Whether vectors of both can be compared."""
        return (self.fingerprint, self.dim) == (other.fingerprint, other.dim)

    def same_features(self, other: EncoderInfo) -> bool:
        """Whether frame features stored under this encoder serve another one."""
        return self.backbone != "" and same_features(self.backbone, other.backbone)

    def origin(self) -> dict[str, str]:
        """Return where it comes from, under the names of the settings `encoder_origin` and `successor_origin`."""
        return {"model": self.model, "tier": self.tier, "backbone": self.backbone}


def label_key(name: str) -> str:
    """Return a label as it is compared: in small letters, without articles, every word in the singular.

    "Riding a Bicycle" and "riding bicycles" have the same key.
    """
    words = _WORD.findall(unicodedata.normalize("NFKC", name).casefold())
    kept = [_singular(word) for word in words if word not in _ARTICLES]
    return " ".join(kept or words)


def _singular(word: str) -> str:
    if word in _PLURALS:
        return _PLURALS[word]
    for ending, singular in _ENDINGS:
        if word.endswith(ending) and (singular == ending or len(word) > len(ending) + 1):
            return word[: -len(ending)] + singular
    return word


def same_features(stored: str, current: str) -> bool:
    """Whether features kept under one feature fingerprint serve an encoder of another.

    A fingerprint that was stored without a precision fits any precision of the same digest.
    """
    return stored in (current, current.rpartition(":")[0])
