"""The recognizers of words there are; `RECOGNIZERS` is the only list of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Literal, get_args

from indexer.text.recognizer import NotInstalled, Recognizer
from indexer.text.screen import screen
from indexer.text.speech import speech

WORDS_VARIABLE = "VIDEOBERT_WORDS"
Words = Literal["all", "speech", "screen", "none"]

# By name, what makes each; NotInstalled where it cannot.
RECOGNIZERS: Mapping[str, Callable[[], Recognizer]] = {"speech": speech, "screen": screen}


def recognizers(words: Words | None) -> list[Recognizer]:
    """Return the recognizers of a choice of words; None for those that are installed and that `$VIDEOBERT_WORDS` names.

    Raises:
        NotInstalled: one that was asked for is not on this machine.
        ValueError: the variable names something else.
    """
    if words == "none":
        return []
    if words in ("speech", "screen"):
        return [_made(words)]
    made: list[Recognizer] = []
    missing: list[NotInstalled] = []
    for name in RECOGNIZERS if words == "all" else _usual():
        try:
            made.append(_made(name))
        except NotInstalled as error:
            missing.append(error)
    if words == "all" and missing:
        raise missing[0]
    return made


def _usual() -> list[str]:
    """The names of those that are used where nobody chooses."""
    value = os.environ.get(WORDS_VARIABLE, "")
    chosen = {name.strip() for name in value.split(",")} - {"none", ""}
    if unknown := chosen - set(get_args(Words)):
        raise ValueError(f"${WORDS_VARIABLE} is {value}; it takes {', '.join(get_args(Words))}: no {min(unknown)}")
    return [name for name in RECOGNIZERS if not value.strip() or name in chosen or "all" in chosen]


def _made(name: str) -> Recognizer:
    if name not in RECOGNIZERS:
        raise NotInstalled(f"this version reads no {name}; it reads {', '.join(RECOGNIZERS) or 'subtitles only'}")
    return RECOGNIZERS[name]()
