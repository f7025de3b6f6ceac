"""SubRip and WebVTT -> cues, as programs and people write them.

Both are read by one scan for time lines, for files mix the two: hours left out, commas and dots, missing numbers, text
with blank lines, and captions that roll, where every cue repeats the line before. What stands between two time lines
is text, unless it is a number, an identifier, a comment or a style. Nothing is dropped without its line being named.
"""

from __future__ import annotations

import html
import math
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from indexer.text.cues import CueTrack
from store.types import Cue

_CLOCK = r"-?\d{1,3}(?::-?\d{1,3}){1,3}(?:[.,;]-?\d{1,9})?"  # hours and fraction may be missing; `;` is before frames
_ARROW = r"(?:-{1,3} ?>+|[–—]>|→)"
_TIMES = re.compile(rf"\s*({_CLOCK})\s*{_ARROW}\s*({_CLOCK})(?:\s.*)?", re.DOTALL)
_ATTEMPT = re.compile(rf"(?:{_CLOCK}.*-->|-->.*{_CLOCK})")
_LOOSE = re.compile(r"(?<=\d) *([:.,;]) *(?=-?\d)")  # machine translation puts spaces into times
_NUMBER = re.compile(r"\s*#?(\d{1,9})[.:]?\s*")
_BLOCK = re.compile(r"(?:NOTE(?:[ \t].*)?|STYLE\s*|REGION\s*)")
_LINE_END = re.compile(r"\r*\n|\r")
_MAP = re.compile(r"X-TIMESTAMP-MAP\s*=(.*)")
_STAMP = re.compile(rf"<{_CLOCK}>")
_TAG = re.compile(
    r"</?(?:[biusc]|em|strong|ruby|rt|rp|tt|small|big|center|su[bp])(?:\.[\w.-]+)? */?>"  # these take classes only
    r"|</?(?:v|lang|font|span|p|div|a)(?:[.\s][^<>]*)?>"
    r"|\{\\[^{}]*\}|\{[A-Za-z]:[^{}]*\}",  # overrides of SubStation Alpha and MicroDVD
    re.IGNORECASE,
)
_BREAK = re.compile(r"<br */?>|\\N", re.IGNORECASE)
_ENTITY = re.compile(r"&(?:#\d+|#x[\da-f]+|[a-z]\w*);", re.IGNORECASE)
_INVISIBLE = re.compile("[\ufeff\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069]")
_JOINED_SECONDS = 0.1  # between two cues that follow one on the other
_MOST_NAMED = 5  # lines in one problem
_MPEG_WRAP = 2**33  # ticks after which the clock of X-TIMESTAMP-MAP begins anew
_MPEG_HERTZ = 90_000  # of the clock in X-TIMESTAMP-MAP, RFC 8216, 3.5


@dataclass
class _Block:
    """A time line and what stands below it, up to the next one."""

    number: int  # of the line in the file, from 1
    start: float | None  # None: the times cannot be read
    end: float
    lines: list[str] = field(default_factory=list)


def parse(text: str, *, fps: float = 0.0, start_seconds: float = 0.0) -> CueTrack:
    """Read SubRip or WebVTT, whichever it is.

    Args:
        text: of the file.
        fps: of the video, by which times such as ``00:00:05:12`` are read; without it they cannot be.
        start_seconds: the player's zero on the clock of the container, to which WebVTT may be tied.

    Returns:
        The cues in order of time, without markup and without empty ones; how many were left out, and a problem that
        names their lines.
    """
    lines = _LINE_END.split(text.lstrip("\ufeff"))
    is_webvtt = lines[0].startswith("WEBVTT")
    preamble, blocks = _blocks(lines, fps)
    shift = _shift(preamble, start_seconds)
    left_out: list[str] = []
    if not is_webvtt and any(re.search(r"[^\W\d_]", line) for line in preamble):
        left_out.append("line 1 (text before the first time)")
    cues: list[Cue] = []
    texts = _webvtt_texts(blocks) if is_webvtt else _subrip_texts(preamble, blocks)
    for block, said in zip(blocks, texts, strict=True):
        if block.start is None:
            left_out.append(f"line {block.number} (its times cannot be read)")
        elif block.end <= block.start:
            left_out.append(f"line {block.number} (it ends before it begins)")
        elif block.end + shift <= 0:
            left_out.append(f"line {block.number} (it lies before the video)")
        elif words := plain(said):
            cues.append(Cue(max(0.0, block.start + shift), block.end + shift, words))
    stamped = any(map(_STAMP.search, texts))
    ordered = sorted(_unrolled(cues, stamped=stamped), key=lambda cue: (cue.start, cue.end))
    return CueTrack(list(dict.fromkeys(ordered)), len(left_out), named_lines(left_out))


