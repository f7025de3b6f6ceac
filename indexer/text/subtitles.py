"""Subtitles of a video: files beside it and text tracks in it -> cues.

pysubs2 parses SubRip, WebVTT and SubStation Alpha, after a look at every time line: one that is malformed costs its cue
and not the file. Bitmap tracks (DVD, Blu-ray, DVB) are passed over. A cue keeps its line breaks.
"""

from __future__ import annotations

import codecs
import html
import re
from pathlib import Path
from typing import TYPE_CHECKING

from indexer.media.container import MediaInfo, opened, start_seconds
from indexer.text.cues import CueTrack
from indexer.text.sidecars import sidecars, stamp
from store.types import Cue

if TYPE_CHECKING:
    from av.subtitles.stream import SubtitleStream

_LARGEST_BYTES = 20 * 2**20
_TEXT_CODECS = ("subrip", "ass", "webvtt", "mov_text", "text")
_BOMS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
_FLAGS = {"forced", "sdh", "cc", "default"}
_LANGUAGE = re.compile(  # a two-letter code of ISO 639, a usual three-letter one, and perhaps a region
    r"([a-z]{2}|ara|chi|zho|cze|ces|dan|dut|nld|eng|english|fin|fre|fra|ger|deu|gre|ell|heb|hin|hun|ita|jpn|kor|nor|pol|"
    r"por|rum|ron|rus|spa|swe|tha|tur|ukr|vie)([-_][a-z0-9]{2,4})?",
    re.IGNORECASE,
)
_CLOCK = re.compile(r"(?:(\d+):)?(\d{1,2}):(\d{1,2}(?:[.,]\d+)?)(?![\d:])")  # hours and fraction may be missing
_DIALOGUE = re.compile(r"Dialogue:[^,]*,\s*\d+:\d+:\d+[.:]\d+\s*,\s*\d+:\d+:\d+[.:]\d+\s*(,[^,]*){6},")
_MARKUP = re.compile(r"<[^<>]*>|\{\\[^{}]*\}")


class SubtitleError(Exception):
    """A subtitle file that cannot be read, with the reason as a sentence for people."""


class Subtitles:
    """Text source: subtitle files beside a video; where these hold no cue, the text tracks in it."""

    name = "subtitles"

    def stamp(self, path: Path) -> str:
        """Return a hash of the names, sizes and times of the files beside a video."""
        return stamp(sidecars(path))

    def read(self, path: Path, info: MediaInfo) -> CueTrack:
        """Read the cues of the files beside a video, or of its tracks."""
        cues, malformed, problems = [], 0, []
        for sidecar in sidecars(path):
            try:
                found, bad = read_sidecar(sidecar)
                cues += found
                malformed += bad
            except SubtitleError as error:
                problems.append(f"{sidecar.name}: {error}")
        if not cues and info.subtitle_tracks:
            cues, bad = read_embedded(path)
            malformed += bad
        return CueTrack(cues, malformed, problems)


def read_sidecar(path: Path) -> tuple[list[Cue], int]:
    """Read a subtitle file.

    Returns:
        The cues in order, without markup and without empty ones, and how many malformed ones were left out.

    Raises:
        SubtitleError: the file cannot be read, or is too large.
    """
    from pysubs2 import SSAFile
    from pysubs2.exceptions import Pysubs2Error

    text = _text(path)
    try:
        if path.suffix.lower() in (".ass", ".ssa"):
            clean, malformed = _sound_dialogue(text)
            events = SSAFile.from_string(clean, format_=path.suffix.lower()[1:])
        else:
            clean, malformed = _sound_times(text)
            events = SSAFile.from_string(clean, format_="srt")
    except (Pysubs2Error, ValueError) as error:
        raise SubtitleError(f"it cannot be parsed: {error}") from None
    language = _language(path)
    cues = []
    for event in events:
        if event.is_comment or event.is_drawing:
            continue
        if event.end <= event.start:
            malformed += 1
        elif line := _plain(event.plaintext):
            cues.append(Cue(event.start / 1000, event.end / 1000, line, language))
    return sorted(cues, key=lambda cue: (cue.start, cue.end)), malformed


