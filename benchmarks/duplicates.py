"""Precision and recall of duplicates, detection of blank frames, and speed.

    python -m benchmarks.duplicates measure CLIPS --work FOLDER
    python -m benchmarks.duplicates blank --library LIB
    python -m benchmarks.duplicates scale --library NEW --segments 100000

`measure`: makes four copies of each of some clips, in alternating ways (benchmarks/footage.py), and an excerpt; adds
test cards and black videos. It reports precision and recall of the pairs that are reported as duplicates, by way, and
of excerpts. Files are made in FOLDER and reused.

`blank`: prints the similarity to the painted blank pictures of one colour, noise and test cards of ffmpeg, and of all
frames of a library.

`scale`: times `similar` and `duplicates` among random segments, with one video in a hundred duplicated.
"""

from __future__ import annotations

import argparse
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import combinations, cycle, islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks import footage
from benchmarks.library import indexed
from model.encoder.load import load
from search import Library
from search.clips.frames import NEARLY
from search.query.request import SimilarRequest
from store.types import EncoderInfo, NewSegment, Video

COPIES = 4
PER_FILM = 50  # segments
CARDS = ("color=black", "color=0x6b4423", "smptebars", "smptehdbars", "pal75bars", "testsrc")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=["measure", "blank", "scale"])
    parser.add_argument("clips", type=Path, nargs="?")
    parser.add_argument("--work", type=Path)
    parser.add_argument("--library", type=Path)
    parser.add_argument("--count", type=int, default=40, help="clips")
    parser.add_argument("--segments", type=int, default=100_000)
    args = parser.parse_args()
    if args.task == "blank":
        blank(args.library)
    elif args.task == "scale":
        scale(args.library, args.segments)
    else:
        measure(args.clips, args.work, args.count)


def measure(clips: Path, work: Path, count: int) -> None:
    made = work / "twins"
    made.mkdir(parents=True, exist_ok=True)
    of_what = dict(copies(clips, made, count))
    with indexed([made], work / "twins.library") as library:
        found = library.duplicates()
        counts = library.catalog.counts()
    truth = {
        frozenset((one, two)): set(ways)
        for one, two in combinations(of_what, 2)
        if of_what[one][0] == of_what[two][0] and "part" not in (ways := (of_what[one][1], of_what[two][1]))
    }
    predicted = {
        frozenset(pair)
        for cluster in found
        if cluster.kind != "excerpt"
        for pair in combinations((Path(copy.video.path).name for copy in cluster.videos), 2)
    }
    right = predicted & truth.keys()
    print(f"{counts.videos} videos, {counts.segments} segments")
    precision, recall = len(right) / max(len(predicted), 1), len(right) / len(truth)
    print(f"pairs of duplicates: precision {precision:.3f}, recall {recall:.3f} of {len(truth)}")
    for way in footage.VARIANTS:
        pairs = [pair for pair, ways in truth.items() if ways == {"whole", way}]
        if pairs:
            print(f"  {way:>12} with the clip: {np.mean([pair in predicted for pair in pairs]):4.0%} of {len(pairs)}")
    wrong = Counter(tuple(sorted(of_what[name][1] for name in pair)) for pair in predicted - truth.keys())
    print("wrong:", ", ".join(f"{number} {' and '.join(ways)}" for ways, number in wrong.items()) or "none")
    parts = {name for name, (_, way) in of_what.items() if way == "part"}
    listed = [[Path(copy.video.path).name for copy in cluster.videos] for cluster in found if cluster.kind == "excerpt"]
    good = [pair for pair in listed if of_what[pair[0]][0] == of_what[pair[1]][0] and set(pair) & parts]
    print(f"excerpts: {len({*map(tuple, good)})} listed rightly of {len(parts)}, {len(listed) - len(good)} wrongly")
    seconds = sum(cluster.seconds_saved for cluster in found)
    print(f"could be deleted: {sum(cluster.bytes_saved for cluster in found):,} bytes, {seconds:.0f} s of video")


def copies(clips: Path, made: Path, count: int) -> Iterator[tuple[str, tuple[str, str]]]:
    """Yield names of files, each with the clip it shows and the way it was made."""
    every = sorted(clips.glob("*.mp4"))
    chosen = [every[i] for i in np.linspace(0, len(every) - 1, count).astype(int)]
    ways = cycle(name for name in footage.VARIANTS if name != "excerpt")
    for clip in chosen:
        whole = footage.make(clip, made / f"{clip.stem}.mp4", footage.Variant("copy"))
        yield whole.name, (clip.stem, "whole")
        for way in islice(ways, COPIES):
            yield footage.make(clip, made / f"{clip.stem}-{way}.mp4", footage.VARIANTS[way]).name, (clip.stem, way)
        seconds = footage.length(clip)
        part = footage.make(
            clip, made / f"{clip.stem}-part.mp4", footage.Variant("copy"), start=0.25 * seconds, seconds=0.5 * seconds
        )
        yield part.name, (clip.stem, "part")
    for card in CARDS:
        for seconds in (5.0, 7.0):
            name = f"{card.replace('=', '-')}-{seconds:.0f}.mp4"
            footage.nothing(made / name, card, seconds)
            yield name, (name, "card")