def plain(text: str) -> str:
    """Lines without markup and outer space, without empty ones. What only looks like markup (``<3``) stays."""
    bare = _BREAK.sub("\n", _TAG.sub("", _STAMP.sub("", text))).replace(r"\h", " ")
    return words(_ENTITY.sub(lambda entity: html.unescape(entity[0]), bare))


def words(text: str) -> str:
    """Lines without invisible signs and outer space, without empty ones."""
    lines = (" ".join(line.split()) for line in _INVISIBLE.sub("", text).split("\n"))
    return "\n".join(line for line in lines if line)


def named_lines(left_out: Sequence[str]) -> list[str]:
    """One problem that names the first lines that were left out; none where there are none."""
    more = f" and {len(left_out) - _MOST_NAMED} more" if len(left_out) > _MOST_NAMED else ""
    return [f"left out: {', '.join(left_out[:_MOST_NAMED])}{more}"] if left_out else []


def _blocks(lines: Sequence[str], fps: float) -> tuple[list[str], list[_Block]]:
    """The lines before the first time line, and the blocks from there on."""
    preamble: list[str] = []
    blocks: list[_Block] = []
    for number, line in enumerate(lines, 1):
        times = _time_line(line, fps)
        if times is not None:
            blocks.append(_Block(number, *times))
        else:
            (blocks[-1].lines if blocks else preamble).append(line)
    return preamble, blocks


def _time_line(line: str, fps: float) -> tuple[float | None, float] | None:
    """The times of a line, the first of them None where they cannot be read; None where it is none."""
    if not (">" in line or "–" in line or "—" in line or "→" in line) or not any(map(str.isdecimal, line)):
        return None
    line = _LOOSE.sub(r"\1", unicodedata.normalize("NFKC", line))
    if found := _TIMES.fullmatch(line):
        start, end = _seconds(found[1], fps), _seconds(found[2], fps)
        return (None, 0.0) if start is None or end is None else (start, end)
    return (None, 0.0) if _ATTEMPT.search(line) else None


def _seconds(clock: str, fps: float) -> float | None:
    """A time in seconds, None where it counts frames of an unknown rate or has more than a minute's seconds."""
    sign = -1.0 if "-" in clock else 1.0
    whole, mark, fraction = re.fullmatch(r"([\d:]+)(?:([.,;])(\d+))?", clock.replace("-", "")).groups()  # type: ignore[union-attr]
    parts = [int(part) for part in whole.split(":")]
    beyond = float(f"0.{fraction}") if fraction else 0.0
    if len(parts) == 4 or mark == ";":
        last = fraction if mark == ";" else whole.rsplit(":", 1)[1]
        if len(parts) == 4:
            parts.pop()
        if len(last) == 3:  # milliseconds behind a colon
            beyond = int(last) / 1000
        elif fps > 0:
            beyond = min(int(last) / fps, 0.999)
        else:
            return None
    hours, minutes, seconds = [0, *parts][-3:]
    return None if seconds > 59 or (hours and minutes > 59) else sign * (3600 * hours + 60 * minutes + seconds + beyond)


