"""Cues as they are read, and the text on screen between two times, in one language."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby

from store.types import Cue


@dataclass(frozen=True)
class CueTrack:
    """The cues that a source found, and what it could not read."""

    cues: list[Cue] = field(default_factory=list)  # seconds on the player's clock; those of one file in order of time
    malformed: int = 0  # skipped
    problems: list[str] = field(default_factory=list)  # files that could not be read, with reasons


def text_between(cues: Sequence[Cue], start: float, end: float) -> str:
    """The lines on screen at some time in ``start <= t < end``, in order and in one language, joined by spaces.

    A line that repeats the one before is left out, as in captions that roll.
    """
    on_screen = [cue for cue in in_one_language(cues) if cue.start < end and cue.end > start]
    return " ".join(line for line, _ in groupby(line for cue in on_screen for line in cue.text.split("\n")))


def in_one_language(cues: Sequence[Cue]) -> list[Cue]:
    """The cues of one language: English, else the untagged ones, else those in the language of the first."""
    languages = {cue.language for cue in cues}
    english = {language for language in languages if re.split("[-_]", language.lower())[0] in ("en", "eng", "english")}
    used = english or languages & {""} or {cue.language for cue in cues[:1]}
    return [cue for cue in cues if cue.language in used]
