"""On-screen text: what is read, found first through the command line, read where there is none, and what it costs.

    python -m benchmarks.screen --clips FOLDER [--patterns 60]

Twenty phrases, sixteen in Latin script and four in Chinese, are drawn over clips of a folder: sizes from 14 to 40
pixels of 360, six colours with an edge, still and moving, sharp and blurred, turned by up to 180 degrees, for 2.6
seconds each. Each is asked for by `videobert search written:"..."`, and without the field. Patterns without text are
fences, bricks, foliage, windows, water and circles, each another one. Seconds are of the processor, for two cores,
which other work on the machine does not change.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from typer.testing import CliRunner

from benchmarks.speech import cpu_seconds
from indexer.text.recognizers import WORDS_VARIABLE
from indexer.text.screen import screen
from indexer.text.screen_lines import Picture, ScreenLines
from search.cli import app
from search.library.library import LIBRARY_VARIABLE
from tests.support.written import CHINESE, Sign

_WHITE, _YELLOW, _BLACK, _RED, _GREY, _BLUE = (
    (255, 255, 255), (255, 230, 0), (0, 0, 0), (220, 20, 20), (190, 190, 190), (40, 60, 220)
)  # fmt: skip
_CORES = 2
_EVERYONE = resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN
_SHOWN: dict[str, Any] = {"start": 0.7, "end": 3.3, "edge": 1}
_SIGNS = [
    Sign("Emergency exit", **_SHOWN, size=40),
    Sign("Platform nine", **_SHOWN, size=28, color=_YELLOW),
    Sign("Harbour cafe", **_SHOWN, size=22, color=_BLACK),
    Sign("No parking", **_SHOWN, size=32, color=_RED),
    Sign("tomato soup", **_SHOWN, size=16),
    Sign("chapter seven", **_SHOWN, size=14, color=_YELLOW),
    Sign("Breaking news", **_SHOWN, size=30, speed=(40, 0)),
    Sign("Directed by Wallace", **_SHOWN, size=24, place=(40, 220), speed=(0, -50)),
    Sign("mind the gap", **_SHOWN, size=30, speed=(25, 15), color=_BLUE),
    Sign("Lighthouse keeper", **_SHOWN, size=28, blur=1.5),
    Sign("bicycle repair", **_SHOWN, size=34, blur=2.5),
    Sign("Fragile glass", **_SHOWN, size=30, turned=90),
    Sign("this side up", **_SHOWN, size=30, turned=180),
    Sign("Town hall", **_SHOWN, size=30, turned=-90),
    Sign("wooden bridge", **_SHOWN, size=28, turned=15),
    Sign("winter sale", **_SHOWN, size=24, color=_GREY),
    Sign("紧急出口", **_SHOWN, size=36),
    Sign("欢迎来到图书馆", **_SHOWN, size=26, color=_YELLOW),
    Sign("禁止吸烟", **_SHOWN, size=20),
    Sign("北京火车站", **_SHOWN, size=30, speed=(30, 0), color=_RED),
]


def main() -> None:
    """Print one line for each measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=Path, required=True)
    parser.add_argument("--patterns", type=int, default=60)
    asked = parser.parse_args()
    os.environ[WORDS_VARIABLE] = "none"
    with tempfile.TemporaryDirectory() as place:
        written(sorted(asked.clips.glob("*.mp4")), Path(place))
    patterns(asked.patterns)


def written(clips: list[Path], place: Path) -> None:
    """Draw phrases over clips, index them and ask for each."""
    signs = [sign for sign in _SIGNS if sign.text.isascii() or CHINESE]
    films = place / "films"
    films.mkdir()
    for sign, clip in zip(signs, clips, strict=False):
        draw(sign, clip, films / clip.name)
    os.environ[LIBRARY_VARIABLE] = str(place / "library")
    costs = []
    for choice in ("none", "screen"):
        before = cpu_seconds(*_EVERYONE)
        videobert("index", str(films), "--words", choice)
        costs.append(cpu_seconds(*_EVERYONE) - before)
    told = {}
    for name, query in (("written:", 'written:"{}"'), ("plain", "{}")):
        wrong = [
            sign.text for sign, clip in zip(signs, clips, strict=False) if first(query.format(sign.text)) != clip.name
        ]
        told[name] = (
            f"{len(signs) - len(wrong)} of {len(signs)} (not {', '.join(wrong)})" if wrong else f"all {len(signs)}"
        )
    seconds = sum(video["duration"] for video in json.loads(videobert("list", "--json")))
    print("found first: " + "; ".join(f"{name} {found}" for name, found in told.items()))
    print(f"index: {costs[0]:.1f} s of processor for {seconds:.0f} s of video; on-screen text {costs[1]:.1f} s more")
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**10
    print(f"memory of the worker: {peak:.0f} MiB at most", flush=True)


