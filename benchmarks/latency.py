"""Latency of each kind of query relative to the bare vector search, in a large library.

    python -m benchmarks.latency [--segments 100000] [--library FOLDER]

The library is synthetic: videos of 200 segments, unit vectors in clusters, two frames per segment, and subtitles of ten
words with Zipf frequencies, including the words of captions; it is stored in FOLDER. Every query runs several times;
the report gives the median in milliseconds, its ratio to `FaissIndex.search` for ten segments, and the median of
processor time, which depends less on other load. Every text query includes embedding the query, which also has a row of
its own. The last line compares words that nearly every segment has with rare ones.
"""

from __future__ import annotations

import argparse
import math
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
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


def words_by_share(library: Library) -> dict[float, str]:
    """Return words by the percentage of the segments that hold them, about a tenth of each other."""
    segments = library.catalog.counts().segments
    drawn = library.catalog.database.tuples("SELECT said FROM segments_fts WHERE rowid % 97 = 0 LIMIT 2000")
    words = Counter(word for (said,) in drawn for word in said.split() if len(word) > 3)
    counts = {word: library.catalog.fulltext.document_frequency(word) for word in words}
    shares = {word: 100 * count / segments for word, count in counts.items() if count}
    found = {}
    for share in (0.02, 0.2, 2.0, 20.0, 90.0):
        word = min(shares, key=lambda word: abs(math.log(shares[word] / share)))
        found[round(shares[word], 3)] = word
    return found


def measure(library: Library, times: int) -> None:
    vector = library.encoder.embed_text([QUERY])
    some = library.catalog.segments.ids()[:: PER_VIDEO // 2 + 1][:3].tolist()
    frequent = words_by_share(library)
    ways: dict[str, Callable[[], object]] = {
        "bare vector search": lambda: library.engine.index.search(vector, 10),
        "the same, up to date": lambda: library.engine.searcher().index.search(vector, 10),
        "reading the query": lambda: library.encoder.embed_text([QUERY]),
        "visual": lambda: library.search(QUERY, only="visual"),
        "words": lambda: library.search(QUERY, only="words"),
        "both": lambda: library.search(QUERY),
        **{f"a word in {share:g} %": partial(library.search, word, only="words") for share, word in frequent.items()},
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
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for _ in range(times + 1):  # in turns, so that other load on the machine is shared by all
        for name, ask in ways.items():
            busy, began = time.process_time(), time.perf_counter()
            ask()
            taken[name].append((1000 * (time.perf_counter() - began), 1000 * (time.process_time() - busy)))
    bare = 0.0
    for name, pairs in taken.items():
        median, cpu = (statistics.median(column) for column in zip(*pairs[1:], strict=True))  # the first warms up
        bare = bare or median
        print(f"{name:<22} {median:8.2f} ms  x {median / bare:7.1f}  CPU {cpu:8.2f} ms", flush=True)
    by_words = {share: statistics.median(cpu for _, cpu in taken[f"a word in {share:g} %"][1:]) for share in frequent}
    print(f"frequent / rare words, CPU: {max(by_words.values()) / min(by_words.values()):.2f}")


if __name__ == "__main__":
    main()
