"""Indexing beside decoding alone, and search cold and warm.

    python -m benchmarks.speed index FOLDER
    python -m benchmarks.speed search LIBRARY "a query"

`index`: the whole of `videobert index` against only decoding the same files in the same child processes, in pairs, one
after the other; the ratio is what the model, the shots and the database cost. `search`: a new process for every query
against a query in a process that has the model loaded.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from indexer.discovery import discover
from indexer.media.container import MediaError
from indexer.workers.decoders import Decoders
from search import Library

VIDEOBERT = Path(sys.executable).with_name("videobert")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["index", "search"])
    parser.add_argument("place", type=Path)
    parser.add_argument("query", nargs="?", default="a dog runs on the beach")
    parser.add_argument("--times", type=int, default=3)
    args = parser.parse_args()
    if args.what == "index":
        indexing(args.place, args.times)
    else:
        searching(args.place, args.query, args.times)


def indexing(folder: Path, times: int) -> None:
    decode_only(folder)  # once for the disk cache
    pairs = [(timed(lambda: decode_only(folder)), timed(lambda: index(folder))) for _ in range(times)]
    seconds = index(folder)
    ratios = [indexed / decoded for decoded, indexed in pairs]
    decoded, indexed = (statistics.median(column) for column in zip(*pairs, strict=True))
    print(f"decode only {decoded:.1f} s, index {indexed:.1f} s: {seconds / indexed:.0f} seconds of video per second")
    print(
        f"index / decode only {statistics.median(ratios):.2f} ({times} pairs: {min(ratios):.2f} to {max(ratios):.2f})"
    )
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"peak memory of the largest process {peak:.0f} MiB")


def decode_only(folder: Path) -> None:
    with Decoders(workers=1, fps=2.0) as decoders:
        for stream in decoders.streams(discover([folder]).files):
            try:
                for _ in stream:
                    pass
            except MediaError:
                continue


def index(folder: Path) -> float:
    """Index into a fresh library; returns the seconds of video it holds."""
    with tempfile.TemporaryDirectory() as home:
        subprocess.run([VIDEOBERT, "index", folder, "--library", home], check=False, capture_output=True)
        with Library(home) as library:
            return sum(video.duration for video in library.videos())


def searching(folder: Path, query: str, times: int) -> None:
    command: list[str | Path] = [VIDEOBERT, "search", query, "--library", folder]
    cold = [timed(lambda: subprocess.run(command, check=True, capture_output=True)) for _ in range(times)]
    with Library(folder) as library:
        library.search(query)
        warm = [timed(lambda: library.search(query)) for _ in range(20 * times)]
        ids = library.catalog.segments.ids()[: 20 * times].tolist()
        library.similar(ids[0])
        alike = [timed(partial(library.similar, number)) for number in ids]
        segments = library.catalog.counts().segments
    new, loaded = statistics.median(cold), statistics.median(warm)
    print(f"similar to a segment, warm: {1000 * statistics.median(alike):.1f} ms")
    print(f"{segments} segments: cold {new:.2f} s, warm {1000 * loaded:.1f} ms; cold / warm {new / loaded:.0f}")


def timed(action: Callable[[], object]) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
