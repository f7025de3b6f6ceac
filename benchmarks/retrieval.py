"""Retrieval quality of text -> video and clip -> clip, with the installed command line and its defaults.

    python -m benchmarks.retrieval text DATA/clips.json DATA/clips --library LIB [--rerank 50]
    python -m benchmarks.retrieval pairs DATA/pairs.json DATA/pairs DATA/clips --library LIB

The folders are indexed with `videobert index` (indexed files are skipped). Then every query runs, and the report is
based on the rank of the right video among all videos.

`clips.json`: [{"clip": file, "caption": text}]. `pairs.json`: [{"a": file, "b": file}]; `a` is the query for `b` among
every `b` and the files of the other folders. A second line excludes copies of the query among those files: a copy is a
better result than `b`, and lowers its rank in the first line.
"""

from __future__ import annotations

import argparse
import json
from itertools import islice
from pathlib import Path

import av
import numpy as np

from benchmarks.library import indexed
from search.ranking.moments import Moment

MOMENTS = 200  # requested per query; a video without a moment among them ranks after all of them
LARGEST_DIFFERENCE = 0.75  # grey levels of 255; other takes with the same background differ by almost 1 or more


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=["text", "pairs"])
    parser.add_argument("truth", type=Path)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--library", type=Path, required=True)
    parser.add_argument("--rerank", type=int, default=0, help="for text: number of best moments to re-rank")
    parser.add_argument("--misses", type=int, default=0, help="number of worst queries to show")
    args = parser.parse_args()
    truth = json.loads(args.truth.read_text(encoding="utf-8"))
    with indexed(args.folders, args.library) as library:
        if args.task == "text":
            answers = [library.search(row["caption"], top=100, rerank=args.rerank) for row in truth]
            report([row["caption"] for row in truth], [row["clip"] for row in truth], answers, args.misses)
            return
        folder, others = args.folders[0], args.folders[1:]
        gallery = {row["b"] for row in truth} | {path.name for other in others for path in other.iterdir()}
        answers = [among(library.similar(folder / row["a"], top=MOMENTS), gallery) for row in truth]
    queries, wanted = ([row[key] for row in truth] for key in "ab")
    report(queries, wanted, answers, args.misses)
    pictures = {path.name: glimpse(path) for other in others for path in other.glob("*.mp4")}
    twins = [copies(glimpse(folder / row["a"]), pictures) for row in truth]
    print(f"without copies of the query ({sum(map(len, twins))} files, of {sum(map(bool, twins))} queries):")
    distinct = [among(moments, gallery - twin) for moments, twin in zip(answers, twins, strict=True)]
    report(queries, wanted, distinct, args.misses)


def report(queries: list[str], wanted: list[str], answers: list[list[Moment]], misses: int) -> None:
    ranks = np.array([rank(name, moments) for name, moments in zip(wanted, answers, strict=True)])
    files = len({moment.path for moments in answers for moment in moments})
    print(f"{len(ranks)} queries over {files} videos")
    print("  ".join(f"R@{k} {100 * np.mean(ranks <= k):.1f}" for k in (1, 5, 10)), f" MedR {np.median(ranks):.0f}")
    for i in np.argsort(-ranks)[:misses]:
        print(f"{ranks[i]:>5}  {queries[i]}  ({wanted[i]})")


def among(moments: list[Moment], names: set[str]) -> list[Moment]:
    return [moment for moment in moments if Path(moment.path).name in names]


def glimpse(path: Path) -> np.ndarray:
    """Return every fifth of the first fifty frames, small and grey: (T, 18, 32)."""
    with av.open(str(path)) as container:
        frames = islice(container.decode(video=0), 0, 50, 5)
        return np.stack([frame.reformat(32, 18, "gray").to_ndarray() for frame in frames]).astype(np.float32)


def copies(query: np.ndarray, pictures: dict[str, np.ndarray]) -> set[str]:
    """Return the files whose frames differ from the query's by less than a grey level: re-encoded copies."""
    return {
        name
        for name, other in pictures.items()
        if np.abs(query[: len(other)] - other[: len(query)]).mean() < LARGEST_DIFFERENCE
    }


def rank(wanted: str, moments: list[Moment]) -> int:
    """Return the rank of a video, from 1, by the first moment of each video."""
    order = list(dict.fromkeys(Path(moment.path).name for moment in moments))
    return order.index(wanted) + 1 if wanted in order else len(order) + 1


if __name__ == "__main__":
    main()
