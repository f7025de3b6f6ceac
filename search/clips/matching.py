"""Matching of clips and moments: similarity, matching part, and kind of match.

Frames of one scene are similar at any time; only in copies do the changes between frames agree too. The thresholds of
`match_kind` are those that `python -m benchmarks.alignment fit` prints, which makes copies of clips in many ways.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from indexer.features.clip import Clip
from search.clips.alignment import Alignment, align
from search.clips.frames import FrameNormalizer, FrameSequence
from search.ranking.moments import Match, Moment
from store.types import Segment

Kind = Literal["copy", "near copy", "same scene", "similar"]

SCENE = 0.66  # similarity from which two stretches show one scene
CHANGES = 0.37  # agreement from which they are copies and not two parts of one scene; 0.32 to 0.43 are equally good
COPY = 0.90  # similarity of a copy that was only re-encoded, cut or watermarked

_STILL = 0.985  # similarity from which stretches without changes are copies
_FEWEST = 3  # least number of frames for the agreement of changes to be meaningful

_EDITED = 0.02  # cosine; a view must beat the clip by it
_CENTER_CROP = 0.1  # the same for a crop of most of the picture, whose rest matches more easily
_CERTAIN = 1 - _EDITED
_LEAST_REACH = 10.0  # seconds before and after a moment into which a match may extend
_COPIES = {"copy", "near copy"}


@dataclass(frozen=True, eq=False)
class QueryView:
    """A query clip, unaltered or with an edit undone.

    Attributes:
        frames: of the clip.
        parts: float32 (Tn, F), unit rows of each of its N segments.
        mirrored: whether the view is the clip mirrored.
        penalty: cosine by which its alignment must beat that of the unaltered clip; 0 for the unaltered clip.
        maxsim_penalty: the same for `maxsim`.
    """

    frames: FrameSequence
    parts: tuple[NDArray[np.float32], ...]
    mirrored: bool = False
    penalty: float = 0.0
    maxsim_penalty: float = 0.0

    def maxsim(self, found: NDArray[np.float32]) -> float:
        """Return `maxsim` of the segment most similar to the found frames, minus the penalty."""
        return max(maxsim(part, found) for part in self.parts) - self.maxsim_penalty


def query_views(clip: Clip, normalizer: FrameNormalizer) -> list[QueryView]:
    """Normalize the frames of a clip and of its views; the unaltered clip is first."""
    end = float(clip.pts_seconds[-1])
    if len(clip.pts_seconds) > 1:
        end += float(np.median(np.diff(clip.pts_seconds)))

    def view(
        features: NDArray[np.float16], *, mirrored: bool = False, penalty: float = 0.0, maxsim_penalty: float = 0.0
    ) -> QueryView:
        frames = normalizer.sequence(clip.pts_seconds, features, end)
        parts = np.split(frames.rows, np.cumsum(clip.lengths)[:-1])
        return QueryView(frames, tuple(parts), mirrored, penalty, maxsim_penalty)

    views = [view(clip.features)]
    for each in clip.views:
        penalties = (_CENTER_CROP, _CENTER_CROP) if each.center_crop else (_EDITED, 0.0)
        views.append(view(each.features, mirrored=each.mirrored, penalty=penalties[0], maxsim_penalty=penalties[1]))
    return views


def maxsim(query: NDArray[np.float32], found: NDArray[np.float32]) -> float:
    """Average the cosine of each query frame with its nearest found frame: the share of a clip that a stretch shows.

    The single vector of a segment averages its frames; comparing frames also finds a part (MaxSim of Khattab and
    Zaharia, "ColBERT", 2020).

    Args:
        query: float32 (Tq, F), unit rows.
        found: float32 (Tf, F), unit rows.

    Returns:
        -1 to 1.
    """
    return float((query @ found.T).max(axis=1).mean())


def match_kind(alignment: Alignment | None, *, edited: bool = False) -> Kind:
    """Return the kind of match of two aligned stretches.

    "copy": the same pictures at the same speed, possibly re-encoded, scaled, cut or watermarked. "near copy": the same
    recording, but cropped, mirrored, letterboxed, faster, slower, or filmed from a screen. "same scene": another take,
    or another moment of the same shot. "similar": none of these.

    Args:
        edited: whether the query had to be mirrored or its letterbox removed to match.
    """
    if alignment is None or alignment.similarity < SCENE:
        return "similar"
    untouched = alignment.speed == 1.0 and not edited
    changing = alignment.agreement >= CHANGES and alignment.frames >= _FEWEST
    if untouched and alignment.similarity >= (COPY if changing else _STILL):
        return "copy"
    return "near copy" if changing else "same scene"


def place(
    views: Sequence[QueryView],
    moments: Sequence[Moment],
    normalizer: FrameNormalizer,
    top: int,
    *,
    without: int | None = None,
) -> list[Moment]:
    """Add the matching part and the kind of match to the `top` best moments.

    A moment with a copy is narrowed to the copied stretch, and replaces all other moments in that stretch.

    Args:
        views: of the query clip.
        moments: best first.
        normalizer: of the library.
        top: largest number of moments.
        without: segment to ignore, if the query is a segment of the library.
    """
    placed: list[Moment] = []
    for moment in moments:
        found = _placed(moment, views, normalizer, without)
        if not any(_holds(earlier, found) for earlier in placed):
            placed.append(found)
        if len(placed) == top:
            break
    return placed


def _placed(moment: Moment, views: Sequence[QueryView], normalizer: FrameNormalizer, without: int | None) -> Moment:
    segments = normalizer.catalog.segments.of(moment.hits[0].video_id)
    found = normalizer.of_segments(_around(moment, views[0].frames, segments, without))
    best = _best(views, found)
    if best is None or not _overlap(best[0], moment):  # a match outside it is another moment
        found = found.between(moment.start, moment.end)
        best = _best(views, found)
    if best is None:
        return moment
    alignment, view = best
    kind = match_kind(alignment, edited=view.penalty > 0)
    if kind not in _COPIES:  # speed and mirroring are meaningless for these
        alignment = align(view.frames, found, speeds=(1.0,)) or alignment
    match = Match(
        start=alignment.start,
        end=alignment.end,
        query_start=max(alignment.query_start, 0.0),
        query_end=alignment.query_end,
        similarity=alignment.similarity,
        kind=kind,
        speed=alignment.speed,
        mirrored=view.mirrored and kind in _COPIES,
    )
    if kind not in _COPIES:
        return replace(moment, match=match)
    middle = (match.start + match.end) / 2
    return replace(moment, match=match, start=match.start, end=match.end, keyframe=middle)


def _best(views: Sequence[QueryView], found: FrameSequence) -> tuple[Alignment, QueryView] | None:
    """Return the best match and its view: the unaltered clip unless another view is clearly better."""
    best: tuple[Alignment, QueryView] | None = None
    for view in views:
        alignment = align(view.frames, found)
        if alignment and (best is None or alignment.similarity - view.penalty > best[0].similarity - best[1].penalty):
            best = alignment, view
        if best and best[0].similarity >= _CERTAIN:  # no other view can be clearly better
            break
    return best


def _overlap(alignment: Alignment, moment: Moment) -> bool:
    return alignment.start < moment.end and alignment.end > moment.start


def _around(moment: Moment, query: FrameSequence, segments: Sequence[Segment], without: int | None) -> list[Segment]:
    """Return the segments of a moment, and those around it into which the clip may extend."""
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
    """Return whether an earlier moment is a copy that contains the later one."""
    return (
        earlier.match is not None
        and earlier.match.kind in _COPIES
        and earlier.hits[0].video_id == later.hits[0].video_id
        and earlier.start <= (later.start + later.end) / 2 < earlier.end
    )
