"""`a THEN b` over videos joined from clips, in the right order and reversed.

    python -m benchmarks.sequences DATA/clips.json DATA/clips --films FOLDER --library LIB

The videos are made in FOLDER if missing (`benchmarks/joined_videos.py`). Queries are the captions of every two
consecutive clips of a video. The report gives how often the video is first and among the first five, in the right order
and reversed; how often the video has the better score in the right order; and, for videos that are first, how often
both steps are in their clips. WITHIN: the first and the last clip of a video, with a limit that their gap meets, and
one that it exceeds.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np

from benchmarks.joined_videos import Part, joined_videos
from benchmarks.library import indexed
from search import Library
from search.ranking.moments import Moment

Asking = Callable[[str], list[Moment]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("truth", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--films", type=Path, required=True)
    parser.add_argument("--library", type=Path, required=True)
    args = parser.parse_args()
    made = joined_videos(args.truth, args.folder, args.films)
    with indexed([args.films], args.library) as opened:
        orders(opened, made)
        limits(opened, made)


def orders(opened: Library, made: list[list[Part]]) -> None:
    def ask(query: str) -> list[Moment]:
        return opened.search(query, top=len(made))

    places, better, inside = [], [], []
    pairs = [pair for video in made for pair in pairwise(video)]
    for first, then in pairs:
        answers = [ask(f"{a} THEN {b}") for a, b in ((plain(first), plain(then)), (plain(then), plain(first)))]
        places.append([place(first.film, moments) for moments in answers])
        right, reverse = (score(first.film, moments) for moments in answers)
        better.append(right > reverse)
        best = answers[0][0]
        if Path(best.path).name == first.film:
            hits = sorted(best.hits, key=lambda hit: hit.start)
            inside.append(overlaps(hits[0].start, hits[0].end, first) and overlaps(hits[-1].start, hits[-1].end, then))
    ranks = np.array(places)
    for name, column in (("right order", 0), ("reversed", 1)):
        shares = "  ".join(f"R@{k} {np.mean(ranks[:, column] <= k):.1%}" for k in (1, 5))
        print(f"{len(pairs)} pairs over {len(made)} videos, {name}: {shares}")
    print(f"better score in the right order: {np.mean(better):.1%}")
    print(f"both steps in their clips, of videos found first: {np.mean(inside):.1%}")


def limits(opened: Library, made: list[list[Part]]) -> None:
    """Report how often first and last clip find their video, with a limit that allows it and one that does not."""
    found = {"allowing": 0, "forbidding": 0}
    paths = {Path(video.path).name: video.path for video in opened.videos()}
    for video in made:
        first, last = video[0], video[-1]
        pause = last.start - first.end
        for name, seconds in (("allowing", pause + 10), ("forbidding", max(pause - 10, 1))):
            query = f"{plain(first)} THEN WITHIN {seconds:.0f}s {plain(last)}"
            moments = opened.search(query, top=1, within=paths[first.film])
            found[name] += any(
                overlaps(moment.start, moment.start + 1, first) and overlaps(moment.end - 1, moment.end, last)
                for moment in moments
            )
    shares = ", ".join(f"{number / len(made):.1%} with a limit {name} it" for name, number in found.items())
    print(f"first and last clip of a video found in place: {shares}")


def plain(part: Part) -> str:
    """Return a caption without the syntax of the query language."""
    return part.caption.replace('"', " ").replace(":", " ")


def place(video: str, moments: list[Moment]) -> int:
    names = list(dict.fromkeys(Path(moment.path).name for moment in moments))
    return names.index(video) + 1 if video in names else 1_000_000  # not found


def score(video: str, moments: list[Moment]) -> float:
    return max((moment.score for moment in moments if Path(moment.path).name == video), default=0.0)


def overlaps(start: float, end: float, part: Part) -> bool:
    return start < part.end and end > part.start


if __name__ == "__main__":
    main()
