"""Search by clip for copied parts of videos: accuracy of times, playback speed and kind of match.

    python -m benchmarks.alignment measure CLIPS --work FOLDER [--pairs PAIRS.json PAIRS]
    python -m benchmarks.alignment fit CLIPS --work FOLDER

Clips are joined to videos of five, which are indexed; a part of every clip is copied in ten ways
(benchmarks/footage.py), and `videobert similar` gets each copy as its query. Files are made in FOLDER and reused.

`measure` uses every second clip and reports for each way the error of the returned start and end in seconds (median and
90 % quantile), and how often the video is the first result, the speed is right within 8 %, and the kind is right. With
`--pairs` it prints the kinds of match of the pairs of a benchmark file.

`fit` uses the other clips and prints thresholds of similarity and agreement that separate copies, near copies, other
moments of the same shot and other clips: the constants of search/clips/matching.py.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks import footage
from benchmarks.library import indexed
from indexer.features.clip import Clip
from search import Library
from search.clips.alignment import align

PER_FILM = 5
FROM, PART = 0.2, 0.7  # start and length of the copied part, as shares of the clip
STILL_COUNTS_FROM = 3.0  # seconds; shorter clips are not used as queries


@dataclass(frozen=True)
class Query:
    """A copy of a part of a video."""

    path: Path
    video: Path
    variant: str
    start: float  # in the video, seconds
    end: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=["measure", "fit"])
    parser.add_argument("clips", type=Path)
    parser.add_argument("--work", type=Path, required=True, help="folder of the files that are made")
    parser.add_argument("--count", type=int, default=40, help="clips")
    parser.add_argument("--pairs", type=Path, nargs=2)
    args = parser.parse_args()
    queries = made(args.clips, args.work, args.count)
    with indexed([args.work / "films"], args.work / "library") as library:
        if args.task == "fit":
            fit(library, queries[0])
            return
        measure(library, queries[1])
        if args.pairs:
            called(library, *args.pairs)


def made(clips: Path, work: Path, count: int) -> tuple[list[Query], list[Query]]:
    """Make videos of clips spread over a folder, and copies of parts of them; return queries to fit and to measure."""
    for name in ("films", "queries"):
        (work / name).mkdir(parents=True, exist_ok=True)
    every = sorted(clips.glob("*.mp4"))
    chosen = [every[i] for i in np.linspace(0, len(every) - 1, count).astype(int)]
    sides: tuple[list[Query], list[Query]] = ([], [])
    for first in range(0, len(chosen), PER_FILM):
        group = chosen[first : first + PER_FILM]
        source = footage.join(group, work / "films" / f"film{first // PER_FILM:02}.mp4")
        at = 0.0
        for i, clip in enumerate(group):
            seconds = footage.length(clip)
            if seconds >= STILL_COUNTS_FROM:
                start, part = at + FROM * seconds, PART * seconds
                sides[(first + i) % 2].extend(
                    Query(
                        footage.make(
                            source, work / "queries" / f"{clip.stem}-{name}.mp4", variant, start=start, seconds=part
                        ),
                        source,
                        name,
                        start,
                        start + part,
                    )
                    for name, variant in footage.VARIANTS.items()
                )
            at += seconds
    return sides


def measure(library: Library, queries: list[Query]) -> None:
    errors: defaultdict[str, list[float]] = defaultdict(list)
    right: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for query in queries:
        best = library.similar(query.path, top=1)[0]
        count = right[query.variant]
        count["asked"] += 1
        if best.path != str(query.video.absolute()) or best.match is None:
            continue
        count["film"] += 1
        errors[query.variant] += [abs(best.match.start - query.start), abs(best.match.end - query.end)]
        variant = footage.VARIANTS[query.variant]
        count["speed"] += abs(best.match.speed / variant.speed - 1) <= 0.08
        count["kind"] += best.match.kind == variant.kind
        count["copies"] += best.match.kind in ("copy", "near copy")
        count["mirrored"] += best.match.mirrored
    print(f"{len(queries)} copies of parts of {library.catalog.counts().videos} videos")
    for name, count in [*right.items(), ("all", sum(right.values(), Counter()))]:
        off = errors[name] if name != "all" else [error for each in errors.values() for error in each]
        shares = "  ".join(
            f"{what} {count[key] / count['asked']:4.0%}"
            for what, key in (
                ("found", "film"),
                ("speed", "speed"),
                ("kind", "kind"),
                ("copy of some kind", "copies"),
                ("mirrored", "mirrored"),
            )
        )
        print(f"{name:>12}: error {np.median(off):.2f} s, 90 % {np.quantile(off, 0.9):.2f} s  {shares}")


def called(library: Library, truth: Path, folder: Path) -> None:
    """Print the kind of match of the two clips of each pair, by relation."""
    kinds: dict[str, Counter[str]] = defaultdict(Counter)
    for row in json.loads(truth.read_text(encoding="utf-8")):
        query, found = (look(library, folder / row[key]) for key in "ab")
        moment = compared(library, query, found)
        kinds[row["relation"].split(" ")[0]][moment] += 1
    for relation, counts in kinds.items():
        print(f"{relation}: " + ", ".join(f"{count} {kind}" for kind, count in counts.most_common()))


def look(library: Library, path: Path) -> Clip:
    from indexer.features.clip import read_clip

    return read_clip(path, library.encoder)


def compared(library: Library, query: Clip, found: Clip) -> str:
    from search.clips.matching import match_kind

    normalizer = library.engine.searcher().normalizer
    there = normalizer.sequence(found.pts_seconds, found.features, float(found.pts_seconds[-1]) + 0.5)
    best = "similar"
    order = ["similar", "same scene", "near copy", "copy"]
    for features, edited in [(query.features, False), *((view.features, True) for view in query.views)]:
        here = normalizer.sequence(query.pts_seconds, features, float(query.pts_seconds[-1]) + 0.5)
        best = max(best, match_kind(align(here, there), edited=edited), key=order.index)
    return best


def fit(library: Library, queries: list[Query]) -> None:
    """Print the numbers of kinds, and thresholds between them."""
    numbers: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for query in queries:
        match = _bare(library, query)
        if match is not None:
            numbers[query.variant].append(match)
            numbers[footage.VARIANTS[query.variant].kind].append(match)
    for number in library.catalog.segments.ids().tolist():
        numbers["same scene"] += _halves(library, number)
        numbers["similar"] += _neighbour(library, number)
    for name, rows in numbers.items():
        low, middle, high = np.quantile(np.array(rows), [0.1, 0.5, 0.9], axis=0).round(2).tolist()
        print(
            f"{name:>12} ({len(rows)}): similarity {middle[0]} ({low[0]}–{high[0]}), "
            f"agreement {middle[1]} ({low[1]}–{high[1]})"
        )
    kinds = {name: np.array(rows) for name, rows in numbers.items()}
    copies = np.concatenate([kinds["copy"], kinds["near copy"]])
    print(f"SCENE = {parting(kinds['similar'][:, 0], np.concatenate([copies, kinds['same scene']])[:, 0]):.2f}")
    print(f"CHANGES = {parting(kinds['same scene'][:, 1], copies[:, 1]):.2f}")
    print(f"COPY = {parting(kinds['near copy'][:, 0], kinds['copy'][:, 0]):.2f}")


def _bare(library: Library, query: Query) -> tuple[float, float] | None:
    """Return similarity and agreement of an unaltered copy with the part of the video that it shows."""
    normalizer, clip = library.engine.searcher().normalizer, look(library, query.path)
    video = library.catalog.videos.at(str(query.video.absolute()))
    assert video is not None
    assert video.id is not None
    frames = normalizer.of_segments(library.catalog.segments.of(video.id))
    here = normalizer.sequence(clip.pts_seconds, clip.features, float(clip.pts_seconds[-1]) + 0.5)
    alignment = align(here, frames.between(query.start - 2, query.end + 2))
    return (alignment.similarity, alignment.agreement) if alignment else None


def _halves(library: Library, number: int) -> list[tuple[float, float]]:
    """Compare the first two fifths of a segment with its last two fifths."""
    normalizer, segment = library.engine.searcher().normalizer, library.catalog.segments.get(number)
    assert segment is not None
    frames = normalizer.of_segments([segment])
    fifth = (frames.end - float(frames.pts_seconds[0])) / 5
    first, last = (
        frames.between(segment.start, segment.start + 2 * fifth),
        frames.between(segment.end - 2 * fifth, frames.end),
    )
    alignment = align(first, last, speeds=(1.0,)) if min(len(first), len(last)) > 3 else None
    return [(alignment.similarity, alignment.agreement)] if alignment else []


def _neighbour(library: Library, number: int) -> list[tuple[float, float]]:
    """Compare a segment with the most similar one of another video."""
    normalizer, segment = library.engine.searcher().normalizer, library.catalog.segments.get(number)
    assert segment is not None
    moments = library.similar(number, top=20)
    other = next((moment for moment in moments if moment.hits[0].video_id != segment.video_id), None)
    if other is None:
        return []
    found = library.catalog.segments.get(other.segment_id)
    alignment = align(normalizer.of_segments([segment]), normalizer.of_segments([found])) if found else None
    return [(alignment.similarity, alignment.agreement)] if alignment else []


def parting(below: NDArray[np.float64], above: NDArray[np.float64]) -> float:
    """Return the threshold with the lowest error rate, both sides having the same weight."""
    tried = np.unique(np.concatenate([below, above]))
    wrong = [np.mean(below >= each) + np.mean(above < each) for each in tried]
    return float(tried[int(np.argmin(wrong))])


if __name__ == "__main__":
    main()
