"""How well search finds: text -> video and clip -> clip, through the installed command line and its defaults.

    python -m benchmarks.retrieval text DATA/clips.json DATA/clips --library LIB
    python -m benchmarks.retrieval pairs DATA/pairs.json DATA/pairs DATA/clips --library LIB

The folders are indexed with `videobert index` (what is indexed already is skipped), then every query is asked and the
rank of the right video among all videos is noted.

`clips.json`: [{"clip": file, "caption": text}]. `pairs.json`: [{"a": file, "b": file}]; `a` asks, `b` is looked for
among all other files.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

import numpy as np

from search import Library
from store.types import Moment


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=["text", "pairs"])
    parser.add_argument("truth", type=Path)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--library", type=Path, required=True)
    parser.add_argument("--misses", type=int, default=0, help="show so many of the worst queries")
    args = parser.parse_args()
    command = [Path(sys.executable).with_name("videobert"), "index", *args.folders, "--library", args.library]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    truth = json.loads(args.truth.read_text(encoding="utf-8"))
    with Library(args.library) as library:
        if args.task == "text":
            asked = [(row["caption"], row["clip"], library.search(row["caption"], top=10_000)) for row in truth]
        else:
            asked = [(row["a"], row["b"], alike(library, args.folders[0] / row["a"])) for row in truth]
        gallery = len(library.videos())
    ranks = np.array([rank(wanted, moments) for _, wanted, moments in asked])
    print(f"{len(ranks)} queries over {gallery} videos")
    print("  ".join(f"R@{k} {100 * np.mean(ranks <= k):.1f}" for k in (1, 5, 10)), f" MedR {np.median(ranks):.0f}")
    for i in np.argsort(-ranks)[: args.misses]:
        print(f"{ranks[i]:>5}  {asked[i][0]}  ({asked[i][1]})")


def alike(library: Library, clip: Path) -> list[Moment]:
    return [moment for moment in library.similar(clip, top=10_000) if Path(moment.path).name != clip.name]


def rank(wanted: str, moments: list[Moment]) -> int:
    """The place of a video in the order in which videos first appear, from 1."""
    order = list(dict.fromkeys(Path(moment.path).name for moment in moments))
    return order.index(wanted) + 1 if wanted in order else len(order) + 1


if __name__ == "__main__":
    main()
