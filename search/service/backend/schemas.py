"""What the service answers with, as the API describes it. Times are seconds."""

from __future__ import annotations

import os
from pathlib import PurePath
from typing import Annotated, Any, Generic, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from search.ranking import moments
from search.ranking.calibration import MIN_CONFIDENCES, AnswerQuality, ConfidenceLevel, confidence_level
from search.service.backend.previews import is_playable
from store import types
from store.catalog.videos import Extent

API = "/api/v1"
LARGEST_ID = 2**53 - 1  # that JavaScript counts to

Item = TypeVar("Item")
Id = Annotated[int, Field(ge=1, le=LARGEST_ID, examples=[1])]


def shown_path(path: str, *, local: bool) -> str:
    """A path as a client is told it: whole if it is local, the name otherwise; what is not text is replaced."""
    return os.fsencode(path if local else PurePath(path).name).decode("utf-8", "replace")


def _example(**values: Any) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": [values]})


class Page(BaseModel, Generic[Item]):
    """A part of a list."""

    items: list[Item]
    total: int | None = Field(default=None, description="How many there are in all, where that is known.")
    next: str | None = Field(default=None, description="Where the next part is; null at the end.")


class Match(BaseModel):
    """Where, in a query clip and in a video, the two show the same."""

    start: float
    end: float
    query_start: float
    query_end: float
    similarity: float = Field(description="Mean cosine of the frames that lie over each other.")
    kind: str = Field(description="copy, near copy, same scene or similar.")
    speed: float = Field(description="Of the query: 2.0 where it runs through what was found in half the time.")
    mirrored: bool = Field(description="Whether the query shows it as a mirror does.")


class Why(BaseModel):
    """What a moment was found by."""

    visual: float = Field(description="The three shares sum to 1.")
    words: float
    alignment: float
    said: list[str] = Field(description="Words of the query, as they stand in the subtitles.")
    named: list[str] = Field(description="And as they stand in the names of file and folders.")


class Moment(BaseModel):
    """A stretch of one video that answers a query."""

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
        text="look at the waves",
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
    keyframe: float = Field(description="The instant that shows best why it was found.")
    score: float = Field(description="By which moments are ranked, of one query.")
    confidence: float | None = Field(description="How likely it is what was asked for, 0 to 1.")
    confidence_level: ConfidenceLevel | None = Field(description="The confidence as a word, for display.")
    text: str
    thumbnail: str
    match: Match | None = None
    why: Why | None = None

    @classmethod
    def of(cls, moment: moments.Moment, *, local: bool) -> Self:
        """A moment as a client is told it."""
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
            text=moment.text,
            thumbnail=thumbnail_url(best.segment_id),
            match=None if moment.match is None else Match(**vars(moment.match)),
            why=None if moment.why is None else Why(**vars(moment.why)),
        )


class Moments(Page[Moment]):
    """Moments, best first."""

    verdict: AnswerQuality = Field(description="Whether the best of them is likely what was asked for.")


class Segment(BaseModel):
    """A stretch of a video that has one vector: a shot, or a part of a long one."""

    model_config = _example(
        id=17, video=3, start=12.5, end=19.0, text="look at the waves", thumbnail=f"{API}/segments/17/thumbnail"
    )
    id: Id
    video: Id
    start: float
    end: float
    text: str
    thumbnail: str

    @classmethod
    def of(cls, segment: types.Segment) -> Self:
        """A segment as a client is told it."""
        assert segment.id is not None  # it came from the catalog
        return cls(
            id=segment.id,
            video=segment.video_id,
            start=segment.start,
            end=segment.end,
            text=segment.text,
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
        indexed_at="2026-01-31T12:00:00+00:00",
        segments=9,
        playable=True,
        thumbnail=f"{API}/segments/17/thumbnail",
        media=f"{API}/videos/3/media",
        preview=f"{API}/videos/3/preview",
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
    indexed_at: str
    segments: int
    playable: bool = Field(description="Whether browsers usually play it as it is.")
    thumbnail: str | None
    media: str
    preview: str | None = Field(description="Where a form that browsers play is made, if this machine can make it.")

    @classmethod
    def of(cls, video: types.Video, extent: Extent | None, *, local: bool, previews: bool) -> Self:
        """A video as a client is told it."""
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
            indexed_at=video.indexed_at,
            segments=extent.segments if extent else 0,
            playable=is_playable(video),
            thumbnail=thumbnail_url(extent.middle) if extent else None,
            media=f"{url}/media",
            preview=f"{url}/preview" if previews else None,
        )


class Cue(BaseModel):
    """A subtitle line."""

    model_config = _example(start=13.0, end=15.2, text="look at the waves", language="en")
    start: float
    end: float
    text: str
    language: str


class WholeVideo(Video):
    """A video with its parts."""

    segment_list: list[Segment] = []
    cues: list[Cue] = []


class PlacedSegment(Segment):
    """A segment with the video it is of."""

    of_video: Video


class Folder(BaseModel):
    """A folder that videos lie in."""

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
    """A picture that stands for a part of a video."""

    seconds: float
    segment: Id
    share: float = Field(description="Of the video that looks more like it than like the others, 0 to 1.")
    text: str = Field(description="The subtitle lines at that time.")
    image: str


class StoryChapter(BaseModel):
    """A part of a video and what it is about."""

    start: float
    end: float
    title: str
    spoken: bool = Field(description="Whether the title is a subtitle line.")
    thumbnail: str


class Storyboard(BaseModel):
    """A video in short, in order of time."""

    frames: list[StoryFrame]
    chapters: list[StoryChapter]


class UploadLimits(BaseModel):
    """What is taken of one upload at most."""

    max_bytes: int
    max_seconds: float


class Status(BaseModel):
    """What the library holds, and what the service can do."""

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
    bytes: int = Field(description="That the library takes.")
    version: str
    ready: bool = Field(description="Whether the model is loaded.")
    local: bool = Field(description="Whether this client is told paths, and may index and forget videos.")
    previews: bool = Field(description="Whether ffmpeg is there.")
    uploads: UploadLimits
    min_confidences: list[float] = Field(
        default=list(MIN_CONFIDENCES), description="Values of min_confidence that a user interface offers."
    )
    suggested_folders: list[str] = Field(description="Of this machine, where videos are likely; for local clients.")


def thumbnail_url(segment_id: int) -> str:
    """Where the picture of a segment is."""
    return f"{API}/segments/{segment_id}/thumbnail"