def _subrip_texts(preamble: Sequence[str], blocks: Sequence[_Block]) -> list[str]:
    """The text of each block without the number of the cue after it."""
    number = _index_of([line for line in preamble if line.strip()][-1:])  # None as long as cues have none
    texts = []
    for place, block in enumerate(blocks):
        lines, following = block.lines, place + 1 < len(blocks)
        last = max((at for at, line in enumerate(lines) if line.strip()), default=0)  # line with text
        found = _index_of(lines[last : last + 1])
        if found is not None:
            expected = number is not None and found == number + 1
            alone = last > 0 and not lines[last - 1].strip()  # a blank line stands before it
            adjacent = last == len(lines) - 1
            if (following and adjacent and (expected or alone)) or (expected and alone):
                number, lines = found, lines[:last]
            else:
                number = number + 1 if number is not None else None
        elif number is not None:
            number += 1
        texts.append("\n".join(lines))
    return texts


def _index_of(lines: Sequence[str]) -> int | None:
    found = _NUMBER.fullmatch(lines[0].lstrip("\ufeff")) if lines else None
    return int(found[1]) if found else None


def _webvtt_texts(blocks: Sequence[_Block]) -> list[str]:
    """The text of each block without comments, styles, regions, and the identifier of the cue after it."""
    texts = []
    for place, block in enumerate(blocks):
        following = place + 1 < len(blocks)
        first, *others = _paragraphs(block.lines)
        if following and others and others[-1]:  # directly above a time line
            others[-1].pop()
        elif following and not others and len(first) > 1 and _index_of(first[-1:]) is not None:
            first.pop()
        said = [first, *(lines for lines in others if lines and not _BLOCK.fullmatch(lines[0]))]
        texts.append("\n".join(line for lines in said for line in lines))
    return texts


def _paragraphs(lines: Sequence[str]) -> list[list[str]]:
    """Lines, split at the empty ones."""
    parts: list[list[str]] = [[]]
    for line in lines:
        if line:
            parts[-1].append(line)
        else:
            parts.append([])
    return parts


def _unrolled(cues: Sequence[Cue], *, stamped: bool) -> Iterator[Cue]:
    """Captions that roll, each line once, with the time of the cue that brought it; other cues as they are.

    Captions roll where half of the cues begin with the last line of the one before, some of them with a new one below.

    Args:
        cues: in the order of the file.
        stamped: words have times of their own, as in captions of speech recognition; a quarter is enough then.
    """
    repeats = [_repeated(before, cue) for before, cue in pairwise(cues)]
    adding = any(cue.text.count("\n") + 1 > lines > 0 for cue, lines in zip(cues[1:], repeats, strict=True))
    least = max(1, len(repeats) / 4) if stamped else max(2, len(repeats) / 2)
    if not adding or sum(lines > 0 for lines in repeats) < least:
        yield from cues
        return
    for cue, lines in zip(cues, [0, *repeats], strict=False):
        if fresh := cue.text.split("\n")[lines:]:
            yield replace(cue, text="\n".join(fresh))


def _repeated(before: Cue, cue: Cue) -> int:
    """How many lines at the beginning of a cue are the last ones of the cue before, which it follows or overlaps."""
    if cue.start > before.end + _JOINED_SECONDS or cue.start < before.start:
        return 0
    shown, lines = before.text.split("\n"), cue.text.split("\n")
    return next((n for n in range(min(len(shown), len(lines)), 0, -1) if shown[-n:] == lines[:n]), 0)


def _shift(preamble: Sequence[str], start_seconds: float) -> float:
    """By how much WebVTT of a stream is to be moved to the player's clock; RFC 8216, 3.5."""
    found = next((match for line in preamble if (match := _MAP.search(line))), None)
    local = re.search(rf"LOCAL:({_CLOCK})", found[1]) if found else None
    ticks = re.search(r"MPEGTS:(\d+)", found[1]) if found else None
    begins = _seconds(local[1], 0.0) if local else None
    if begins is None or ticks is None or start_seconds == 0:
        return 0.0  # a file that was made of the stream begins at zero, and so do its captions
    shift = int(ticks[1]) / _MPEG_HERTZ - begins - start_seconds
    return math.remainder(shift, _MPEG_WRAP / _MPEG_HERTZ)  # either clock may have begun anew
