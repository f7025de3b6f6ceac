"""Speed of indexing relative to decoding, of search cold and warm, and of starting.

    python -m benchmarks.speed index FOLDER
    python -m benchmarks.speed search LIBRARY "a query"
    python -m benchmarks.speed start LIBRARY "a query"

`index`: all of `videobert index` against decoding the same files in the same worker processes, in alternating pairs;
the ratio is the cost of the model, the shots and the database. `search`: a new process per query against a query in a
process that has loaded the model. `start`: commands in new processes against a Python that does nothing, alternating,
in seconds and in CPU seconds, which depend less on other load; and `serve` until its first response, with its memory
after that.
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
from search.query.request import SearchRequest
from search.service.client import running

VIDEOBERT = Path(sys.executable).with_name("videobert")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["index", "search", "start"])
    parser.add_argument("place", type=Path)
    parser.add_argument("query", nargs="?", default="a dog runs on the beach")
    parser.add_argument("--times", type=int, default=3)
    args = parser.parse_args()
    if args.what == "index":
        indexing(args.place, args.times)
    elif args.what == "search":
        searching(args.place, args.query, args.times)
    else:
        starting(args.place, args.query, args.times)
        serving(args.place, args.query)


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
    """Index into a new library; return the seconds of video in it."""
    with tempfile.TemporaryDirectory() as home:
        subprocess.run(
            [VIDEOBERT, "index", folder, "--library", home, "--words", "none"], check=False, capture_output=True
        )
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


def starting(folder: Path, query: str, times: int) -> None:
    commands: dict[str, list[str | Path]] = {
        "python -c pass": [sys.executable, "-c", "pass"],
        "videobert --help": [VIDEOBERT, "--help"],
        "videobert list": [VIDEOBERT, "list", "--library", folder],
        "videobert search": [VIDEOBERT, "search", query, "--library", folder],
    }
    wall: dict[str, list[float]] = {name: [] for name in commands}
    cpu: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(times + 1):
        for name, command in commands.items():
            before = cpu_of_children()
            wall[name].append(timed(partial(subprocess.run, command, check=True, capture_output=True)))
            cpu[name].append(cpu_of_children() - before)
    least_wall, least_cpu = (
        statistics.median(each["python -c pass"][1:]) for each in (wall, cpu)
    )  # the first warms up
    for name in commands:
        seconds, busy = statistics.median(wall[name][1:]), statistics.median(cpu[name][1:])
        print(f"{name:<18} {seconds:6.2f} s, + {seconds - least_wall:.2f}; CPU {busy:5.2f} s, + {busy - least_cpu:.2f}")


def cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def serving(folder: Path, query: str) -> None:
    began = time.perf_counter()
    service = subprocess.Popen([VIDEOBERT, "serve", "--no-browser", "--port", "0", "--library", folder])
    try:
        with Library(folder) as library:
            request = SearchRequest.from_parameters({"query": query})
            while (client := running(folder, library.catalog)) is None or client.moments(request) is None:
                time.sleep(0.02)
        print(f"serve, first answer: {time.perf_counter() - began:.2f} s")
        print(f"serve, memory: {memory_mib(service.pid)}")
    finally:
        service.terminate()
        service.wait()


def memory_mib(process: int | str) -> str:
    """What a process holds, by its id."""
    status = Path(f"/proc/{process}/status")
    if not status.exists():
        return "not known on this system"
    lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
    held, own = (int(lines[name].split()[0]) // 1024 for name in ("VmRSS", "RssAnon"))
    return f"{held} MiB, of which {own} are not files"


def timed(action: Callable[[], object]) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
