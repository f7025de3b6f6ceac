"""Moments of reels: made of what people point at, and found again in the library when they are shown or exported."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from search.ranking.lines import with_lines
from search.ranking.moments import Moment, located_hits, with_dates, with_labels
from store.catalog.catalog import Catalog
from store.catalog.reels import Select
from store.errors import NotInLibrary
from store.types import Video, row_id


def select(
    catalog: Catalog, *, video: Video | None = None, segment: int | None = None, start: float | None, end: float | None
) -> Select:
    """Return a moment to collect: a part of a video, or a segment; all of it where no times are given.

    Raises:
        NotInLibrary: the library has no such segment.
        ValueError: it lies outside of the video.
    """
    if segment is not None:
        held = catalog.segments.get(segment)
        if held is None:
            raise NotInLibrary("segment", [segment])
        video = catalog.videos.existing(held.video_id)
        start, end = (held.start if start is None else start), (held.end if end is None else end)
    assert video is not None
    start, end = start or 0.0, video.duration if end is None else min(end, video.duration)
    if not 0 <= start < end:
        raise ValueError(f"{video.path} lasts {video.duration:.1f} s, and a moment in it ends after it starts")
    return Select(video.path, video.content_hash, start, end)


def video_of(catalog: Catalog, chosen: Select) -> Video | None:
    """Return the video of a collected moment, wherever it lies now; None where the library has it no more."""
    video = catalog.videos.at(chosen.path)
    if video is not None and video.content_hash == chosen.content_hash:
        return video
    return next(iter(catalog.videos.with_hash(chosen.content_hash)), video)


def located(catalog: Catalog, selects: Iterable[Select]) -> list[Moment]:
    """Return collected moments with what the library knows of them now; without hits where their videos are gone."""
    return [_located(catalog, chosen) for chosen in selects]


def moment_at(catalog: Catalog, video: Video, start: float, end: float, *, segment: int | None = None) -> Moment:
    """Return a part of a video as a moment; its segment is the given one, or that at its start."""
    if segment is None:
        before = [each for each in catalog.segments.of(row_id(video)) if each.start <= start]
        segment = before[-1].id if before else None
    hits = [] if segment is None else located_hits(catalog, [segment])
    moment = Moment(video.path, start, end, 0.0, "", tuple(hits), keyframe=(start + end) / 2)
    if not hits:
        return replace(moment, date=video.date)
    (found,) = with_dates(catalog, with_labels(catalog, with_lines(catalog, [moment])))
    return found


def _located(catalog: Catalog, chosen: Select) -> Moment:
    video = video_of(catalog, chosen)
    if video is None:
        return Moment(chosen.path, chosen.start, chosen.end, 0.0, "", (), select=chosen)
    return replace(moment_at(catalog, video, chosen.start, chosen.end), select=chosen)