def draw(sign: Sign, clip: Path, target: Path) -> None:
    """Write four seconds of a clip, 640 pixels wide, with a sign over it."""
    with tempfile.NamedTemporaryFile(suffix=".png") as file:
        sign.image().save(file.name)
        (left, top), (across, down) = sign.place, sign.speed
        since = f"(t-{sign.start})"
        at = f"x={left}+{across}*{since}:y={top}+{down}*{since}:enable='between(t,{sign.start},{sign.end})'"
        filters = f"[0]scale=640:360,fps=15,tpad=stop_mode=clone:stop_duration=4,trim=0:4[a];[a][1]overlay={at}"
        inputs = ["-i", str(clip), "-loop", "1", "-i", file.name]
        coding = ["-t", "4", "-an", "-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", str(target)]
        subprocess.run(["ffmpeg", "-v", "error", "-y", *inputs, "-filter_complex", filters, *coding], check=True)


def patterns(count: int) -> None:
    """Read pictures without text, and time how long one takes."""
    plain = [_pattern(number) for number in range(count)]
    screen().load()
    before = cpu_seconds()
    found = [read(picture) for picture in plain]
    seconds = (cpu_seconds() - before) / count / _CORES
    texts = [text for each in found for text in each]
    print(f"text is read in {sum(map(bool, found))} of {count} patterns: {texts[:9]}")
    print(f"a picture without text: {seconds:.3f} s on two cores")
    lettered = [sign.draw(plain[number % count], 1.0) for number, sign in enumerate(_SIGNS) if sign.text.isascii()]
    before = cpu_seconds()
    for picture in lettered:
        read(picture)
    print(f"a picture with a line of text: {(cpu_seconds() - before) / len(lettered) / _CORES:.3f} s on two cores")


def read(picture: Picture) -> list[str]:
    """Return the lines of one picture."""
    lines = ScreenLines(screen().reader(), side=480)
    lines.see(0.0, picture, cut=True)
    return [line.text for line in lines.lines(1.0)]


def videobert(*arguments: str) -> str:
    """Run the command line; return what it prints."""
    ran = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    if ran.exit_code not in (0, 1):
        raise RuntimeError(f"videobert {' '.join(arguments)}: {ran.output}")
    return ran.stdout


def first(query: str) -> str:
    """The name of the first video that is found, "" for none."""
    moments = json.loads(videobert("search", query, "--json", "--top", "1") or "[]")
    return Path(moments[0]["path"]).name if moments else ""


def _pattern(number: int) -> Picture:
    """A picture (360, 640, 3) of something regular that has no letters."""
    random = np.random.default_rng(number)
    picture: Any = np.full((360, 640, 3), random.integers(60, 200, 3), np.uint8)
    dark, step = tuple(int(value) for value in random.integers(0, 120, 3)), int(random.integers(8, 60))
    match number % 6:
        case 0:  # fence
            for x in range(0, 640, step):
                cv2.line(picture, (x, 40), (x + int(random.integers(-6, 6)), 320), dark, max(1, step // 5))
        case 1:  # bricks
            for row in range(0, 360, step):
                cv2.line(picture, (0, row), (640, row), dark, 2)
                for x in range((row // step % 2) * step, 640, 2 * step):
                    cv2.line(picture, (x, row), (x, row + step), dark, 2)
        case 2:  # foliage
            for _ in range(700):
                at = tuple(int(value) for value in random.integers(0, (640, 360)))
                size = tuple(int(value) for value in random.integers(2, 16, 2))
                color = tuple(int(value) for value in random.integers(0, 200, 3))
                cv2.ellipse(picture, at, size, float(random.integers(0, 180)), 0, 360, color, -1)
        case 3:  # windows
            for x in range(20, 620, 2 * step):
                for y in range(20, 340, 2 * step):
                    cv2.rectangle(picture, (x, y), (x + step, y + step), dark, -1 if random.random() < 0.5 else 2)
        case 4:  # water
            noise = random.integers(0, 255, (360, 640, 3)).astype(np.uint8)
            picture = cv2.GaussianBlur(
                noise, (0, 0), float(random.uniform(0.5, 6)), sigmaY=float(random.uniform(0.5, 3))
            )
        case _:  # spokes and coins
            for _ in range(30):
                at = tuple(int(value) for value in random.integers(0, (640, 360)))
                cv2.circle(picture, at, int(random.integers(4, 60)), dark, int(random.integers(1, 5)))
    return np.asarray(picture, np.uint8)


if __name__ == "__main__":
    main()
