"""Effect of words on text -> video search: right, wrong and none; by pictures, by words and by both; of each source.

    python -m benchmarks.hybrid DATA/clips.json DATA/clips [--library LIB] [--sources subtitles speech screen]

Every caption is a query for its clip. A right line is half of the words of the clip's caption, drawn at random and
in their order; a wrong one is that of another clip. Clips are indexed with `videobert index` and searched with the
defaults. `--library` names one with these clips, whose copy saves computing their features again.
`clips.json`: [{"clip": file, "caption": text}].
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.library import indexed
from benchmarks.sequences import place
from indexer.features.rewording import reworded
from indexer.pipeline import encoder_info
from search import Library
from search.query.request import Only
from store.types import Cue

SOURCES = ("subtitles", "speech", "screen")
WAYS: tuple[Only | None, ...] = ("visual", "words", None)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("truth", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--library", type=Path)
    parser.add_argument("--sources", nargs="+", choices=SOURCES, default=SOURCES)
    args = parser.parse_args()
    truth = json.loads(args.truth.read_text(encoding="utf-8"))
    captions = {row["clip"]: row["caption"] for row in truth}
    draw = random.Random(0)
    right = {clip: half(caption, draw) for clip, caption in captions.items()}
    others = list(captions)
    while any(one == other for one, other in zip(captions, others, strict=True)):
        draw.shuffle(others)
    wrong = {clip: right[other] for clip, other in zip(captions, others, strict=True)}
    with tempfile.TemporaryDirectory() as home:
        clips, library = Path(home) / "clips", Path(home) / "library"
        clips.mkdir()
        for clip in captions:
            shutil.copy2(args.folder / clip, clips)
        if args.library:
            shutil.copytree(args.library, library)
        with indexed([clips], library) as opened:
            for source in args.sources:
                for name, lines in (("none", {}), ("right", right), ("wrong", wrong)):
                    put(opened, clips, source, {clip: lines.get(clip, "") for clip in captions})
                    for only in WAYS:
                        print(
                            f"{source:<9} {name:<6} by {only or 'both':<7} {scores(opened, captions, clips, only)}",
                            flush=True,
                        )
                put(opened, clips, source, dict.fromkeys(captions, ""))


def put(opened: Library, clips: Path, source: str, lines: dict[str, str]) -> None:
    """Give each clip the line of a source in place of those that it had, as an indexing run does."""
    catalog = opened.catalog.with_encoder(encoder_info(opened.encoder))
    for clip, line in lines.items():
        video, _ = opened.show(clips / clip)
        cues = [Cue(0.0, video.duration, line, "en", source)] if line else []
        texts = reworded(catalog, opened.encoder, video, cues)
        catalog.put_cues(video, cues, texts, sources=[source])


def half(caption: str, draw: random.Random) -> str:
    words = caption.replace(",", "").split()
    return " ".join(words[i] for i in sorted(draw.sample(range(len(words)), (len(words) + 1) // 2)))


def scores(opened: Library, captions: dict[str, str], clips: Path, only: Only | None) -> str:
    ranks = np.array(
        [
            place(clip, opened.search(caption, top=10, only=only, per_video=1, within=clips))
            for clip, caption in captions.items()
        ]
    )
    return "  ".join(f"R@{k} {100 * np.mean(ranks <= k):.1f}" for k in (1, 5, 10))


if __name__ == "__main__":
    main()
