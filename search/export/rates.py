"""Frame rates of videos as editing programs count them, and moments in whole frames."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from fractions import Fraction

from opentimelineio.opentime import RationalTime, to_timecode

from search.ranking.moments import Moment
from store.types import Video

VideoOf = Callable[[str], Video | None]

UNKNOWN_FPS = 25.0
# SMPTE ST 12-1 and its extensions to higher rates; 30000/1001 and 60000/1001 use drop-frame timecode.
_TIMECODE_RATES = [Fraction(count * 1000, 1001) for count in (24, 30, 48, 60)] + [
    Fraction(count) for count in (24, 25, 30, 48, 50, 60)
]
_DROPPING = (Fraction(30_000, 1001), Fraction(60_000, 1001))
_SLOW_FPS = 20.0  # slower videos are counted at 30 frames per second
_BEGIN_SECONDS = 3600  # 01:00:00:00, the convention of tapes


def exact(fps: float) -> Fraction:
    """Snap an average frame rate to the standard one within 1/60 frames per second, if any."""
    nearest = min(_TIMECODE_RATES, key=lambda rate: abs(rate - fps))
    return nearest if abs(nearest - fps) < 1 / 60 else Fraction(fps).limit_denominator(1001)


def exact_rate(video: Video | None) -> Fraction:
    """Return the frame rate of a video, as `exact` has it."""
    return exact(_fps(video))


def _fps(video: Video | None) -> float:
    return video.fps if video and video.fps else UNKNOWN_FPS


def timecode_rate(video: Video | None) -> Fraction:
    """Return the timecode rate nearest to the frame rate of a video."""
    fps = _fps(video)
    if fps < _SLOW_FPS:
        return Fraction(30)
    return min(_TIMECODE_RATES, key=lambda rate: abs(rate - fps))


def sequence_rate(moments: Sequence[Moment], video_of: VideoOf) -> Fraction:
    """Return the timecode rate that most of the moments have."""
    rates = [timecode_rate(video_of(moment.path)) for moment in moments]
    return Counter(rates).most_common(1)[0][0] if rates else Fraction(UNKNOWN_FPS)


def frames(moment: Moment, rate: Fraction | float) -> tuple[int, int]:
    """Return the first frame of a moment, and the one after its last."""
    first = round(moment.start * rate)
    return first, max(first + 1, round(moment.end * rate))


def drops(rate: Fraction) -> bool:
    """Whether timecode of this rate leaves numbers out, to go as the clock does."""
    return rate in _DROPPING


def timecode(count: int, rate: Fraction) -> str:
    """Write a number of frames as timecode: `01:00:00:00`, with `;` where it drops numbers."""
    return str(to_timecode(RationalTime(count, float(rate)), float(rate), drops(rate)))


def first_record(rate: Fraction) -> int:
    """Return the frame whose timecode is 01:00:00:00, at which a timeline begins."""
    begin = _BEGIN_SECONDS * round(rate)
    return begin - 108 * round(rate) // 30 if drops(rate) else begin  # so many numbers are skipped in an hour


def has_sound(video: Video | None) -> bool:
    """Whether a video is known to have sound."""
    return video is not None and bool(video.audio_streams)
