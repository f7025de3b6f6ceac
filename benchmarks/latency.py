"""Latency of each kind of query relative to the bare vector search, in a large library.

    python -m benchmarks.latency [--segments 100000] [--library FOLDER]

The library is synthetic: videos of 200 segments, unit vectors in clusters, two frames per segment, and subtitles of ten
words with Zipf frequencies, including the words of captions; it is stored in FOLDER. Every query runs several times;
the report gives the median in milliseconds and its ratio to `FaissIndex.search` for ten segments. Every text query
includes embedding the query, which also has a row of its own.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from indexer.features.hubness import hubness, query_bank
from model.encoder.contract import Encoder
from model.encoder.load import load
from model.encoder.prompts import everyday_query_lines
from search import Library
from store.catalog.catalog import Catalog
from store.types import Cue, EncoderInfo, NewSegment, Video, Windows
from store.vectors.faiss_index import FaissIndex

PER_VIDEO, SECONDS, TIMES = 200, 10.0, 15
QUERY = "a dog running on the beach"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--segments", type=int, default=100_000)
    parser.add_argument("--times", type=int, default=TIMES)
    parser.add_argument("--library", type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        home, encoder = args.library or Path(temporary), load()
        if not (home / "catalog.sqlite").exists():
            with Catalog.open(home / "catalog.sqlite", EncoderInfo(encoder.fingerprint, encoder.dim)) as catalog:
                for video, segments, cues in videos(args.segments, encoder):
                    catalog.put_video(video, segments, cues)
        with Library(home, encoder=encoder) as library:
            library.search(QUERY)
            measure(library, args.times)


def videos(count: int, encoder: Encoder) -> Iterator[tuple[Video, list[NewSegment], list[Cue]]]:
    rng = np.random.default_rng(0)
    words = list(dict.fromkeys(" ".join(everyday_query_lines()).split())) + [f"word{i}" for i in range(20_000)]
    bank = query_bank(encoder)
    centres = rng.normal(size=(500, encoder.dim))
    for number in range(count // PER_VIDEO):
        spread = centres[rng.integers(len(centres), size=PER_VIDEO)] + rng.normal(size=(PER_VIDEO, encoder.dim))
        vectors = (spread / np.linalg.norm(spread, axis=1, keepdims=True)).astype(np.float32)
        features = rng.normal(size=(PER_VIDEO, 2, encoder.feature_dim)).astype(np.float16)
        word_ids = rng.zipf(1.3, size=(PER_VIDEO, 10)) % len(words)
        starts = SECONDS * np.arange(PER_VIDEO)
        texts = [" ".join(words[i] for i in row) for row in word_ids]
        segments = [
            NewSegment(
                start=start,
                end=start + SECONDS,
                text=text,
                pts_seconds=start + np.array([0.0, SECONDS / 2]),
                features=rows,
                embedding=vector,
                thumbnail=b"jpeg",
                thumbnail_seconds=start,
                windows=Windows(np.array([[start, start + SECONDS / 2]]), vector[None].astype(np.float16), near[None]),
                hubness=float(near),
            )
            for start, text, rows, vector, near in zip(
                starts.tolist(), texts, features, vectors, hubness(vectors, bank), strict=True
            )
        ]
        cues = [Cue(start, start + SECONDS, text) for start, text in zip(starts.tolist(), texts, strict=True)]
        path = f"/films/{number % 20:02}/film-{number:04}.mp4"
        yield Video(path, 1, 1, path, "mp4", "h264", PER_VIDEO * SECONDS, 25.0, 640, 360, 0), segments, cues


def measure(library: Library, times: int) -> None:
    vector = library.encoder.embed_text([QUERY])
    some = library.catalog.segments.ids()[:: PER_VIDEO // 2 + 1][:3].tolist()
    ways: dict[str, Callable[[], object]] = {
        "bare vector search": lambda: library.engine.index.search(vector, 10),
        "the same, up to date": lambda: library.engine.searcher().index.search(vector, 10),
        "reading the query": lambda: library.encoder.embed_text([QUERY]),
        "visual": lambda: library.search(QUERY, only="visual"),
        "words": lambda: library.search(QUERY, only="words"),
        "both": lambda: library.search(QUERY),
        "a frequent word": lambda: library.search("a person", only="words"),
        "phrase": lambda: library.search('"person running"'),
        "AND": lambda: library.search("a dog AND a beach"),
        "NOT": lambda: library.search("a dog NOT a beach"),
        "THEN": lambda: library.search("a dog THEN a beach"),
        "THEN WITHIN": lambda: library.search("a dog THEN WITHIN 60s a beach"),
        "in: (a twentieth)": lambda: library.search(f"{QUERY} in:films/07"),
        "one a video": lambda: library.search(QUERY, per_video=1),
        "more and less": lambda: library.search(QUERY, more=some[:1], less=some[1:2]),
        "re-ranked, 50": lambda: library.search(QUERY, rerank=50),
        "explained": lambda: library.search(QUERY, explain=True),
        "100 moments": lambda: library.search(QUERY, top=100),
        "similar to a segment": lambda: library.similar(some[2]),
    }
    assert isinstance(library.engine.index, FaissIndex)
    print(f"{library.catalog.counts().segments} segments, index {library.engine.index.kind}")
    bare = 0.0
    for name, ask in ways.items():
        ask()
        taken = []
        for _ in range(times):
            began = time.perf_counter()
            ask()
            taken.append(1000 * (time.perf_counter() - began))
        median = statistics.median(taken)
        bare = bare or median
        print(f"{name:<22} {median:8.2f} ms  x {median / bare:7.1f}", flush=True)


if __name__ == "__main__":
    main()
