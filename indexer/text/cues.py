"""Cues as they are read, the limits that they are kept to, and the text on screen between two times."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby

from indexer.text.languages import primary
from store.types import Cue

MOST_CUES = 300_000  # of a video: ten hours in twenty languages
MOST_CHARACTERS = 16 * 2**20  # of a video: four times the Bible
MOST_SHOWN = 4_000  # characters of one segment: a minute of speech has a thousand
_LINGERS_SECONDS = 30.0  # that a line may stay on screen beyond the time it takes to read it
_SLOWEST_CHARACTERS = 5.0  # a second, that anybody reads
_FULL = ("", "sdh")  # kinds of tracks that have all that is said, the best one first


@dataclass(frozen=True)
class CueTrack:
    """The cues that a source found, and what it could not read."""

    cues: list[Cue] = field(default_factory=list)  # seconds on the player's clock; those of one file in order of time
    malformed: int = 0  # left out
    problems: list[str] = field(default_factory=list)  # what was left out or not read, with reasons


class Transcript:
    """The cues of a video in one language, by time.

    Args:
        cues: of any language and in any order; `in_one_language` chooses.
        language: to prefer.
    """

    def __init__(self, cues: Sequence[Cue], language: str = "") -> None:
        self._cues = sorted(in_one_language(cues, language), key=lambda cue: cue.start)
        self._starts = [cue.start for cue in self._cues]
        self._longest = max((cue.end - cue.start for cue in self._cues), default=0.0)

    def between(self, start: float, end: float) -> str:
        """The lines on screen at some time in ``start <= t < end``, in order, joined by spaces.

        A line that repeats the one before is left out, as in captions that roll. What is longer than `MOST_SHOWN`
        characters loses its end.
        """
        first = bisect_left(self._starts, start - self._longest)
        on_screen = (cue for cue in self._cues[first : bisect_left(self._starts, end)] if cue.end > start)
        kept: list[str] = []
        room = MOST_SHOWN
        for line, _ in groupby(line for cue in on_screen for line in cue.text.split("\n")):
            kept.append(line[:room])
            room -= len(line) + 1
            if room <= 0:
                break
        return " ".join(kept)


def text_between(cues: Sequence[Cue], start: float, end: float) -> str:
    """`Transcript.between` for one question."""
    return Transcript(cues).between(start, end)


def in_one_language(cues: Sequence[Cue], language: str = "") -> list[Cue]:
    """The cues of one track: no text mixes two languages, or what is said with what is only translated.

    Subtitles stand before speech, which a machine hears, unless only speech is in the language to prefer. On-screen
    text is left out: it says little of what is shown.

    Args:
        cues: of a video.
        language: a code or name of the one to prefer: "de", "pt-BR". Where no full track has it: English, else the
            untagged one, else the language of the first cue.
    """
    written, said = ([cue for cue in cues if cue.source == source] for source in ("subtitles", "speech"))
    chosen = _track(written, language)
    heard = _track(said, language)
    if chosen and heard and language and primary(chosen[0].language) not in ("", primary(language)):
        return heard if primary(heard[0].language) == primary(language) else chosen
    return chosen or heard


def _track(cues: Sequence[Cue], language: str) -> list[Cue]:
    """The cues of the track that a language is best served by."""
    tracks = list(dict.fromkeys((cue.language, cue.kind) for cue in cues))
    full = [track for track in tracks if track[1] in _FULL] or tracks
    first = full[0][0] if full else ""

    def rank(track: tuple[str, str]) -> tuple[bool, bool, bool, bool, bool, bool, int]:
        tag, kind = track
        return (
            not language or primary(tag) != primary(language),
            not language or tag.casefold() != language.casefold(),
            primary(tag) != "en",
            tag != "",
            primary(tag) != primary(first),
            kind != _FULL[0],
            len(tag),  # "en" before "en-orig"
        )

    chosen = min(full, key=rank, default=None)
    return [cue for cue in cues if (cue.language, cue.kind) == chosen]


def is_full(cue: Cue) -> bool:
    """Whether a cue is of a track with all that is said."""
    return cue.kind in _FULL


def bounded(track: CueTrack, name: str) -> CueTrack:
    """Keep a track to what its text can need, so that no later step costs more than text and video are long.

    A cue ends when its text has been read, though its file says otherwise, unless the picture was seen to show it; one
    that repeats a line which is still on screen goes into that one; and of a video, `MOST_CUES` cues and
    `MOST_CHARACTERS` characters are kept. Each of these is reported as one problem where it hides something that a
    reader would miss.

    Args:
        name: of the video, for the problems.
    """
    kept: list[Cue] = []
    showing: dict[tuple[str, str, str, str], int] = {}  # source, language, kind and text -> the last cue with it
    shortened = characters = read = 0
    for cue in track.cues:
        characters += len(cue.text)
        if len(kept) == MOST_CUES or characters > MOST_CHARACTERS:
            break
        read += 1
        enough = _LINGERS_SECONDS + len(cue.text) / _SLOWEST_CHARACTERS if cue.source != "screen" else math.inf
        if cue.end - cue.start > enough:
            cue = replace(cue, end=cue.start + enough)
            shortened += 1
        key = (cue.source, cue.language, cue.kind, cue.text)
        at = showing.get(key)
        if at is not None and kept[at].start <= cue.start < kept[at].end and cue.end <= kept[at].start + enough:
            kept[at] = replace(kept[at], end=max(kept[at].end, cue.end))
        else:
            showing[key] = len(kept)
            kept.append(cue)
    if not shortened and len(kept) == len(track.cues):
        return track
    problems = [*track.problems]
    if 2 * shortened > read:
        problems.append(f"{name}: {shortened:,} of {read:,} subtitle lines end long after they can be read; shortened")
    if read < len(track.cues):
        problems.append(f"{name}: it has {len(track.cues):,} subtitle lines; only the first {read:,} are kept")
    return replace(track, cues=kept, problems=problems)
