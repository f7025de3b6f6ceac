"""A catalog with videos whose vectors are made by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from store.catalog.analyzer import terms
from store.catalog.catalog import Catalog
from store.types import Cue, NewSegment, Video

DIM = 4
OWNED_TABLES = ("segments", "embeddings", "frame_features", "thumbnails", "cues")
CUES = [Cue(0.0, 1.5, "Cut the onions", "en"), Cue(2.0, 3.0, "crème brûlée", "")]


def a_video(path: str = "/films/a.mp4", **facts: object) -> Video:
    video = Video(path, 1000, 2**60 + 1, "c0ffee", "mov,mp4", "h264", 12.5, 29.97, 640, 360, 90, "s:1")
    return replace(video, **facts)  # type: ignore[arg-type]


def some_segments(count: int = 2, seed: int = 0, frames: int = 3) -> list[NewSegment]:
    random = np.random.default_rng(seed)
    vectors = random.normal(size=(count, DIM))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return [
        NewSegment(
            start=float(i),
            end=i + 1.0,
            text=f"text {i}",
            pts_seconds=i + np.arange(frames) / 3,
            features=random.normal(size=(frames, 5)).astype(np.float16),
            embedding=vectors[i].astype(np.float32),
            thumbnail=b"\xff\xd8" + bytes([i % 256]),
            thumbnail_seconds=i + 0.5,
        )
        for i in range(count)
    ]


def put(catalog: Catalog, path: str = "/films/a.mp4", count: int = 2, seed: int = 0) -> int:
    number = catalog.put_video(a_video(path), some_segments(count, seed), CUES).id
    assert number is not None
    return number


def ids_of(catalog: Catalog, video_id: int) -> list[int]:
    return [segment.id for segment in catalog.segments.of(video_id) if segment.id is not None]


def rows_in(catalog: Catalog) -> dict[str, int]:
    return {table: catalog.database.tuples(f"SELECT count(*) FROM {table}")[0][0] for table in OWNED_TABLES}


def lines(catalog: Catalog, *texts: str, path: str = "/s/s.mp4") -> Video:
    """A video of one-second segments with one line of subtitles each."""
    cues = [Cue(float(i), i + 1.0, text) for i, text in enumerate(texts)]
    return catalog.put_video(a_video(path), some_segments(len(texts)), cues)


def found(catalog: Catalog, query: str, *phrases: str, limit: int = 10) -> list[str]:
    segments = [
        catalog.segments.get(number) for number in catalog.fulltext.search(terms(query), phrases=phrases, limit=limit)
    ]
    return [catalog.cues.of(segment.video_id)[int(segment.start)].text for segment in segments if segment]
