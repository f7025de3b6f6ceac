"""Start and end of moments: videos joined from clips, searched for each clip by its caption.

    python -m benchmarks.moments DATA/clips.json DATA/clips --films FOLDER --library LIB

The videos are made in FOLDER if missing (`benchmarks/joined_videos.py`). Each caption is a query within its video
(`--within`), with the defaults. The best moment is compared with the times of the clip by intersection over union:
after localization, and before it, with the bounds of its segments. Moments in another clip count as 0 in the first two
lines and are left out in the last two.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from benchmarks.joined_videos import joined_videos
from benchmarks.library import indexed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("truth", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--films", type=Path, required=True)
    parser.add_argument("--library", type=Path, required=True)
    args = parser.parse_args()
    made = joined_videos(args.truth, args.folder, args.films)
    shares = []
    with indexed([args.films], args.library) as opened:
        for part in (part for video in made for part in video):
            best = opened.search(part.caption, top=1, within=args.films / part.film)[0]
            segments = min(hit.start for hit in best.hits), max(hit.end for hit in best.hits)
            clip = part.start, part.end
            shares.append([overlap((best.start, best.end), clip), overlap(segments, clip)])
    found = np.array(shares)
    inside = found[(found > 0).any(axis=1)]
    print(f"{len(found)} captions over {len(made)} videos; in the right clip: {len(inside) / len(found):.1%}")
    for what, rows in (("all", found), ("right clip", inside)):
        for how, column in (("narrowed", 0), ("segments", 1)):
            values = rows[:, column]
            shared = "  ".join(f"IoU>={least} {np.mean(values >= least):.1%}" for least in (0.5, 0.7))
            print(f"{what:>10}, {how}: mean IoU {values.mean():.3f}  {shared}")


def overlap(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Return the intersection over union of two intervals in seconds."""
    both = max(0.0, min(one[1], other[1]) - max(one[0], other[0]))
    return both / (max(one[1], other[1]) - min(one[0], other[0]))


if __name__ == "__main__":
    main()