def blank(folder: Path) -> None:
    with Library(folder) as library:
        normalizer = library.engine.searcher().normalizer
        painted = normalizer.painted
        nearest = [
            (
                float(
                    (normalizer.rows(library.catalog.segments.frame_features(number)[1]) @ painted.T).max(axis=1).max()
                ),
                number,
            )
            for number in library.catalog.segments.ids().tolist()
        ]
        above = sum(similarity >= NEARLY for similarity, _ in nearest)
        print(f"{len(nearest)} segments, {above} with a frame at {NEARLY} or more; the most like below:")
        for similarity, number in sorted((pair for pair in nearest if pair[0] < NEARLY), reverse=True)[:3]:
            print(f"  {similarity:.2f} segment {number}")
        for name, picture in pictures():
            row = normalizer.rows(library.encoder.features(picture))
            print(f"  {float((row @ painted.T).max()):.2f} {name}")


def pictures() -> Iterator[tuple[str, NDArray[np.uint8]]]:
    """Yield blank pictures that are not among the painted ones."""
    height, width = 224, 398
    for colour in ((40, 40, 40), (110, 110, 110), (90, 60, 30), (230, 180, 190), (0, 90, 90), (255, 140, 0)):
        yield (
            f"colour {colour}",
            np.broadcast_to(np.array(colour, np.uint8)[None, :, None, None], (1, 3, height, width)),
        )
    random = np.random.default_rng(5)
    yield "dark noise", random.normal(16, 3, (1, 3, height, width)).clip(0, 255).astype(np.uint8)
    yield "coloured noise", random.integers(0, 256, (1, 3, height, width), np.uint8)
    for card in ("smptebars", "smptehdbars", "pal75bars", "pal100bars", "testsrc", "testsrc2"):
        command = ["ffmpeg", "-nostdin", "-loglevel", "error", "-f", "lavfi", "-i", f"{card}=s={width}x{height}:d=1"]
        raw = subprocess.run(
            [*command, "-frames:v", "1", "-pix_fmt", "rgb24", "-f", "rawvideo", "-"], check=True, capture_output=True
        ).stdout
        yield (
            card,
            np.ascontiguousarray(np.frombuffer(raw, np.uint8).reshape(1, height, width, 3).transpose(0, 3, 1, 2)),
        )


def scale(folder: Path, segments: int) -> None:
    with Library(folder, encoder=load()) as library:
        if not library.catalog.counts().videos:
            fill(library, segments)
        engine = library.engine.searcher()
        ids = library.catalog.segments.ids()
        queries = ids[:: len(ids) // 50].tolist()
        vectors = library.catalog.segments.embeddings(queries)
        bare = median_seconds(lambda i: engine.index.search(vectors[i : i + 1], 200), len(queries))
        similar = median_seconds(lambda i: engine.similar(SimilarRequest(segment=queries[i])), len(queries))
        print(f"{len(ids):,} segments: bare vector search {1000 * bare:.1f} ms, similar {1000 * similar:.1f} ms")
        began = time.perf_counter()
        found = library.duplicates()
        print(f"duplicates: {time.perf_counter() - began:.0f} s, {len(found)} clusters")


def fill(library: Library, segments: int) -> None:
    """Add videos of fifty random segments, each of four slowly changing frames; one in a hundred is duplicated."""
    catalog = library.catalog.with_encoder(EncoderInfo(library.encoder.fingerprint, library.encoder.dim))
    random = np.random.default_rng(0)
    themes = random.normal(size=(1000, library.encoder.dim)).astype(np.float32)
    last: list[NewSegment] = []
    for number in range(segments // PER_FILM):
        if not last or number % 100:
            last = make_segments(random, themes, library.encoder.feature_dim)
        name, seconds = f"/films/{number}.mp4", 10.0 * PER_FILM
        catalog.put_video(Video(name, 1, 1, name, "mp4", "h264", seconds, 25.0, 640, 360, 0), last, [])


def make_segments(random: np.random.Generator, themes: NDArray[np.float32], width: int) -> list[NewSegment]:
    vectors = themes[random.integers(len(themes), size=PER_FILM)] + random.normal(size=(PER_FILM, themes.shape[1]))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    rows = random.normal(size=(4 * PER_FILM, width)).cumsum(axis=0).astype(np.float16)
    return [
        NewSegment(
            10.0 * i,
            10.0 * i + 10,
            "",
            10.0 * i + 2.5 * np.arange(4, dtype=np.float64),
            rows[4 * i : 4 * i + 4],
            vectors[i],
            b"",
            0.0,
        )
        for i in range(PER_FILM)
    ]


def median_seconds(action: Callable[[int], object], times: int) -> float:
    spent = []
    for i in range(times):
        began = time.perf_counter()
        action(i)
        spent.append(time.perf_counter() - began)
    return float(np.median(spent[1:]))


if __name__ == "__main__":
    main()
