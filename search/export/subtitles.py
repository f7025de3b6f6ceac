"""Cues as subtitle files: SubRip and WebVTT."""

from __future__ import annotations

import html
from collections.abc import Sequence
from pathlib import Path

from store.types import Cue

SUFFIXES = (".srt", ".vtt")


def check_suffix(target: Path) -> str:
    """Return the suffix of a subtitle file in small letters.

    Raises:
        ValueError: it names no format that is written.
    """
    suffix = target.suffix.lower()
    if suffix not in SUFFIXES:
        raise ValueError(f"subtitles are written as {' or '.join(SUFFIXES)}, got {target.name!r}")
    return suffix


def subtitle_file(cues: Sequence[Cue], suffix: str) -> bytes:
    """Write cues, in order of time, in the format of a suffix."""
    web = suffix == ".vtt"
    blocks = [
        f"{number}\n{_time(cue.start, web)} --> {_time(cue.end, web)}\n{_text(cue.text, web)}\n"
        for number, cue in enumerate(sorted(cues, key=lambda cue: (cue.start, cue.end)), start=1)
    ]
    return ("WEBVTT\n\n" * web + "\n".join(blocks)).encode()


def _time(seconds: float, web: bool) -> str:
    whole = max(0, round(seconds * 1000))
    minutes, rest = divmod(whole, 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{rest // 1000:02}{'.' if web else ','}{rest % 1000:03}"


def _text(text: str, web: bool) -> str:
    """A cue without what would end it: empty lines and arrows."""
    lines = "\n".join(line.strip() for line in text.splitlines() if line.strip()).replace("-->", "→")
    return html.escape(lines, quote=False) if web else lines