def read_embedded(path: Path) -> tuple[list[Cue], int]:
    """Read the text tracks in a media file; returns as `read_sidecar`, on the player's clock.

    Raises:
        MediaError: the file cannot be opened as media.
    """
    from av.error import FFmpegError

    cues, malformed = [], 0
    with opened(path) as container:
        tracks = [track for track in container.streams.subtitles if _is_text(track)]
        packets = container.demux(tracks) if tracks else iter(())
        zero = start_seconds(container)
        while True:
            try:
                packet = next(packets, None)
                if packet is None:
                    break
                if not packet.size:
                    continue
                lines = [getattr(part, "dialogue", b"").decode(errors="replace") for part in packet.decode()]
            except FFmpegError:
                malformed += 1
                continue
            text = _plain("\n".join(lines))
            if packet.pts is None or not packet.duration or packet.time_base is None:
                malformed += bool(text)
            elif text:
                start = float(packet.pts * packet.time_base) - zero
                length = float(packet.duration * packet.time_base)
                language = packet.stream.language or ""
                cues.append(Cue(max(0.0, start), start + length, text, "" if language == "und" else language))
    return sorted((cue for cue in cues if cue.end > cue.start), key=lambda cue: (cue.start, cue.end)), malformed


def _text(path: Path) -> str:
    """The text of a file in whatever encoding it is: by its mark, as UTF-8, or by statistics."""
    from charset_normalizer import from_bytes

    try:
        size = path.stat().st_size
        if size > _LARGEST_BYTES:
            raise SubtitleError(f"it is larger than {_LARGEST_BYTES // 2**20} MiB: {size / 2**20:.0f} MiB")
        raw = path.read_bytes()
    except OSError as error:
        raise SubtitleError(error.strerror or str(error)) from None
    for mark, encoding in _BOMS.items():
        if raw.startswith(mark):
            return raw.decode(encoding, errors="replace")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        guess = from_bytes(raw).best()
        return str(guess) if guess else raw.decode("latin-1")


def _sound_times(text: str) -> tuple[str, int]:
    """SubRip or WebVTT, as SubRip with one way to write times, and how many cues had none that could be read."""
    cues: list[list[str]] = []
    malformed, current = 0, None
    for line in text.splitlines():
        if "-->" in line:
            if current and current[-1].strip().isdecimal():
                current.pop()  # the number of this cue, without an empty line before it
            times = [_seconds(*match) for match in _CLOCK.findall(line)]
            current = None
            if len(times) >= 2 and times[0] < times[1]:
                current = [f"{_srt(times[0])} --> {_srt(times[1])}"]
                cues.append(current)
            else:
                malformed += 1
        elif not line.strip():
            current = None
        elif current is not None:
            current.append(line)
    return "\n\n".join("\n".join([str(number), *cue]) for number, cue in enumerate(cues, 1)), malformed


def _sound_dialogue(text: str) -> tuple[str, int]:
    """SubStation Alpha without the lines of dialogue that have no times, and how many these were."""
    lines = text.splitlines()
    sound = [line for line in lines if not line.startswith("Dialogue:") or _DIALOGUE.match(line)]
    return "\n".join(sound), len(lines) - len(sound)


def _seconds(hours: str, minutes: str, seconds: str) -> float:
    return 3600 * int(hours or 0) + 60 * int(minutes) + float(seconds.replace(",", "."))


def _srt(seconds: float) -> str:
    minutes, milliseconds = divmod(round(1000 * seconds), 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{milliseconds // 1000:02},{milliseconds % 1000:03}"


def _plain(text: str) -> str:
    """Lines without markup and outer space, without empty ones."""
    lines = (" ".join(line.split()) for line in html.unescape(_MARKUP.sub("", text)).splitlines())
    return "\n".join(line for line in lines if line)


def _language(path: Path) -> str:
    """The language that a file name tells: "en" of ``name.en.forced.srt``."""
    tags = [tag for tag in path.stem.split(".")[1:] if tag.lower() not in _FLAGS]
    return tags[-1] if tags and _LANGUAGE.fullmatch(tags[-1]) else ""


def _is_text(track: SubtitleStream) -> bool:
    return track.codec_context is not None and track.codec_context.codec.canonical_name in _TEXT_CODECS
