"""A million segments on one machine: start, memory, queries with filters, and searches while the index changes.

    python -m benchmarks.million [--segments 1000000] [--library FOLDER]

The library is synthetic and written row by row, without frame features: videos of 200 segments in twenty folders, one
a day from 2010 on, unit vectors in clusters, one window a segment, four words with Zipf frequencies, and a tag on every
fiftieth segment. A million take about 3 GB and some minutes to write; FOLDER keeps them. Each kind of query runs
several times, in turns; the report gives medians in milliseconds, of the clock and of processor time, and their ratio
to the query without a filter.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.speed import memory_mib, serving, timed
from indexer.features.hubness import hubness, query_bank
from model.encoder.contract import Encoder
from model.encoder.load import load
from search import Library
from store.catalog.catalog import Catalog
from store.types import EncoderInfo

PER_VIDEO, VIDEOS_AT_ONCE, SECONDS, DIRECTORIES = 200, 100, 10.0, 20
QUERY = "a dog running on the beach"
Rows = dict[str, list[tuple[object, ...]]]  # by table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--segments", type=int, default=1_000_000)
    parser.add_argument("--times", type=int, default=9)
    parser.add_argument("--library", type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        home, encoder = args.library or Path(temporary), load()
        if not (home / "catalog.sqlite").exists():
            print(f"written in {timed(partial(write, home, encoder, args.segments)):.0f} s")
        with Library(home, encoder=encoder) as library:
            print(f"index made in {timed(partial(library.engine.refresh, save=True)):.0f} s", flush=True)
        serving(home, QUERY)
        with Library(home, encoder=encoder) as library:
            print(f"first answer of a process that has the model: {timed(partial(library.search, QUERY)):.2f} s")
            measure(library, args.times)
            changed(library, encoder)
            print(f"memory of this process: {memory_mib('self')}")


def write(home: Path, encoder: Encoder, count: int) -> None:
    with Catalog.open(home / "catalog.sqlite", EncoderInfo(encoder.fingerprint, encoder.dim)) as catalog:
        catalog.database.set_encoder(EncoderInfo(encoder.fingerprint, encoder.dim))
        for rows in made_up(encoder, count // PER_VIDEO):
            insert(catalog, rows)
        catalog.database.set_last_id("segments", count)


def insert(catalog: Catalog, rows: Rows) -> None:
    with catalog.database.transaction():
        for table, values in rows.items():
            places = ", ".join("?" * len(values[0]))
            catalog.database._connection.executemany(f"INSERT INTO {table} VALUES ({places})", values)


def made_up(encoder: Encoder, videos: int, *, first: int = 0) -> Iterator[Rows]:
    """Yield the rows of a hundred videos at a time, of which the first has the number after `first`."""
    rng = np.random.default_rng(first)
    words = QUERY.split() + [f"word{number}" for number in range(20_000)]
    bank, centres = query_bank(encoder), np.random.default_rng(0).normal(size=(500, encoder.dim)).astype(np.float32)
    for begin in range(first, first + videos, VIDEOS_AT_ONCE):
        numbers = range(begin + 1, min(begin + VIDEOS_AT_ONCE, first + videos) + 1)
        count = PER_VIDEO * len(numbers)
        ids = np.arange(PER_VIDEO * begin + 1, PER_VIDEO * begin + 1 + count).tolist()
        vectors = centres[rng.integers(len(centres), size=count)] + rng.standard_normal(
            (count, encoder.dim), np.float32
        )
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        near = hubness(vectors, bank)
        halves = vectors.astype(np.float16)
        texts = [" ".join(words[i] for i in row) for row in rng.zipf(1.3, size=(count, 4)) % len(words)]
        of = [number for number in numbers for _ in range(PER_VIDEO)]
        starts = np.tile(SECONDS * np.arange(PER_VIDEO), len(numbers)).tolist()
        spans = [np.array([start, start + SECONDS / 2]).tobytes() for start in starts[:PER_VIDEO]] * len(numbers)
        lines = list(zip(ids, of, starts, texts, strict=True))
        yield {
            "videos (id, path, size, mtime_ns, content_hash, container, codec, duration, fps, width, height, rotation, "
            "subtitles_stamp, added_at, indexed_at, filmed_at)": [video_row(number) for number in numbers],
            "segments": [(number, video, start, start + SECONDS, text) for number, video, start, text in lines],
            "embeddings": [
                (id, row.tobytes(), float(value)) for id, row, value in zip(ids, vectors, near, strict=True)
            ],
            "windows": [
                (id, encoder.dim, span, row.tobytes(), value.tobytes())
                for id, span, row, value in zip(ids, spans, halves, near, strict=True)
            ],
            "segments_fts (rowid, said, named, heard, written)": [(id, text, "", "", "") for id, _, _, text in lines],
            "tags": [(id, "dog", 0.9, "made up") for id in ids if id % 50 == 0],
        }


def video_row(number: int) -> tuple[object, ...]:
    path = f"/films/{number % DIRECTORIES:02}/film-{number:06}.mp4"
    filmed = (date(2010, 1, 1) + timedelta(days=number)).isoformat() + "T12:00:00"
    facts = ("mp4", "h264", PER_VIDEO * SECONDS, 25.0, 640, 360, 0, "", filmed, filmed, filmed)
    return (number, path, 1, 1, path, *facts)


def measure(library: Library, times: int) -> None:
    ask = library.search
    ways: dict[str, Callable[[], object]] = {
        "without a filter": lambda: ask(QUERY),
        "text tower alone": lambda: library.encoder.embed_text([QUERY]),
        "bare vector search": partial(library.engine.index.search, library.encoder.embed_text([QUERY]), 200),
        "in: (a twentieth)": lambda: ask(f"{QUERY} in:films/07"),
        "during: (a year)": lambda: ask(f"{QUERY} during:2012"),
        "after: (most)": lambda: ask(f"{QUERY} after:2011"),
        "tag: (a fiftieth)": lambda: ask(f"{QUERY} tag:dog"),
        "tag: in: during:": lambda: ask(f"{QUERY} tag:dog in:films/07 during:2012"),
        "longer:": lambda: ask(f"{QUERY} longer:10m"),
        "THEN": lambda: ask("a dog THEN a beach"),
        "100 moments": lambda: ask(QUERY, top=100),
        "a frequent word": lambda: ask(QUERY.split()[1], only="words"),
        "a rare word": lambda: ask("word4000", only="words"),
    }
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for _ in range(times + 1):
        for name, way in ways.items():
            busy = time.process_time()
            taken[name].append((timed(way), time.process_time() - busy))
    print(f"{len(library.engine.index)} segments")
    first = 0.0
    for name, pairs in taken.items():
        clock, cpu = (1000 * statistics.median(column) for column in zip(*pairs[1:], strict=True))
        first = first or cpu
        print(f"{name:<20} {clock:8.1f} ms, CPU {cpu:8.1f} ms, x {cpu / first:5.2f}", flush=True)


def changed(library: Library, encoder: Encoder) -> None:
    """Add a video, and a hundred, and search meanwhile."""
    held = len(library.engine.index) // PER_VIDEO
    for count in (1, VIDEOS_AT_ONCE):
        for rows in made_up(encoder, count, first=held):
            insert(library.catalog, rows)
        held += count
        first, refresher = timed(lambda: library.search(QUERY)), library.engine._refresher
        during = []
        while isinstance(refresher, threading.Thread) and refresher.is_alive():
            during.append(timed(lambda: library.search(QUERY)))
        library.search(QUERY)
        beside = f", others meanwhile {1000 * statistics.median(during):.0f} ms" if during else ""
        print(f"after {count * PER_VIDEO} new segments: first search {1000 * first:.0f} ms{beside}", flush=True)
        assert len(library.engine.index) == held * PER_VIDEO, "a search lacks what was added"


if __name__ == "__main__":
    main()
