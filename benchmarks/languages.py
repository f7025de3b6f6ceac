"""How well search finds in languages other than English, through the installed command line and its defaults.

    python -m benchmarks.languages DATA/clips.json DATA/clips --library LIB [--captions FILE]

`benchmarks/languages.json` has one row a clip: its file, and what its caption says in eight languages, written by
hand. The English caption is that of `clips.json`. Every text is asked of the library of all clips, in each language
the same clips; R@1/5/10 stand beside the share of English R@10. Then: for how many texts of three words or more the
right language is detected, whether English is found as without the second tower, and how long a warm query takes by it.

Last, lines by meaning: every clip gets its caption in a language as its subtitle, or that of another clip, and is
looked for by vectors, in English and in that language. The weights of lines were chosen on the clips of even number.

`--captions` reads captions of others instead: `languages.json`'s form with any languages, the JSON of MSR-VTT
(`{"sentences": [{"video_id", "caption"}]}`), or lines of MSVD (`clip caption`), named as `LANGUAGE=FILE`; `clips.json`
then says which clips there are.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.library import indexed
from benchmarks.retrieval import rank
from indexer.features.fusion import fused
from indexer.features.hubness import hubness
from model.encoder.contract import Encoder
from model.encoder.language import language
from model.encoder.multilingual import english
from search import Library
from store.types import row_id

TRANSLATIONS = Path(__file__).with_name("languages.json")
KS = (1, 5, 10)
TIMES = 30  # of a warm query
LINES = ("en", "zh", "de", "ar")
Captions = dict[str, list[tuple[str, str]]]  # language -> pairs of clip and text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("truth", type=Path)
    parser.add_argument("clips", type=Path)
    parser.add_argument("--library", type=Path, required=True)
    parser.add_argument("--captions", action="append", default=[], metavar="LANGUAGE=FILE")
    args = parser.parse_args()
    truth = {row["clip"]: row["caption"] for row in json.loads(args.truth.read_text(encoding="utf-8"))}
    found = foreign(args.captions, set(truth)) if args.captions else translations(TRANSLATIONS)
    asked = {clip for pairs in found.values() for clip, _ in pairs}
    captions = {"en": [(clip, text) for clip, text in truth.items() if clip in asked], **found}
    with indexed([args.clips], args.library) as library:
        report(library, captions)
        same(library, [text for _, text in captions["en"]])
        told(captions)
        timed(library, captions)
        lines(library, captions)


def translations(file: Path) -> Captions:
    rows = json.loads(file.read_text(encoding="utf-8"))
    return {code: [(row["clip"], row[code]) for row in rows] for code in rows[0] if code != "clip"}


def foreign(named: Sequence[str], clips: set[str]) -> Captions:
    """Captions in files of others, by language; those of clips that are not there are left out."""
    found: Captions = {}
    stems = {Path(clip).stem: clip for clip in clips}
    for name in named:
        code, _, path = name.partition("=")
        content = Path(path).read_text(encoding="utf-8")
        if path.endswith(".json"):
            rows = json.loads(content)
            pairs = [(row["video_id"], row["caption"]) for row in rows["sentences"]]
        else:
            lines = [line.partition(" ") for line in content.splitlines()]
            pairs = [(stem, text) for stem, _, text in lines if text.strip()]
        found[code] = [(stems[stem], text) for stem, text in pairs if stem in stems]
    return found


def report(library: Library, captions: Captions) -> None:
    shares, english_share = [], 0.0
    for code, pairs in captions.items():
        ranks = np.array([rank(clip, library.search(text, top=100)) for clip, text in pairs])
        recalls = [100 * float(np.mean(ranks <= k)) for k in KS]
        english_share = english_share or recalls[-1]
        shares.append(recalls[-1] / english_share)
        scores = "  ".join(f"R@{k} {recall:.1f}" for k, recall in zip(KS, recalls, strict=True))
        print(f"{code}: {len(pairs)} queries  {scores}  R@10 over English {shares[-1]:.2f}", flush=True)
    print(f"mean R@10 over English: {statistics.mean(shares[1:]):.3f}")


def same(library: Library, texts: Sequence[str]) -> None:
    """How many English texts get the very vector that they have without the second tower."""
    encoder = library.encoder
    alone = [english(encoder).embed_text([text]) for text in texts]
    both = [encoder.embed_text([text]) for text in texts]
    equal = sum(np.array_equal(a, b) for a, b in zip(alone, both, strict=True))
    print(f"English vectors unchanged to the last bit: {equal} of {len(texts)}")


def told(captions: Captions) -> None:
    right = [
        language(text) == code
        for code, pairs in captions.items()
        for _, text in pairs
        if len(text.split()) >= 3 or code in ("zh", "ja")
    ]
    print(f"language told right: {100 * statistics.mean(right):.1f} % of {len(right)}")


def timed(library: Library, captions: Captions) -> None:
    """Medians of a query's embedding, by turns."""
    first, *others = ([text for _, text in pairs] for pairs in captions.values())
    taken: tuple[list[float], list[float]] = ([], [])
    for i in range(TIMES):
        for texts, times in zip((first, others[i % len(others)]), taken, strict=True):
            start = time.perf_counter()
            library.encoder.embed_text([texts[i % len(texts)]])
            times.append(time.perf_counter() - start)
    one, two = (1000 * statistics.median(times) for times in taken)
    print(f"a query by the first tower {one:.1f} ms, by the second {two:.1f} ms: {two / one:.2f} x")


def lines(library: Library, captions: Captions) -> None:
    """R@1 of captions as queries for clips with right, wrong and no lines, over the clips of odd number."""
    segments = [segment for video in library.videos() for segment in library.show(video.path)[1]]
    names = {video.id: Path(video.path).name for video in library.videos()}
    clips = [clip for clip, _ in captions["en"]]
    features = [library.catalog.segments.frame_features(row_id(segment))[1] for segment in segments]
    of = [names[segment.video_id] for segment in segments]
    silent = fused(features, [""] * len(features), library.encoder)
    for code in [code for code in LINES if code in captions]:
        said = dict(captions[code])
        moved = dict(zip(clips, [said[clip] for clip in clips[1:] + clips[:1]], strict=True))
        for what, texts in (("no", {}), ("right", said), ("wrong", moved)):
            spoken = [i for i, clip in enumerate(of) if clip in texts]
            vectors = silent.copy()
            if spoken:
                vectors[spoken] = fused([features[i] for i in spoken], [texts[of[i]] for i in spoken], library.encoder)
            shares = (f"{asked} {_found(vectors, of, captions[asked], library.encoder):.0f}" for asked in ("en", code))
            print(f"{what} {code} lines, R@1 by vectors: {', '.join(shares)}", flush=True)


def _found(
    vectors: NDArray[np.float32], of: Sequence[str], asked: Sequence[tuple[str, str]], encoder: Encoder
) -> float:
    scores = encoder.embed_text([text for _, text in asked]) @ vectors.T - hubness(vectors, encoder.query_bank) / 2
    hits = [of[best] == clip for best, (clip, _) in zip(scores.argmax(axis=1).tolist(), asked, strict=True)]
    return 100 * float(np.mean(hits[1::2]))


if __name__ == "__main__":
    main()
