"""Write moments as playlists (M3U), edit decision lists (CMX 3600) and OpenTimelineIO timelines.

Editing formats count frames. A moment starts and ends at the frames nearest to its times and has at least one frame.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any
from urllib.parse import quote_from_bytes

import opentimelineio.adapters
from opentimelineio.opentime import RationalTime, TimeRange
from opentimelineio.schema import Clip, ExternalReference, Gap, Timeline, Track, TrackKind

from search.export.rates import (
    VideoOf,
    drops,
    exact_rate,
    first_record,
    frames,
    has_sound,
    sequence_rate,
    timecode,
    timecode_rate,
)
from search.ranking.moments import Moment
from store.types import Video

_MAX_EVENTS = 999  # three digits
_REEL_LETTERS = 8
_RESERVED_REELS = {"", "AX", "BL"}  # auxiliary source and black


def m3u(moments: Sequence[Moment]) -> str:
    """Write an extended M3U playlist; VLC plays each entry from the start to the end of its moment."""
    return "\n".join(["#EXTM3U", *(line for moment in moments for line in _entry(moment)), ""])


def edl(moments: Sequence[Moment], video_of: VideoOf, *, title: str) -> str:
    """Write a CMX 3600 edit decision list with picture and sound of the moments.

    Source times count from the beginning of each video, record times from one hour, at the most frequent frame rate.
    Each video is a reel, with its full name in a comment.

    Raises:
        ValueError: there are more than 999 moments.
    """
    if len(moments) > _MAX_EVENTS:
        raise ValueError(f"an EDL holds {_MAX_EVENTS} moments at most, got {len(moments)}; .otio holds any number")
    rates = [timecode_rate(video_of(moment.path)) for moment in moments]
    rate = sequence_rate(moments, video_of)
    reels = _reels([moment.path for moment in moments])
    lines = [f"TITLE: {one_line(title).upper()}", _mode(rate)]
    mode, record = _mode(rate), first_record(rate)
    for number, (moment, own) in enumerate(zip(moments, rates, strict=True), start=1):
        if _mode(own) != mode:
            mode = _mode(own)
            lines.append(mode)
        first, last = frames(moment, own)
        until = record + max(1, round((last - first) / own * rate))
        codes = (timecode(first, own), timecode(last, own), timecode(record, rate), timecode(until, rate))
        kind = "AA/V" if has_sound(video_of(moment.path)) else "V"
        lines += [
            "",
            f"{number:03}  {reels[moment.path]:<{_REEL_LETTERS}} {kind:5} C        {' '.join(codes)}",
            f"* FROM CLIP NAME: {one_line(Path(moment.path).name)}",
        ]
        if moment.select is not None and moment.select.note:
            lines.append(f"* COMMENT: {one_line(moment.select.note)}")
        record = until
    return "\n".join([*lines, ""])


def otio(moments: Sequence[Moment], video_of: VideoOf, *, title: str) -> str:
    """Write an OpenTimelineIO timeline as JSON: a clip per moment on a video track, those with sound on an audio track.

    Clips reference their files and hold the moment's fields as metadata under `videobert`.
    """
    track = Track(name="moments", kind=TrackKind.Video)
    track.extend([_clip(moment, video_of(moment.path)) for moment in moments])
    timeline = Timeline(name=one_line(title))
    timeline.tracks.append(track)
    if any(has_sound(video_of(moment.path)) for moment in moments):
        timeline.tracks.append(_sound(moments, video_of))
    return str(opentimelineio.adapters.write_to_string(timeline, "otio_json"))


def _sound(moments: Sequence[Moment], video_of: VideoOf) -> Track:
    """The sound of the moments under their pictures, with gaps where there is none."""
    track = Track(name="sound", kind=TrackKind.Audio)
    for moment in moments:
        clip = _clip(moment, video_of(moment.path))
        track.append(clip if has_sound(video_of(moment.path)) else Gap(source_range=clip.source_range))
    return track


def _clip(moment: Moment, video: Video | None) -> Clip:
    rate = float(exact_rate(video))
    first, last = frames(moment, rate)
    media = ExternalReference(address(Path(moment.path)))
    if video:
        media.available_range = TimeRange(
            RationalTime(0, rate), RationalTime(max(last, round(video.duration * rate)), rate)
        )
    return Clip(
        name=one_line(Path(moment.path).name),
        media_reference=media,
        source_range=TimeRange(RationalTime(first, rate), RationalTime(last - first, rate)),
        metadata={"videobert": _plain(moment)},
    )


def _plain(moment: Moment) -> dict[str, Any]:
    """Return the moment as JSON values in valid UTF-8; file names need not be."""
    text = json.dumps(moment.as_dict(), ensure_ascii=False).encode("utf-8", "replace").decode()
    return dict(json.loads(text))


def _mode(rate: Fraction) -> str:
    return "FCM: DROP FRAME" if drops(rate) else "FCM: NON-DROP FRAME"


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
    title = one_line(moment.text) or one_line(path.name)
    plain = moment.path.isprintable() and not moment.path.startswith("#")
    return [
        f"#EXTINF:{max(1, round(moment.end - moment.start))},{title}",
        f"#EXTVLCOPT:start-time={moment.start:.3f}",
        f"#EXTVLCOPT:stop-time={moment.end:.3f}",
        moment.path if plain else address(path),
    ]


def one_line(text: str) -> str:
    """Replace line breaks and other control characters by spaces."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def address(path: Path) -> str:
    """Return the `file:` URL of a path; a relative path is only percent-encoded."""
    return path.as_uri() if path.is_absolute() else quote_from_bytes(bytes(path))
