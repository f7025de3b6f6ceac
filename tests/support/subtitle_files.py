"""Subtitle files of many kinds, made up by a seed, each with the cues that are in it."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

Truth = tuple[float, float, str]  # start and end in seconds, words with single spaces

_WORDS = """
zebra river almost never Tuesday lantern copper quiet engine bread window seven orchard whistle marble l'eau Straße
niño gözlük море 東京 café don't 42 o'clock
""".split()  # noqa: SIM905, one word a line says nothing more


@dataclass(frozen=True)
class SubtitleFile:
    """A file and what is in it."""

    kind: str
    seed: int
    suffix: str  # ".srt" or ".vtt"
    text: str
    truth: list[Truth]
    dropped: int = 0  # cues that no reader can place
    fps: float = 0.0
    wellformed: bool = False  # every reader has to agree


def subtitle_files(seeds: int = 4) -> list[SubtitleFile]:
    """So many files of each kind."""
    return [make(seed) for make in KINDS for seed in range(seeds)]


def srt_time(seconds: float, mark: str = ",") -> str:
    milliseconds = round(seconds * 1000)
    return (
        f"{milliseconds // 3_600_000:02}:{milliseconds // 60_000 % 60:02}:{milliseconds // 1000 % 60:02}"
        f"{mark}{milliseconds % 1000:03}"
    )


def vtt_time(seconds: float) -> str:
    return srt_time(seconds, ".")


def cues(draw: random.Random, count: int = 8, *, lines: int = 2) -> list[tuple[float, float, list[str]]]:
    """Cues one after the other, each with some lines."""
    time, found = draw.uniform(0.1, 5), []
    for _ in range(count):
        end = time + draw.uniform(0.5, 4)
        said = [" ".join(draw.choices(_WORDS, k=draw.randint(2, 5))) for _ in range(draw.randint(1, lines))]
        found.append((round(time, 3), round(end, 3), said))
        time = end + draw.uniform(0.2, 3)
    return found


def truth(found: list[tuple[float, float, list[str]]]) -> list[Truth]:
    return [(start, end, " ".join(said)) for start, end, said in found]


def _srt(kind: str, seed: int, write: Callable[[random.Random, list], str], **facts: object) -> SubtitleFile:
    draw = random.Random(f"{kind} {seed}")
    found = cues(draw)
    return SubtitleFile(kind, seed, ".srt", write(draw, found), truth(found), **facts)  # type: ignore[arg-type]


def plain_srt(seed: int) -> SubtitleFile:
    return _srt("srt", seed, lambda _, found: _numbered(found), wellformed=True)


def windows_srt(seed: int) -> SubtitleFile:
    return _srt("srt, BOM and CR LF", seed, lambda _, found: "\ufeff" + _numbered(found).replace("\n", "\r\n"))


def old_mac_srt(seed: int) -> SubtitleFile:
    return _srt("srt, CR", seed, lambda _, found: _numbered(found).replace("\n", "\r"))


def unnumbered_srt(seed: int) -> SubtitleFile:
    return _srt("srt, no numbers", seed, lambda _, found: _blocks(found, number=lambda n: ""))


def partly_numbered_srt(seed: int) -> SubtitleFile:
    return _srt(
        "srt, some numbers missing",
        seed,
        lambda draw, found: _blocks(found, number=lambda n: f"{n}\n" if n % 3 else ""),
    )


def crowded_srt(seed: int) -> SubtitleFile:
    return _srt("srt, no line between cues", seed, lambda _, found: _numbered(found).replace("\n\n", "\n"))


def sparse_srt(seed: int) -> SubtitleFile:
    return _srt("srt, every line doubled", seed, lambda _, found: _numbered(found).replace("\n", "\n\n"))


def blank_srt(seed: int) -> SubtitleFile:
    def write(draw: random.Random, found: list) -> str:
        for _, _, said in found:
            said.append(draw.choice(_WORDS))
        return _blocks(found, join=draw.choice(["\n\n", "\n \n", "\n\n\n"]))

    return _srt("srt, blank line in text", seed, write)


def loose_times_srt(seed: int) -> SubtitleFile:
    def write(draw: random.Random, found: list) -> str:
        arrow = draw.choice([" --> ", "-->", " -> ", "  --->  ", " –> "])
        forms: list[Callable[[float], str]] = [
            vtt_time,
            lambda t: srt_time(t)[3:],
            lambda t: vtt_time(t)[3:],
            lambda t: srt_time(t).replace(":", " : "),
            lambda t: srt_time(t).replace(",", " , "),
            lambda t: srt_time(t).replace(":", "：").replace(",", "，"),  # noqa: RUF001, of a Chinese keyboard
            lambda t: srt_time(t)[1:],
            lambda t: srt_time(t, ":"),
        ]
        return _blocks(found, time=lambda t: draw.choice(forms)(t), arrow=arrow)

    return _srt("srt, loose times", seed, write)


def markup_like_srt(seed: int) -> SubtitleFile:
    def write(draw: random.Random, found: list) -> str:
        for _, _, said in found:
            said.append(
                draw.choice(
                    ["I <3 you", "a < b", "x > y and y < z", "<- there ->", "AT&T & co", "{laughs}", "<sighs>",
                     "-> go", "A --> B", "1 < 2 > 0", "if a<b or b>c", "#5", "<< old >>", "5 o'clock"]
                )
            )  # fmt: skip
        return _numbered(found)

    return _srt("srt, text like markup", seed, write)


def marked_up_srt(seed: int) -> SubtitleFile:
    def write(draw: random.Random, found: list) -> str:
        marked = [
            (start, end, [draw.choice(["<i>{}</i>", "<b>{}", '<font color="#fff">{}</font>', "{{\\an8}}{}", "{{y:i}}{}",
                                       "<I>{}</I>", "<u><i>{}</i></u>", "{}</i>"]).format(line) for line in said])
            for start, end, said in found
        ]  # fmt: skip
        return _numbered(marked)

    return _srt("srt, markup", seed, write)


def counting_srt(seed: int) -> SubtitleFile:
    def write(draw: random.Random, found: list) -> str:
        for place, (_, _, said) in enumerate(found):
            said[:] = [str(draw.choice([10 - place, place, 100, 3]))]
        return _numbered(found)

    return _srt("srt, numbers as text", seed, write)


def odd_times_srt(seed: int) -> SubtitleFile:
    draw = random.Random(f"odd {seed}")
    found = cues(draw)
    bad = [
        f"-00:00:0{draw.randint(3, 9)},000 --> -00:00:01,000\nlost before",
        "00:00:09,000 --> 00:00:08,000\nlost backwards",
        f"soon --> {srt_time(9)}\nlost soon",
        "00:00:05,000 --> 00:00:05,000\nlost at once",
    ]
    negative = f"-00:00:01,000 --> {srt_time(0.9)}\nearly bird"
    text = "\n\n".join([negative, *draw.sample(bad, 3), _blocks(found, number=lambda n: "")])
    return SubtitleFile("srt, negative and lost", seed, ".srt", text, [(0.0, 0.9, "early bird"), *truth(found)], 3)


def frames_srt(seed: int) -> SubtitleFile:
    draw = random.Random(f"frames {seed}")
    fps = draw.choice([23.976, 24.0, 25.0, 29.97, 30.0])
    found = [(round(a * 4) / 4, round(b * 4) / 4 + 0.25, said) for a, b, said in cues(draw)]

    def clock(t: float) -> str:
        return f"{srt_time(int(t))[:8]}{draw.choice(':;') if fps > 29 else ':'}{int((t - int(t)) * fps):02}"

    return SubtitleFile("srt, frames", seed, ".srt", _blocks(found, time=clock), truth(found), fps=fps)


def overlapping(seed: int) -> SubtitleFile:
    draw = random.Random(f"overlap {seed}")
    found = [(start, end + draw.uniform(0, 6), said) for start, end, said in cues(draw)]
    found = [(start, round(end, 3), said) for start, end, said in found]
    ordered = sorted(truth(found))
    if seed % 2:
        draw.shuffle(found)  # files that were merged are not in order
        return SubtitleFile("srt, overlapping", seed, ".srt", _numbered(found), ordered)
    return SubtitleFile("vtt, overlapping", seed, ".vtt", _webvtt(found), ordered)


def plain_vtt(seed: int) -> SubtitleFile:
    found = cues(random.Random(f"vtt {seed}"))
    return SubtitleFile("vtt", seed, ".vtt", _webvtt(found), truth(found), wellformed=True)


def short_vtt(seed: int) -> SubtitleFile:
    draw = random.Random(f"short {seed}")
    found = cues(draw)
    settings = ["line:0", "align:start position:0%", ""]
    names = draw.sample(["intro", "1", "2 - later", "a cue", "x1", "ß", "00", "fin"], 8)
    text = "WEBVTT - title\n\n" + "\n\n".join(
        f"{name}\n{vtt_time(start)[3:]} --> {vtt_time(end)[3:]} {draw.choice(settings)}\n" + "\n".join(said)
        for name, (start, end, said) in zip(names, found, strict=True)
    )
    return SubtitleFile("vtt, identifiers, no hours", seed, ".vtt", text, truth(found))


def noted_vtt(seed: int) -> SubtitleFile:
    draw = random.Random(f"noted {seed}")
    found = cues(draw)
    others = [
        "NOTE\nthis is\nno text", "NOTE one line", "STYLE\n::cue { color: red }", "REGION\nid:fred\nwidth:40%",
        "NOTE\tby tab\nand more",
    ]  # fmt: skip
    parts = []
    for start, end, said in found:
        parts += draw.sample(others, draw.randint(0, 2))
        parts.append(f"{vtt_time(start)} --> {vtt_time(end)}\n" + "\n".join(said))
    text = "WEBVTT\nKind: captions\nLanguage: en\n\n" + "\n\n".join([*parts, "NOTE the end"])
    return SubtitleFile("vtt, NOTE, STYLE, REGION", seed, ".vtt", text, truth(found))


def marked_up_vtt(seed: int) -> SubtitleFile:
    draw = random.Random(f"marked vtt {seed}")
    found = cues(draw, lines=1)
    forms = ["<v Ann>{}", "<c.red.big>{}</c>", "<lang en>{}</lang>", "<b.loud>{}</b>", "<v.x Mr Bean>{}</v>",
             "<ruby>{}</ruby>", "&lrm;{}", "<i>{}</i>"]  # fmt: skip
    marked = [(start, end, [draw.choice(forms).format(said[0])]) for start, end, said in found]
    escaped = [(10_000.0, 10_001.0, ["a &lt; b &amp;&amp; c &gt; d &nbsp;end"])]
    wanted = [*truth(found), (10_000.0, 10_001.0, "a < b && c > d end")]
    return SubtitleFile("vtt, markup", seed, ".vtt", _webvtt(marked + escaped), wanted)


def stamped_vtt(seed: int) -> SubtitleFile:
    draw = random.Random(f"stamped {seed}")
    found = cues(draw, lines=1)
    stamped = []
    for start, end, said in found:
        words = said[0].split()
        marks = [f"<{vtt_time(start + (end - start) * (n + 1) / 3)}>" for n in range(2)]
        places = sorted(draw.sample(range(1, len(words) + 1), min(2, len(words))))
        for mark, place in reversed(list(zip(marks, places, strict=False))):
            words.insert(place, mark)
        stamped.append((start, end, [" ".join(words)]))
    return SubtitleFile("vtt, two stamps inside", seed, ".vtt", _webvtt(stamped), truth(found))


def rolling_vtt(seed: int) -> SubtitleFile:
    """As YouTube writes speech recognition: every second cue holds the line for 10 ms, and every other repeats it."""
    draw = random.Random(f"rolling {seed}")
    found = [(a, a + 2.0, [said[0]]) for (a, _, said) in cues(draw, lines=1)]
    parts, time, wanted, before = [], 0.5, [], ""
    for _, _, (line,) in found:
        words = line.split()
        end = round(time + draw.uniform(1, 3), 3)
        step = (end - time) / len(words)
        spoken = words[0] + "".join(f"<{vtt_time(time + n * step)}><c> {w}</c>" for n, w in enumerate(words[1:], 1))
        parts.append(f"{vtt_time(time)} --> {vtt_time(end)} align:start position:0%\n{before or ' '}\n{spoken}")
        parts.append(f"{vtt_time(end)} --> {vtt_time(end + 0.01)} align:start position:0%\n{line}\n ")
        wanted.append((time, end, line))
        time, before = round(end + 0.01, 3), line
        if draw.random() < 0.2:
            time, before = round(time + 5, 3), ""  # a pause clears the screen
    text = "WEBVTT\nKind: captions\nLanguage: en\n\n" + "\n\n".join(parts) + "\n\n"
    return SubtitleFile("vtt, rolling", seed, ".vtt", text, wanted)


def rolling_srt(seed: int) -> SubtitleFile:
    """The same after a conversion, which drops the times of words."""
    draw = random.Random(f"rolling srt {seed}")
    parts, time, wanted, shown = [], 0.5, [], []
    for _, _, (line,) in cues(draw, lines=1):
        end = round(time + draw.uniform(1, 3), 3)
        shown = [*shown, line][-(2 + seed % 2) :]
        parts.append((time, end, list(shown)))
        if seed % 2 == 0:
            parts.append((end, end + 0.01, [line]))
            shown = [line]
        wanted.append((time, end, line))
        time = round(end + (0.01 if seed % 2 == 0 else 0.0), 3)
    return SubtitleFile("srt, rolling", seed, ".srt", _numbered(parts), wanted)


def blank_vtt(seed: int) -> SubtitleFile:
    draw = random.Random(f"blank vtt {seed}")
    found = cues(draw)
    parts = []
    for start, end, said in found:
        said.append(draw.choice(_WORDS))
        join = draw.choice(["\n\n", "\n \n", "\n"])
        parts.append(f"{vtt_time(start)} --> {vtt_time(end)}\n" + join.join(said))
    return SubtitleFile("vtt, blank line in text", seed, ".vtt", "WEBVTT\n\n" + "\n\n".join(parts), truth(found))


def mixed_up(seed: int) -> SubtitleFile:
    """One form under the suffix of the other."""
    found = cues(random.Random(f"mixed {seed}"))
    if seed % 2:
        return SubtitleFile("srt named vtt", seed, ".vtt", _numbered(found), truth(found))
    return SubtitleFile("vtt named srt", seed, ".srt", _webvtt(found), truth(found))


def _numbered(found: list) -> str:
    return _blocks(found)


def _blocks(
    found: list,
    *,
    number: Callable[[int], str] = lambda n: f"{n}\n",
    time: Callable[[float], str] = srt_time,
    arrow: str = " --> ",
    join: str = "\n",
) -> str:
    return "".join(
        f"{number(place)}{time(start)}{arrow}{time(end)}\n{join.join(said)}\n\n"
        for place, (start, end, said) in enumerate(found, 1)
    )


def _webvtt(found: list) -> str:
    return "WEBVTT\n\n" + "\n\n".join(
        f"{vtt_time(start)} --> {vtt_time(end)}\n" + "\n".join(said) for start, end, said in found
    )


KINDS: tuple[Callable[[int], SubtitleFile], ...] = (
    plain_srt,
    windows_srt,
    old_mac_srt,
    unnumbered_srt,
    partly_numbered_srt,
    crowded_srt,
    sparse_srt,
    blank_srt,
    loose_times_srt,
    markup_like_srt,
    marked_up_srt,
    counting_srt,
    odd_times_srt,
    frames_srt,
    overlapping,
    plain_vtt,
    short_vtt,
    noted_vtt,
    marked_up_vtt,
    stamped_vtt,
    rolling_vtt,
    rolling_srt,
    blank_vtt,
    mixed_up,
)
