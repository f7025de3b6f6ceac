"""How well search finds: text -> video and clip -> clip, through the installed command line and its defaults.

    python -m benchmarks.retrieval text DATA/clips.json DATA/clips --library LIB [--rerank 50]
    python -m benchmarks.retrieval pairs DATA/pairs.json DATA/pairs DATA/clips --library LIB

The folders are indexed with `videobert index` (what is indexed already is skipped), then every query is asked and the
rank of the right video among all videos is noted.

`clips.json`: [{"clip": file, "caption": text}]. `pairs.json`: [{"a": file, "b": file}]; `a` asks, `b` is looked for
among every `b` and the files of the other folders. A second line leaves out copies of the query among those files:
a copy is a better answer than `b`, and counts against it in the first line.
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

MOMENTS = 200  # of an answer that are looked at; a video that is not among them counts as coming after them all
LARGEST_DIFFERENCE = 0.75  # of 255: other takes before the same background begin just below 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=["text", "pairs"])
    parser.add_argument("truth", type=Path)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--library", type=Path, required=True)
    parser.add_argument("--rerank", type=int, default=0, help="of texts: read so many of the best again")
    parser.add_argument("--misses", type=int, default=0, help="show so many of the worst queries")
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
    asked, wanted = ([row[key] for row in truth] for key in "ab")
    report(asked, wanted, answers, args.misses)
    pictures = {path.name: glimpse(path) for other in others for path in other.glob("*.mp4")}
    twins = [copies(glimpse(folder / row["a"]), pictures) for row in truth]
    print(f"without copies of the query ({sum(map(len, twins))} files, of {sum(map(bool, twins))} queries):")
    distinct = [among(moments, gallery - twin) for moments, twin in zip(answers, twins, strict=True)]
    report(asked, wanted, distinct, args.misses)


def report(asked: list[str], wanted: list[str], answers: list[list[Moment]], misses: int) -> None:
    ranks = np.array([rank(name, moments) for name, moments in zip(wanted, answers, strict=True)])
    files = len({moment.path for moments in answers for moment in moments})
    print(f"{len(ranks)} queries over {files} videos")
    print("  ".join(f"R@{k} {100 * np.mean(ranks <= k):.1f}" for k in (1, 5, 10)), f" MedR {np.median(ranks):.0f}")
    for i in np.argsort(-ranks)[:misses]:
        print(f"{ranks[i]:>5}  {asked[i]}  ({wanted[i]})")


def among(moments: list[Moment], names: set[str]) -> list[Moment]:
    return [moment for moment in moments if Path(moment.path).name in names]


def glimpse(path: Path) -> np.ndarray:
    """Every fifth of the first fifty frames, tiny and grey: (T, 18, 32)."""
    with av.open(str(path)) as film:
        frames = islice(film.decode(video=0), 0, 50, 5)
        return np.stack([frame.reformat(32, 18, "gray").to_ndarray() for frame in frames]).astype(np.float32)


def copies(query: np.ndarray, pictures: dict[str, np.ndarray]) -> set[str]:
    """Files whose frames differ from the query's by less than a grey level: another encode of the same."""
    return {
        name
        for name, other in pictures.items()
        if np.abs(query[: len(other)] - other[: len(query)]).mean() < LARGEST_DIFFERENCE
    }


def rank(wanted: str, moments: list[Moment]) -> int:
    """The place of a video in the order in which videos first appear, from 1."""
    order = list(dict.fromkeys(Path(moment.path).name for moment in moments))
    return order.index(wanted) + 1 if wanted in order else len(order) + 1


if __name__ == "__main__":
    main()
