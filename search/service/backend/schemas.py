"""Response schemas of the API. Times are in seconds."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import PurePath
from typing import Annotated, Any, Generic, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from search.ranking import moments
from search.ranking.calibration import LIKELY, MIN_CONFIDENCES, AnswerQuality, ConfidenceLevel, confidence_level
from search.service.backend.previews import is_playable
from store import types
from store.catalog.videos import Extent
from store.paths import path_bytes

API = "/api/v1"
LARGEST_ID = 2**53 - 1  # JavaScript's largest safe integer

_FILMED_AT = (
    "ISO 8601: with an offset where clock and zone are known, Z where only the instant is, neither where only clock or "
    "calendar are; empty if unknown."
)
_FILMED_BY = "What tells filmed_at: metadata, exif, name or, last, the time of the file."

Item = TypeVar("Item")
Id = Annotated[int, Field(ge=1, le=LARGEST_ID, examples=[1])]


def shown_path(path: str, *, local: bool) -> str:
    """Return a path for a client: whole if local, else its last component; invalid UTF-8 is replaced."""
    return path_bytes(path if local else PurePath(path).name).decode("utf-8", "replace")


def _example(**values: Any) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": [values]})


class Page(BaseModel, Generic[Item]):
    """A page of a list."""

    items: list[Item]
    total: int | None = Field(default=None, description="Length of the whole list, if known.")
    next: str | None = Field(default=None, description="URL of the next page; null on the last one.")


class Match(BaseModel):
    """The aligned parts of a query clip and a video."""

    start: float
    end: float
    query_start: float
    query_end: float
    similarity: float = Field(description="Mean cosine of the aligned frames.")
    kind: str = Field(description="copy, near copy, same scene or similar.")
    speed: float = Field(description="Of the query: 2.0 if it plays twice as fast as the video.")
    mirrored: bool = Field(description="Whether the query is mirrored.")


class Why(BaseModel):
    """Why a moment was found."""

    visual: float = Field(description="Share of the score; the three shares sum to 1.")
    words: float
    alignment: float
    said: list[str] = Field(description="Words of the query as found in subtitles and speech.")
    named: list[str] = Field(description="Words of the query as found in file and folder names.")
    written: list[str] = Field(description="Words of the query as found in the picture.")


class Line(BaseModel):
    """What is said or written in a moment."""

    start: float
    end: float
    text: str
    source: str = Field(description="Where it was read: subtitles, speech, ocr.")
    marks: list[tuple[int, int]] = Field(description="Where words of the query stand in the text; [] where none does.")


class Moment(BaseModel):
    """A part of one video that answers a query."""

    model_config = _example(
        segment=17,
        video=3,
        path="/home/me/films/beach.mp4",
        name="beach.mp4",
        start=12.5,
        end=19.0,
        keyframe=15.0,
        score=0.032,
        confidence=0.71,
        confidence_level="high",
        likely=True,
        basis="said",
        text="look at the waves",
        lines=[{"start": 12.5, "end": 15.0, "text": "look at the waves", "source": "subtitles", "marks": [[12, 17]]}],
        labels=["beach", "surfing"],
        filmed_at="2023-07-14T18:03:22+02:00",
        filmed_by="metadata",
        thumbnail=f"{API}/segments/17/thumbnail",
        match=None,
        why=None,
    )
    segment: Id
    video: Id
    path: str
    name: str
    start: float
    end: float
    keyframe: float = Field(description="Seconds of the frame that matches best.")
    score: float = Field(description="Of its best segment; a picture and words each keep a place in the first row.")
    confidence: float | None = Field(
        description="Probability that it is relevant, 0 to 1; it never rises from one moment to the next."
    )
    confidence_level: ConfidenceLevel | None = Field(description="The confidence as a word, for display.")
    likely: bool = Field(description="Whether it is of the group of likely moments, which come first.")
    basis: moments.Basis | None = Field(
        description="By what it was found: what is shown, said or written in it, or the names of file and folders."
    )
    text: str = Field(description="The lines in one.")
    lines: list[Line] = Field(description="What is said or written in it; what matches the query comes first.")
    labels: list[str] = Field(description="What the model recognised in the frames, most probable first; see shows:.")
    filmed_at: str = Field(description=_FILMED_AT)
    filmed_by: str = Field(description=_FILMED_BY)
    thumbnail: str
    match: Match | None = None
    why: Why | None = None

    @classmethod
    def of(cls, moment: moments.Moment, *, local: bool) -> Self:
        """Build it from a moment of the library."""
        best = moment.hits[0]
        return cls(
            segment=best.segment_id,
            video=best.video_id,
            path=shown_path(moment.path, local=local),
            name=shown_path(moment.path, local=False),
            start=moment.start,
            end=moment.end,
            keyframe=moment.keyframe,
            score=moment.score,
            confidence=moment.confidence,
            confidence_level=None if moment.confidence is None else confidence_level(moment.confidence),
            likely=moment.confidence is None or moment.confidence >= LIKELY,
            basis=moment.basis,
            text=moment.text,
            lines=[Line(**line.as_dict()) for line in moment.lines],
            labels=list(moment.labels),
            filmed_at=moment.date.at if moment.date else "",
            filmed_by=moment.date.told_by if moment.date else "",
            thumbnail=thumbnail_url(best.segment_id),
            match=None if moment.match is None else Match(**vars(moment.match)),
            why=None if moment.why is None else Why(**vars(moment.why)),
        )


class Moments(Page[Moment]):
    """Moments, best first."""

    verdict: AnswerQuality = Field(
        description="Whether the best moments are likely relevant: match, unsure or nothing."
    )
    note: str = Field(default="", description="What to install for a query in a language that the model does not read.")


class Segment(BaseModel):
    """A part of a video with one embedding: a shot, or a window of a long shot."""

    model_config = _example(
        id=17,
        video=3,
        start=12.5,
        end=19.0,
        text="look at the waves",
        labels=["beach", "surfing"],
        thumbnail=f"{API}/segments/17/thumbnail",
    )
    id: Id
    video: Id
    start: float
    end: float
    text: str
    labels: list[str] = Field(description="What the model recognised in the frames, most probable first; see shows:.")
    thumbnail: str

    @classmethod
    def of(cls, segment: types.Segment, labels: Sequence[types.Label]) -> Self:
        """Build it from a segment of the catalog and its labels."""
        assert segment.id is not None  # it came from the catalog
        return cls(
            id=segment.id,
            video=segment.video_id,
            start=segment.start,
            end=segment.end,
            text=segment.text,
            labels=[label.name for label in labels],
            thumbnail=thumbnail_url(segment.id),
        )


class Video(BaseModel):
    """A video of the library."""

    model_config = _example(
        id=3,
        path="/home/me/films/beach.mp4",
        name="beach.mp4",
        folder="/home/me/films",
        duration=61.4,
        width=1920,
        height=1080,
        fps=29.97,
        codec="h264",
        container="mov,mp4,m4a,3gp,3g2,mj2",
        size=48211005,
        filmed_at="2023-07-14T18:03:22+02:00",
        filmed_by="metadata",
        camera="Apple iPhone 13",
        latitude=43.4832,
        longitude=-1.5586,
        indexed_at="2026-01-31T12:00:00+00:00",
        segments=9,
        playable=True,
        thumbnail=f"{API}/segments/17/thumbnail",
        media=f"{API}/videos/3/media",
        preview=f"{API}/videos/3/preview",
        converted=False,
        missing_seconds=0.0,
        offline=False,
    )
    id: Id
    path: str
    name: str
    folder: str
    duration: float
    width: int
    height: int
    fps: float
    codec: str
    container: str
    size: int = Field(description="Bytes.")
    filmed_at: str = Field(description=_FILMED_AT)
    filmed_by: str = Field(description=_FILMED_BY)
    camera: str = Field(default="", description="Empty if the file does not tell.")
    latitude: float | None = Field(default=None, description="Degrees north, where it was filmed.")
    longitude: float | None = Field(default=None, description="Degrees east.")
    indexed_at: str
    segments: int
    playable: bool = Field(description="Whether most browsers play the file itself.")
    thumbnail: str | None
    media: str
    preview: str | None = Field(description="URL of a transcoded preview, if ffmpeg is installed.")
    converted: bool = Field(default=False, description="Whether the preview is made already.")
    missing_seconds: float = Field(default=0.0, description="Missing or damaged at the end of the file.")
    offline: bool = Field(default=False, description="Whether the file is out of reach: gone, or its drive is.")

    @classmethod
    def of(cls, video: types.Video, extent: Extent | None, *, local: bool, previews: bool) -> Self:
        """Build it from a video of the catalog."""
        assert video.id is not None  # it came from the catalog
        url = f"{API}/videos/{video.id}"
        return cls(
            id=video.id,
            path=shown_path(video.path, local=local),
            name=shown_path(video.path, local=False),
            folder=shown_path(os.path.dirname(video.path), local=local),
            duration=video.duration,
            width=video.width,
            height=video.height,
            fps=video.fps,
            codec=video.codec,
            container=video.container,
            size=video.size,
            filmed_at=video.date.at,
            filmed_by=video.date.told_by,
            camera=video.camera,
            latitude=video.latitude if local else None,
            longitude=video.longitude if local else None,
            indexed_at=video.indexed_at,
            segments=extent.segments if extent else 0,
            playable=is_playable(video),
            thumbnail=thumbnail_url(extent.middle) if extent else None,
            media=f"{url}/media",
            preview=f"{url}/preview" if previews else None,
            missing_seconds=video.missing_seconds,
            offline=not os.path.lexists(video.path),
        )


class Cue(BaseModel):
    """A line of subtitles, speech or on-screen text."""

    model_config = _example(start=13.0, end=15.2, text="look at the waves", language="en", source="subtitles")
    start: float
    end: float
    text: str
    language: str
    source: str = Field(default="subtitles", description='What it was found in: "subtitles", "speech", "screen".')


class WholeVideo(Video):
    """A video with its segments and subtitles."""

    segment_list: list[Segment] = []
    cues: list[Cue] = []


class PlacedSegment(Segment):
    """A segment with its video."""

    of_video: Video


class Month(BaseModel):
    """A month in which videos were filmed."""

    model_config = _example(month="2023-07", videos=12, seconds=740.5)
    month: str
    videos: int
    seconds: float


class Folder(BaseModel):
    """A folder that contains videos of the library."""

    model_config = _example(folder="/home/me/films", videos=12, seconds=740.5)
    folder: str
    videos: int
    seconds: float


class Failure(BaseModel):
    """A file that could not be indexed."""

    model_config = _example(
        path="/home/me/films/broken.mp4",
        name="broken.mp4",
        stage="open",
        reason="not a media file, or too damaged to be opened",
        failed_at="2026-01-31T12:00:00+00:00",
    )
    path: str
    name: str
    stage: str
    reason: str
    failed_at: str


class StoryFrame(BaseModel):
    """A keyframe that represents a part of a video."""

    seconds: float
    segment: Id
    share: float = Field(description="Share of the video nearest to this keyframe, 0 to 1.")
    text: str = Field(description="Subtitle lines at that time.")
    image: str


class StoryChapter(BaseModel):
    """A part of a video with a title."""

    start: float
    end: float
    title: str
    spoken: bool = Field(description="Whether the title is a subtitle line.")
    thumbnail: str


class Storyboard(BaseModel):
    """Keyframes and chapters of a video, in order of time."""

    frames: list[StoryFrame]
    chapters: list[StoryChapter]


class UploadLimits(BaseModel):
    """Limits of one upload."""

    max_bytes: int
    max_seconds: float


class Status(BaseModel):
    """Contents of the library and capabilities of the service."""

    model_config = _example(
        library="/home/me/.local/share/videobert/library",
        model="videobert-mini-df716289af8a",
        tier="comes with the program",
        videos=300,
        segments=412,
        failures=2,
        seconds=1829.8,
        bytes=17438165,
        version="0.1.0",
        ready=True,
        local=True,
        previews=True,
        uploads={"max_bytes": 536870912, "max_seconds": 120.0},
        min_confidences=[0.1, 0.25, 0.5],
        suggested_folders=["/home/me/Videos"],
    )
    library: str
    model: str
    tier: str
    videos: int
    segments: int
    failures: int
    seconds: float = Field(description="Of video.")
    bytes: int = Field(description="Size of the library on disk.")
    version: str
    ready: bool = Field(description="Whether the model is loaded.")
    local: bool = Field(description="Whether this client may see paths, index and remove videos.")
    previews: bool = Field(description="Whether ffmpeg is installed.")
    uploads: UploadLimits
    min_confidences: list[float] = Field(
        default=list(MIN_CONFIDENCES), description="Values of min_confidence that a user interface offers."
    )
    suggested_folders: list[str] = Field(
        description="Folders of this machine that often hold videos; for local clients."
    )


def thumbnail_url(segment_id: int) -> str:
    """Return the URL of a segment's thumbnail."""
    return f"{API}/segments/{segment_id}/thumbnail"
