"""Write moments as playlists (M3U), edit decision lists (CMX 3600) and OpenTimelineIO timelines.

Editing formats count frames. A moment starts and ends at the frames nearest to its times and has at least one frame.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any
from urllib.parse import quote_from_bytes

import opentimelineio.adapters
from opentimelineio.opentime import RationalTime, TimeRange, to_timecode
from opentimelineio.schema import Clip, ExternalReference, Timeline, Track, TrackKind

from search.ranking.moments import Moment
from store.types import Video

VideoOf = Callable[[str], Video | None]

_UNKNOWN_FPS = 25.0
# SMPTE ST 12-1 and its extensions to higher rates; 30000/1001 and 60000/1001 use drop-frame timecode.
_TIMECODE_RATES = [Fraction(count * 1000, 1001) for count in (24, 30, 48, 60)] + [
    Fraction(count) for count in (24, 25, 30, 48, 50, 60)
]
_DROPPING = (Fraction(30_000, 1001), Fraction(60_000, 1001))
_SLOW_FPS = 20.0  # slower videos are counted at 30 frames per second
_MAX_EVENTS = 999  # three digits
_REEL_LETTERS = 8
_RESERVED_REELS = {"", "AX", "BL"}  # auxiliary source and black
_RECORD_STARTS_SECONDS = 3600  # 01:00:00:00, the convention of tapes


def m3u(moments: Sequence[Moment]) -> str:
    """Write an extended M3U playlist; VLC plays each entry from the start to the end of its moment."""
    return "\n".join(["#EXTM3U", *(line for moment in moments for line in _entry(moment)), ""])


def edl(moments: Sequence[Moment], video_of: VideoOf) -> str:
    """Write a CMX 3600 edit decision list with the video track of the moments.

    Source times count from the beginning of each video, record times from one hour, at the most frequent frame rate.
    Each video is a reel, with its full name in a comment.

    Raises:
        ValueError: there are more than 999 moments.
    """
    if len(moments) > _MAX_EVENTS:
        raise ValueError(f"an EDL holds {_MAX_EVENTS} moments at most, got {len(moments)}; .otio holds any number")
    rates = [_timecode_rate(video_of(moment.path)) for moment in moments]
    rate = Counter(rates).most_common(1)[0][0] if rates else Fraction(_UNKNOWN_FPS)
    reels = _reels([moment.path for moment in moments])
    lines = ["TITLE: VIDEOBERT", _mode(rate)]
    mode, record = _mode(rate), _RECORD_STARTS_SECONDS * round(rate)
    if rate in _DROPPING:
        record -= 108 * round(rate) // 30  # drop-frame timecode skips 108 numbers per hour and 30 frames
    for number, (moment, own) in enumerate(zip(moments, rates, strict=True), start=1):
        if _mode(own) != mode:
            mode = _mode(own)
            lines.append(mode)
        first, last = _frames(moment, own)
        until = record + max(1, round((last - first) / own * rate))
        codes = (_timecode(first, own), _timecode(last, own), _timecode(record, rate), _timecode(until, rate))
        lines += [
            "",
            f"{number:03}  {reels[moment.path]:<{_REEL_LETTERS}} V     C        {' '.join(codes)}",
            f"* FROM CLIP NAME: {_one_line(Path(moment.path).name)}",
        ]
        record = until
    return "\n".join([*lines, ""])


def otio(moments: Sequence[Moment], video_of: VideoOf) -> str:
    """Write an OpenTimelineIO timeline as JSON: one video track with a clip per moment.

    Clips reference their files and hold the moment's fields as metadata under `videobert`.
    """
    track = Track(name="moments", kind=TrackKind.Video)
    track.extend([_clip(moment, video_of(moment.path)) for moment in moments])
    timeline = Timeline(name="videobert")
    timeline.tracks.append(track)
    return str(opentimelineio.adapters.write_to_string(timeline, "otio_json"))


def _clip(moment: Moment, video: Video | None) -> Clip:
    rate = float(_exact(video.fps if video and video.fps else _UNKNOWN_FPS))
    first, last = _frames(moment, rate)
    media = ExternalReference(_address(Path(moment.path)))
    if video:
        media.available_range = TimeRange(
            RationalTime(0, rate), RationalTime(max(last, round(video.duration * rate)), rate)
        )
    return Clip(
        name=_one_line(Path(moment.path).name),
        media_reference=media,
        source_range=TimeRange(RationalTime(first, rate), RationalTime(last - first, rate)),
        metadata={"videobert": _plain(moment)},
    )


def _plain(moment: Moment) -> dict[str, Any]:
    """Return the moment as JSON values in valid UTF-8; file names need not be."""
    text = json.dumps(moment.as_dict(), ensure_ascii=False).encode("utf-8", "replace").decode()
    return dict(json.loads(text))


def _frames(moment: Moment, rate: Fraction | float) -> tuple[int, int]:
    """Return the first frame of a moment, and the one after its last."""
    first = round(moment.start * rate)
    return first, max(first + 1, round(moment.end * rate))


def _exact(fps: float) -> Fraction:
    """Snap an average frame rate to the standard one within 1/60 frames per second, if any."""
    nearest = min(_TIMECODE_RATES, key=lambda rate: abs(rate - fps))
    return nearest if abs(nearest - fps) < 1 / 60 else Fraction(fps).limit_denominator(1001)


def _timecode_rate(video: Video | None) -> Fraction:
    """Return the timecode rate nearest to the frame rate of a video."""
    fps = video.fps if video and video.fps else _UNKNOWN_FPS
    if fps < _SLOW_FPS:
        return Fraction(30)
    return min(_TIMECODE_RATES, key=lambda rate: abs(rate - fps))


def _timecode(frames: int, rate: Fraction) -> str:
    return str(to_timecode(RationalTime(frames, float(rate)), float(rate), rate in _DROPPING))


def _mode(rate: Fraction) -> str:
    return "FCM: DROP FRAME" if rate in _DROPPING else "FCM: NON-DROP FRAME"


def _reels(paths: Sequence[str]) -> dict[str, str]:
    """Give each path a distinct name of at most eight letters and digits."""
    reels: dict[str, str] = {}
    for path in paths:
        if path not in reels:
            taken = {*_RESERVED_REELS, *reels.values()}
            reels[path] = next(name for name in _reel_names(Path(path).stem) if name not in taken)
    return reels


def _reel_names(stem: str) -> Iterator[str]:
    letters = re.sub(r"[^A-Z0-9]", "", stem.upper())
    yield letters[:_REEL_LETTERS]
    for number in range(1, _MAX_EVENTS + 1 + len(_RESERVED_REELS)):
        yield f"{letters[: _REEL_LETTERS - 4] or 'REEL'}{number:04}"


def _entry(moment: Moment) -> list[str]:
    """Return the lines of one entry, with VLC's start and stop times."""
    path = Path(moment.path)
    title = _one_line(moment.text) or _one_line(path.name)
    plain = moment.path.isprintable() and not moment.path.startswith("#")
    return [
        f"#EXTINF:{max(1, round(moment.end - moment.start))},{title}",
        f"#EXTVLCOPT:start-time={moment.start:.3f}",
        f"#EXTVLCOPT:stop-time={moment.end:.3f}",
        moment.path if plain else _address(path),
    ]


def _one_line(text: str) -> str:
    """Replace line breaks and other control characters by spaces."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def _address(path: Path) -> str:
    """Return the `file:` URL of a path; a relative path is only percent-encoded."""
    return path.as_uri() if path.is_absolute() else quote_from_bytes(bytes(path))
