"""Moments that look like a clip -> where in time they match, and of what kind the match is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from indexer.features.clip import Clip
from search.clips.alignment import Alignment, Track, align
from search.clips.frames import Looks
from search.clips.kinship import kind
from store.types import Match, Moment, Segment

_EDITED = 0.02  # of likeness: a view has to be so much better than the clip as it is
CLOSE = 0.1  # the same where most of the picture is left out, for what is left is more easily like something
_CERTAIN = 1 - _EDITED
_LEAST_REACH = 10.0  # seconds beside a moment where the match may go on
_COPIES = {"copy", "near copy"}


@dataclass(frozen=True, eq=False)
class _Look:
    """The clip as it is, or after something was undone."""

    track: Track
    mirrored: bool
    handicap: float  # of likeness, beside the clip as it is; 0 for that


def place(clip: Clip, moments: Sequence[Moment], looks: Looks, top: int, *, without: int | None = None) -> list[Moment]:
    """Say of the `top` best moments where each matches the clip, and how.

    A moment that holds a copy becomes the stretch that was copied, and stands for all moments in that stretch.

    Args:
        without: a segment of the library that does not count, being the query itself.
    """
    tracks = _looks(clip, looks)
    placed: list[Moment] = []
    for moment in moments:
        found = _placed(moment, tracks, looks, without)
        if not any(_holds(earlier, found) for earlier in placed):
            placed.append(found)
        if len(placed) == top:
            break
    return placed


def _looks(clip: Clip, looks: Looks) -> list[_Look]:
    end = float(clip.pts_seconds[-1])
    if len(clip.pts_seconds) > 1:
        end += float(np.median(np.diff(clip.pts_seconds)))
    seen = [(clip.features, False, 0.0)]
    seen += [(view.features, view.mirrored, CLOSE if view.close else _EDITED) for view in clip.views]
    return [
        _Look(looks.track(clip.pts_seconds, features, end), mirrored, handicap) for features, mirrored, handicap in seen
    ]


def _placed(moment: Moment, tracks: Sequence[_Look], looks: Looks, without: int | None) -> Moment:
    segments = looks.catalog.segments(moment.hits[0].video_id)
    found = looks.stored(_around(moment, tracks[0].track, segments, without))
    best = _best(tracks, found)
    if best is None or not _overlap(best[0], moment):  # what matches beside it is another moment
        found = found.between(moment.start, moment.end)
        best = _best(tracks, found)
    if best is None:
        return moment
    alignment, look = best
    kinship = kind(alignment, edited=look.handicap > 0)
    if kinship not in _COPIES:  # a speed means nothing then, nor does left and right
        alignment = align(look.track, found, speeds=(1.0,)) or alignment
    match = Match(
        start=alignment.start,
        end=alignment.end,
        query_start=max(alignment.query_start, 0.0),
        query_end=alignment.query_end,
        similarity=alignment.similarity,
        kind=kinship,
        speed=alignment.speed,
        mirrored=look.mirrored and kinship in _COPIES,
    )
    if kinship not in _COPIES:
        return replace(moment, match=match)
    middle = (match.start + match.end) / 2
    return replace(moment, match=match, start=match.start, end=match.end, keyframe=middle)


def _best(tracks: Sequence[_Look], found: Track) -> tuple[Alignment, _Look] | None:
    """The view that matches best, with its match; the clip as it is unless another is clearly better."""
    best: tuple[Alignment, _Look] | None = None
    for look in tracks:
        alignment = align(look.track, found)
        if alignment and (best is None or alignment.similarity - look.handicap > best[0].similarity - best[1].handicap):
            best = alignment, look
        if best and best[0].similarity >= _CERTAIN:  # it cannot be clearly better in another view
            break
    return best


def _overlap(alignment: Alignment, moment: Moment) -> bool:
    return alignment.start < moment.end and alignment.end > moment.start


def _around(moment: Moment, query: Track, segments: Sequence[Segment], without: int | None) -> list[Segment]:
    """The segments of a moment, and those beside it that the clip may reach into."""
    reach = max(2 * query.end, _LEAST_REACH)
    first, last = moment.start - reach, moment.end + reach
    for segment in segments:
        if segment.id == without and segment.end <= moment.start:
            first = max(first, segment.end)
        if segment.id == without and segment.start >= moment.end:
            last = min(last, segment.start)
    return [
        segment
        for segment in segments
        if (first <= segment.start and segment.end <= last)
        or (segment.start < moment.end and segment.end > moment.start)
    ]


def _holds(earlier: Moment, later: Moment) -> bool:
    """Whether an earlier moment is a copy that the later one lies in."""
    return (
        earlier.match is not None
        and earlier.match.kind in _COPIES
        and earlier.hits[0].video_id == later.hits[0].video_id
        and earlier.start <= (later.start + later.end) / 2 < earlier.end
    )
