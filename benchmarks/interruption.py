"""kill -9 at random moments of indexing, then index again, and compare with a library made without interruption.

python -m benchmarks.interruption FOLDER --times 20
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from search import Library


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    rng = random.Random(args.seed)
    with tempfile.TemporaryDirectory() as home:
        whole, killed = Path(home, "whole"), Path(home, "killed")
        began = time.monotonic()
        index(args.folder, whole).wait()
        length = time.monotonic() - began
        committed = []
        for _ in range(args.times):
            # A new library for every other kill, so that early moments are as frequent as late ones.
            if rng.random() < 0.5:
                killed = Path(home, f"killed-{rng.random()}")
            process = index(args.folder, killed)
            try:
                process.wait(timeout=rng.uniform(0, length))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            committed.append(count(killed))
            index(args.folder, killed).wait()
            compare(whole, killed)
    print(f"killed {args.times} times, with {committed} of {count_text(args.folder)} committed at that moment")
    print("after indexing again every library equalled the one made without interruption:")
    print("  videos, segments, subtitles, frame features, embeddings and thumbnails, and the vector index")


def index(folder: Path, library: Path) -> subprocess.Popen[bytes]:
    command: list[str | Path] = [Path(sys.executable).with_name("videobert"), "index", folder, "--library", library]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def count(folder: Path) -> int:
    with Library(folder) as library:
        return len(library.videos())


def count_text(folder: Path) -> str:
    return f"{sum(path.is_file() for path in folder.iterdir())} files"


def compare(a: Path, b: Path) -> None:
    """Raise SystemExit with the first difference."""
    with Library(a) as one, Library(b) as other:
        if contents(one) != contents(other):
            raise SystemExit(f"{b} differs from {a}")
        for library in (one, other):
            ids = library.catalog.segments.ids()
            library.engine.searcher()  # brings the vector index up to date
            if sorted(library.engine.index.ids().tolist()) != ids.tolist():
                raise SystemExit(f"the vector index of {library.folder} does not hold its segments")


def contents(library: Library) -> list[tuple[object, ...]]:
    """Return everything that indexing writes but ids and dates. Vectors have three decimals: batches may differ."""
    rows: list[tuple[object, ...]] = []
    for video in library.videos():
        assert video.id is not None
        rows.append((video.path, video.content_hash, video.duration, video.codec, video.width, video.height))
        rows += [(cue.start, cue.end, cue.text) for cue in library.catalog.cues.of(video.id)]
        for segment in library.catalog.segments.of(video.id):
            assert segment.id is not None
            pts, features = library.catalog.segments.frame_features(segment.id)
            jpeg, seconds = library.catalog.segments.thumbnail(segment.id)
            vector = library.catalog.segments.embeddings([segment.id])[0]
            rows.append((segment.start, segment.end, segment.text, pts.tobytes(), jpeg, seconds))
            rows += [coarse(vector), coarse(features.astype(np.float32).mean(axis=1))]
    return rows


def coarse(values: np.ndarray) -> tuple[float, ...]:
    return tuple((np.round(values, 2) + 0.0).tolist())


if __name__ == "__main__":
    main()
