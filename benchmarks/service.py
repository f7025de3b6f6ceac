"""Latency and memory of a service under load, and of the command line with and without one.

    python -m benchmarks.service load LIBRARY [--requests 1000] [--clients 4] [--index FOLDER]
    python -m benchmarks.service command LIBRARY "a query"

`load`: clients request searches, thumbnails, byte ranges and lists at the same time, without repeating a query; the
report gives the latency of each kind, the number of failed requests, and the memory of the process after each fifth of
the requests. With `--index` the service indexes a folder at the same time. `command`: `videobert search` in a new
process, without and with a service.

The benchmark works on a copy of the library.
"""

from __future__ import annotations

import argparse
import http.client
import itertools
import json
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, urlsplit

VIDEOBERT = str(Path(sys.executable).with_name("videobert"))
SUBJECTS = (
    "dog",
    "cat",
    "child",
    "woman",
    "man",
    "bird",
    "horse",
    "train",
    "boat",
    "crowd",
    "chef",
    "dancer",
    "cyclist",
)
DOINGS = ("running", "sleeping", "eating", "jumping", "waiting", "turning", "falling", "playing", "walking", "looking")
PLACES = ("beach", "street", "kitchen", "forest", "field", "river", "stage", "garden", "office", "road", "city", "lake")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["load", "command"])
    parser.add_argument("library", type=Path)
    parser.add_argument("query", nargs="?", default="a dog runs on the beach")
    parser.add_argument("--requests", type=int, default=1000)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--index", type=Path, help="folder to index meanwhile")
    parser.add_argument("--times", type=int, default=5)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        library = Path(shutil.copytree(args.library, Path(folder) / "library"))
        if args.what == "load":
            load(library, args.requests, args.clients, args.index)
        else:
            commands(library, args.query, args.times)


@contextmanager
def served(library: Path) -> Iterator[tuple[str, int]]:
    """Run a service of a library; yield its address and process id."""
    began = time.perf_counter()
    command = [VIDEOBERT, "serve", "--library", str(library), "--port", "0", "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().split(" at ")[-1].strip()
        print(f"answers after {time.perf_counter() - began:.1f} s", end=", ")
        ask(url, "GET", "/api/v1/search?q=warm")
        print(f"searches after {time.perf_counter() - began:.1f} s")
        yield urlsplit(url).netloc, process.pid
        process.send_signal(signal.SIGINT)


def load(library: Path, requests: int, clients: int, index: Path | None) -> None:
    with served(library) as (address, process):
        if index is not None:
            job = json.loads(ask(address, "POST", "/api/v1/jobs", {"targets": [str(index.absolute())]})[1])
        tasks = list(itertools.islice(mixed(address), requests))
        seconds: dict[str, list[float]] = defaultdict(list)
        memory: list[float] = []
        failed = 0
        lock = threading.Lock()

        def do(task: tuple[str, str]) -> None:
            nonlocal failed
            began = time.perf_counter()
            status, _ = ask(address, "GET", task[1])
            with lock:
                seconds[task[0]].append(time.perf_counter() - began)
                failed += status not in (200, 206)
                if sum(map(len, seconds.values())) % (requests // 5) == 0:
                    memory.append(resident(process))

        began = time.perf_counter()
        with ThreadPoolExecutor(clients) as pool:
            list(pool.map(do, tasks))
        elapsed = time.perf_counter() - began
        print(f"{requests} requests by {clients} clients, {requests / elapsed:.0f} a second, {failed} failed")
        for kind, each in sorted(seconds.items()):
            cuts = statistics.quantiles(each, n=100)
            print(f"{kind:>10}  p50 {cuts[49] * 1000:6.0f} ms  p99 {cuts[98] * 1000:6.0f} ms  of {len(each)}")
        print(f"memory after each fifth: {', '.join(f'{each:.0f}' for each in memory)} MiB")
        if index is not None:
            state = json.loads(ask(address, "GET", f"/api/v1/jobs/{job['id']}")[1])
            print(f"indexed meanwhile: {state['done']} of {state['total']} files")


def mixed(address: str) -> Iterator[tuple[str, str]]:
    """Yield the requests of a page: for every search its pictures, sometimes a video and a list."""
    videos = json.loads(ask(address, "GET", "/api/v1/videos?limit=100")[1])["items"]
    rng = random.Random(0)
    queries = [f"a {who} {doing} near the {place}" for who in SUBJECTS for doing in DOINGS for place in PLACES]
    rng.shuffle(queries)
    for query in queries:
        yield "search", f"/api/v1/search?q={quote(query)}"
        for video in rng.sample(videos, min(6, len(videos))):
            yield "thumbnail", video["thumbnail"]
        yield "media", rng.choice(videos)["media"]
        yield "videos", f"/api/v1/videos?offset={rng.randrange(len(videos))}"


def commands(library: Path, query: str, times: int) -> None:
    arguments = [VIDEOBERT, "search", query, "--library", library]
    alone = [timed(arguments) for _ in range(times)]
    with served(library):
        together = [timed(arguments) for _ in range(times)]
    assert {printed for _, printed in alone} == {printed for _, printed in together}, "outputs differ"
    for name, each in (("alone", alone), ("with a service", together)):
        seconds = sorted(second for second, _ in each)
        print(f"{name:>15}: {statistics.median(seconds):.2f} s ({seconds[0]:.2f} to {seconds[-1]:.2f}, {times} times)")


def timed(arguments: list[object]) -> tuple[float, str]:
    began = time.perf_counter()
    printed = subprocess.run([str(each) for each in arguments], check=True, capture_output=True, text=True).stdout
    return time.perf_counter() - began, printed


def ask(address: str, method: str, where: str, body: object = None) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(urlsplit(address).netloc or address, timeout=300)
    headers = {"content-type": "application/json"} | ({"range": "bytes=0-262143"} if where.endswith("/media") else {})
    connection.request(method, where, None if body is None else json.dumps(body), headers)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, content


def resident(process: int) -> float:
    """Return the resident memory of a process in MiB, if the system reports it."""
    try:
        text = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return float("nan")
    return int(text.split("VmRSS:")[1].split()[0]) / 1024


if __name__ == "__main__":
    main()
