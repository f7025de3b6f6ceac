"""The recognizers of words there are; `RECOGNIZERS` is the only list of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

from indexer.text.recognizer import NotInstalled, Recognizer
from indexer.text.speech import speech

Words = Literal["all", "speech", "screen", "none"]

# By name, what makes each; NotInstalled where it cannot.
RECOGNIZERS: Mapping[str, Callable[[], Recognizer]] = {"speech": speech}


def recognizers(words: Words | None) -> list[Recognizer]:
    """Return the recognizers of a choice of words; None for those that are installed.

    Raises:
        NotInstalled: one that was asked for is not on this machine.
    """
    if words == "none":
        return []
    if words in ("speech", "screen"):
        return [_made(words)]
    made: list[Recognizer] = []
    missing: list[NotInstalled] = []
    for name in RECOGNIZERS:
        try:
            made.append(_made(name))
        except NotInstalled as error:
            missing.append(error)
    if words == "all" and missing:
        raise missing[0]
    return made


def _made(name: str) -> Recognizer:
    if name not in RECOGNIZERS:
        raise NotInstalled(f"this version reads no {name}; it reads {', '.join(RECOGNIZERS) or 'subtitles only'}")
    return RECOGNIZERS[name]()
