"""Temporal alignment of two stretches of video: matching part, offset and relative speed.

Both are frame features with their times. `align` finds the line `found = offset + speed * query` along which the frames
are most similar, like the local alignment of Smith and Waterman ("Identification of common molecular subsequences",
1981): similarity above a floor adds to the score of a line, similarity below it subtracts, and the run of the highest
sum gives start and end. A part of the query may thus match a part of the video. In long videos a short piece is aligned
first, and the line is then extended.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from search.clips.frames import FrameSequence

SPEEDS = (1.0, 0.5, 0.57, 0.65, 0.73, 0.8, 0.87, 0.93, 1.07, 1.15, 1.25, 1.4, 1.55, 1.75, 2.0)

_PIECE = 32  # frames of the query that are tried at every speed and offset: 16 s at 2 frames per second
_REACH = 192  # frames of the video that such a piece is tried on
_PIECES = 4  # pieces of the query that are tried without a hint
_UNRELATED = 0.3  # similarity of unrelated frames, the floor of the score
_OF_BEST = 0.6  # share of the mean similarity along a line; frames below do not match
_MOTION = 8.0  # weight of the agreement of changes, relative to the similarity of pictures
_ORDINARY = 1.01  # factor by which another speed must beat speed 1
_LOOKED_AT = 256  # most frames used to refine offset and speed
_TURNS = 3  # steps to either side when refining a speed
_AGAINST = -4.0  # score of a frame outside the other stretch, which no run crosses


@dataclass(frozen=True)
class Alignment:
    """Two matching stretches, in seconds of the found video and of the query."""

    start: float
    end: float
    query_start: float
    query_end: float
    speed: float  # of the query: 2.0 if it plays the video's stretch in half the time
    similarity: float  # mean cosine of the frames on the line
    agreement: float  # correlation of the changes along the line, -1 to 1; 0 if nothing changes
    frames: int  # frames of the query on the line


@dataclass(frozen=True)
class _Line:
    """found = there + speed * (query - here)."""

    here: float  # middle of the aligned part of the query, seconds
    there: float
    speed: float
    worth: float

    def at(self, seconds: NDArray[np.float64]) -> NDArray[np.float64]:
        """Convert times of the query to times of the video."""
        return self.there + self.speed * (seconds - self.here)


def align(
    query: FrameSequence,
    found: FrameSequence,
    *,
    near: Sequence[tuple[float, float]] = (),
    speeds: Sequence[float] = SPEEDS,
) -> Alignment | None:
    """Find the stretch that two sequences share.

    Args:
        query: frames of the query.
        found: frames of the video.
        near: times in the query and in the video that are known to match, best first; without any, pieces spread over
            the query are tried everywhere.
        speeds: to try, 1 first; in long sequences the speed is refined to correct drift.

    Returns:
        None if nothing matches or all frames are blank.
    """
    if not (query.shown.any() and found.shown.any()):
        return None
    pairs = [_around(query, found, *instants) for instants in near] or _pieces(query, found)
    lines = [line for piece, reach in pairs if (line := _best_line(piece, reach, speeds))]
    if not lines:
        return None
    return _grown(max(lines, key=lambda line: line.worth), query, found)


def _around(
    query: FrameSequence, found: FrameSequence, here: float, there: float
) -> tuple[FrameSequence, FrameSequence]:
    half, reach = _PIECE * query.step / 2, _PIECE * query.step * 1.5
    return query.between(here - half, here + half), found.between(there - reach, there + reach)


def _pieces(query: FrameSequence, found: FrameSequence) -> list[tuple[FrameSequence, FrameSequence]]:
    """Return pieces of the query, each with a part of the video that may contain it."""
    count = min(-(-len(query) // _PIECE), _PIECES)
    firsts = np.linspace(0, max(len(query) - _PIECE, 0), count).astype(int).tolist()
    pairs = []
    for first in firsts:
        rows = slice(first, first + _PIECE)
        piece = query.subset(rows)
        if len(found) <= _REACH:
            pairs.append((piece, found))
        else:
            middle = int((piece.visible @ found.visible.T).max(axis=0).argmax())
            low = max(middle - _REACH // 2, 0)
            near = slice(low, low + _REACH)
            pairs.append((piece, found.subset(near)))
    return pairs


def _best_line(query: FrameSequence, found: FrameSequence, speeds: Sequence[float]) -> _Line | None:
    """Try every speed with every offset in steps of half a frame, and around the best in finer ones."""
    if not (len(query) and len(found)):
        return None
    similarities, change = _similarities(query, found)
    best = _Line(0.0, 0.0, 1.0, 0.0)
    for speed in speeds if min(len(query), len(found)) > 2 else speeds[:1]:
        margin = _ORDINARY if speed != 1.0 and best.speed == 1.0 else 1.0
        line = _best_of(query, found, similarities, change, _offsets(query, found, speed), speed)
        line = replace(line, worth=line.worth * min(speed, 1.0))  # otherwise stills would match best in slow motion
        if line.worth > best.worth * margin:
            best = line
    if best.worth <= 0:
        return None
    offsets = best.there - best.speed * best.here + np.arange(-4, 5) * found.step / 8
    near = _best_of(query, found, similarities, change, offsets[np.argsort(abs(np.arange(-4, 5)))], best.speed)
    return replace(near, worth=best.worth)


def _offsets(query: FrameSequence, found: FrameSequence, speed: float) -> NDArray[np.float64]:
    step = found.step / 2
    first = found.pts_seconds[0] - speed * query.pts_seconds[-1]
    last = found.pts_seconds[-1] - speed * query.pts_seconds[0]
    # Include shifts by whole frames, which are exact for copies without a cut between two frames.
    return np.asarray(np.arange(np.floor(first / step) * step, last + step, step))


def _similarities(query: FrameSequence, found: FrameSequence) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return cosines (Tq, Tf), and the same with the mean of each row and column subtracted."""
    similarities = query.visible @ found.visible.T
    here, there = query.shown, found.shown
    change = np.zeros_like(similarities)
    if here.any() and there.any():
        inner = similarities[np.ix_(here, there)]
        inner = inner - inner.mean(axis=0) - inner.mean(axis=1, keepdims=True) + inner.mean()
        change[np.ix_(here, there)] = inner
        similarities[~here] = similarities[:, ~there] = _UNRELATED  # neither for nor against
    return similarities, change


