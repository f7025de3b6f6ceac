"""SubStation Alpha, as a file or as the dialogue that decoders make of text tracks -> cues and words."""

from __future__ import annotations

import re

from indexer.text.cues import CueTrack
from indexer.text.subrip import named_lines, words
from store.types import Cue

_TIME = r"\s*\d+:\d+:\d+[.:]\d+\s*"
_DIALOGUE = re.compile(rf"Dialogue:[^,]*,{_TIME},{_TIME}(,[^,]*){{6}},")
_OVERRIDES = re.compile(r"(\{[^{}]*\})")
_DRAWING = re.compile(r"\\p(\d+)")  # \p0 ends what any other number begins
_BREAK = re.compile(r"\\[Nn]")
_FIELDS_BEFORE_TEXT = 8  # of an event as FFmpeg's decoders hand it out


def parse(text: str, suffix: str) -> CueTrack:
    """Read a file of SubStation Alpha.

    Args:
        text: of the file.
        suffix: ``.ass`` or ``.ssa``.

    Raises:
        ValueError: there is no list of events.
    """
    from pysubs2 import SSAFile
    from pysubs2.exceptions import Pysubs2Error

    lines = text.lstrip("\ufeff").splitlines()
    bad = [n for n, line in enumerate(lines, 1) if line.startswith("Dialogue:") and not _DIALOGUE.match(line)]
    left_out = dict.fromkeys(bad, "its times cannot be read")
    try:
        sound = "\n".join("" if number in left_out else line for number, line in enumerate(lines, 1))
        events = SSAFile.from_string(sound, format_=suffix[1:])
    except Pysubs2Error as error:
        raise ValueError(str(error)) from None
    cues = []
    backwards = 0
    for event in events:
        if event.is_comment or not (said := dialogue_words(event.text)):
            continue
        if event.end <= event.start:
            backwards += 1
        else:
            cues.append(Cue(event.start / 1000, event.end / 1000, said))
    cues = list(dict.fromkeys(sorted(cues, key=lambda cue: (cue.start, cue.end))))  # layers hold the same words
    reasons = [f"line {number} ({reason})" for number, reason in left_out.items()]
    reasons += ["a line that ends before it begins"] * backwards
    return CueTrack(cues, len(reasons), named_lines(reasons))


def event_words(event: str) -> str:
    """The words of an event as FFmpeg's decoders hand it out: eight fields, then the text."""
    return dialogue_words(event.split(",", _FIELDS_BEFORE_TEXT)[-1])


def dialogue_words(text: str) -> str:
    """The words of a line of dialogue: without overrides, comments, karaoke and drawings; lines may be broken."""
    drawing, said = False, []
    for part in _OVERRIDES.split(text.replace(r"\{", "\x02").replace(r"\}", "\x03")):
        if part.startswith("{"):
            if commands := _DRAWING.findall(part):
                drawing = commands[-1] != "0"
        elif not drawing:
            said.append(part)
    plain = _BREAK.sub("\n", "".join(said)).replace(r"\h", " ")
    return words(plain.replace("\x02", "{").replace("\x03", "}"))