def _best_of(
    query: FrameSequence,
    found: FrameSequence,
    similarities: NDArray[np.float32],
    change: NDArray[np.float32],
    offsets: NDArray[np.float64],
    speed: float,
) -> _Line:
    """Return the best line among offsets (O,)."""
    times = offsets[:, None] + speed * query.pts_seconds[None]
    inside = (times > found.pts_seconds[0] - found.step / 2) & (times < found.pts_seconds[-1] + found.step)
    before = np.clip(np.searchsorted(found.pts_seconds, times, side="right") - 1, 0, max(len(found) - 2, 0))
    after = np.minimum(before + 1, len(found) - 1)
    gap = np.maximum(found.pts_seconds[after] - found.pts_seconds[before], 1e-9)
    share = np.clip((times - found.pts_seconds[before]) / gap, 0.0, 1.0)
    rows = np.arange(len(query))[None]
    gain = similarities - _UNRELATED + _MOTION * change
    share = share.astype(np.float32)
    along = np.where(inside, (1 - share) * gain[rows, before] + share * gain[rows, after], _AGAINST)
    worth = _best_runs(along)
    best = int(worth.argmax())
    here = float(query.pts_seconds[len(query) // 2])
    return _Line(here, float(offsets[best]) + speed * here, speed, float(worth[best]))


def _best_runs(gains: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the largest sum of consecutive values in each row: (O, T) -> (O,)."""
    sums = np.cumsum(gains, axis=1)
    lowest = np.minimum(np.minimum.accumulate(sums, axis=1), 0.0)
    before = np.concatenate([np.zeros((len(sums), 1)), lowest[:, :-1]], axis=1)
    return np.asarray((sums - before).max(axis=1))


def _grown(line: _Line, query: FrameSequence, found: FrameSequence) -> Alignment | None:
    """Extend a line from a piece over both sequences, refining offset and speed."""
    length = _PIECE * query.step
    if line.speed != 1.0:
        part = query.between(line.here - length / 2, line.here + length / 2)
        line = _corrected(line, part, found, query.step / length)
    while len(part := query.between(line.here - length, line.here + length)) > _PIECE:
        line = _corrected(line, _thinned(part), found, query.step / (2 * length))
        if len(part) == len(query):
            break
        length *= 2
    drift = abs(line.speed - 1) * min(query.end, found.end)
    if drift <= found.step:
        line = replace(line, speed=1.0)
    at = line.at(query.pts_seconds)
    rows, inside = _between_frames(at, found)
    cosines = (query.visible * rows).sum(axis=1)
    counted = inside & query.shown & rows.any(axis=1)
    if not counted.any():
        return None
    floor = _OF_BEST * float(np.quantile(cosines[counted], 0.9))
    first, last = _run(np.where(counted, cosines - floor, np.where(inside, 0.0, _AGAINST)))
    counted[:first] = counted[last:] = False
    if floor <= 0 or not counted.any():
        return None
    start, end = _ends(line, query, found, inside, first, last)
    return Alignment(
        start=start,
        end=end,
        query_start=line.here + (start - line.there) / line.speed,
        query_end=line.here + (end - line.there) / line.speed,
        speed=line.speed,
        similarity=float(cosines[counted].mean()),
        agreement=_agreement(query.visible[counted], rows[counted]),
        frames=int(counted.sum()),
    )


def _corrected(line: _Line, part: FrameSequence, found: FrameSequence, slack: float) -> _Line:
    """Return the best of lines with slightly different speeds and offsets around the middle of a part."""
    first, last = line.at(part.pts_seconds[[0, -1]]).tolist()
    beside = _TURNS * slack * (last - first) + 2 * found.step
    window = found.between(first - beside, last + beside)
    if not len(window):
        return line
    similarities, change = _similarities(part, window)
    shifts = np.array([0, -1, 1, -2, 2]) * found.step / 4
    best = line
    for turn in sorted(range(-_TURNS, _TURNS + 1), key=abs):
        speed = line.speed * (1 + turn * slack)
        tried = _best_of(part, window, similarities, change, line.there + shifts - speed * line.here, speed)
        if turn == 0 or tried.worth > best.worth:
            best = tried
    return best


def _thinned(frames: FrameSequence) -> FrameSequence:
    numbers = np.linspace(0, len(frames) - 1, min(len(frames), _LOOKED_AT)).astype(int)
    return frames.subset(numbers)


def _between_frames(times: NDArray[np.float64], found: FrameSequence) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Interpolate frames at times (T,): unit rows (T, F), and bool (T,), whether the time is in the sequence."""
    pts = found.pts_seconds
    inside = (times > pts[0] - found.step / 2) & (times < min(pts[-1] + found.step, found.end + found.step / 2))
    before = np.clip(np.searchsorted(pts, times, side="right") - 1, 0, max(len(pts) - 2, 0))
    after = np.minimum(before + 1, len(pts) - 1)
    share = np.clip((times - pts[before]) / np.maximum(pts[after] - pts[before], 1e-9), 0.0, 1.0)[:, None]
    mixed = ((1 - share) * found.visible[before] + share * found.visible[after]).astype(np.float32)
    return mixed / np.maximum(np.linalg.norm(mixed, axis=1, keepdims=True), 1e-9), inside


def _run(gains: NDArray[np.float64]) -> tuple[int, int]:
    """Return start and end of the run of values (T,) with the largest sum; the end is exclusive."""
    sums = np.concatenate([[0.0], np.cumsum(gains)])
    lowest = np.minimum.accumulate(sums)
    last = int((sums - lowest).argmax())
    first = last - int(sums[: last + 1][::-1].argmin())
    return first, last


def _ends(
    line: _Line, query: FrameSequence, found: FrameSequence, inside: NDArray[np.bool_], first: int, last: int
) -> tuple[float, float]:
    """Return start and end of a run in the video: those of the query or the video, or the frame that differs."""
    edges = np.append(query.pts_seconds, query.end)
    start, end = line.at(edges[[first, last]]).tolist()
    if first > 0 and not inside[first - 1]:
        start = float(found.pts_seconds[0])
    if last < len(query) and not inside[last]:
        end = found.end
    start = max(start, float(found.pts_seconds[0]))
    return start, max(min(end, found.end), start)


def _agreement(query: NDArray[np.float32], found: NDArray[np.float32]) -> float:
    here, there = query - query.mean(axis=0), found - found.mean(axis=0)
    size = float(np.linalg.norm(here) * np.linalg.norm(there))
    return float((here * there).sum()) / size if size > 1e-6 else 0.0
