"""Retrieval of photos outside the training set by caption, the effect of subtitles, and the alignment head.

    python -m benchmarks.photos CAPTIONS PHOTOS [--model MODEL] [--kept FILE]

`CAPTIONS` is a captions file of `videobert train` with at least two captions per row: the output of
`recipes/captions.py --split test` for Flickr8k, or `--split heldback` for videos, whose pictures are frames in order.
Every caption is a query for its photo among all photos without subtitles, by cosine and by cosine minus hubness, as in
searches. Then each photo gets a subtitle, and its first caption is the query: the second caption is a right subtitle,
the second caption of another photo a wrong one. *Re-ranked* fuses the ranking of the alignment head over the best 50
with that of the cosines, as `videobert search --rerank 50` does. *AUC* is the probability that the head scores a
caption of its own photo above a caption of another.

`--kept` is a file that caches frame features.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from indexer.features.examples import load_examples, look_at, save_examples
from model.encoder.contract import Encoder
from model.encoder.load import load_videobert
from model.encoder.prompts import everyday_queries
from model.encoder.videobert import VideoBertEncoder
from model.registry.registry import DEFAULT_MODEL
from model.training.dataset import Example, read_captions
from search.ranking.calibration import Calibrator
from search.ranking.clause import reciprocal_ranks
from search.ranking.ranker import ALIGNMENT
from search.training.training import fingerprint

DEPTH = 50  # of re-ranking
KS = (1, 5, 10)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("captions", type=Path)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--kept", type=Path)
    parser.add_argument("--reranked", type=int, default=500, metavar="QUERIES", help="number of re-ranked queries")
    args = parser.parse_args()
    encoder = load_videobert(args.model)
    examples = looked_at(args.captions, args.photos, encoder, args.kept)
    shown = silent(encoder, examples)
    queries = [(caption, i) for i, example in enumerate(examples) for caption in example.captions]
    every = encoder.embed_text([caption for caption, _ in queries])
    wanted, cosines = [i for _, i in queries], every @ shown.T
    print(f"{len(queries)} captions, {len(examples)} photos: {recalls(places(cosines, wanted))}")
    calibrator = Calibrator(shown, len(shown), everyday_queries(encoder)[1], encoder.query_bank)
    print(f"less hubness: {recalls(places(cosines - calibrator.hubness(shown), wanted))}")
    for name, ranks in subtitled(encoder, examples, shown).items():
        print(f"first captions, {name} subtitles: {recalls(ranks)}")
    before, after = reranked(encoder, examples, shown, args.reranked)
    print(f"{len(before)} first captions: {recalls(before)}")
    print(f"the same, re-ranked: {recalls(after)}")
    print(f"alignment AUC {alignment_auc(encoder, examples):.3f}")


def looked_at(captions: Path, photos: Path, encoder: VideoBertEncoder, cache: Path | None) -> list[Example]:
    """Return examples with the features of every whole picture as one frame."""
    key = f"{fingerprint(captions)} whole {encoder.feature_fingerprint}"
    if cache and cache.exists():
        return load_examples(cache, key=key)[0]
    examples, problems = look_at(read_captions(captions)[0], photos, encoder, views=1)
    if problems:
        raise SystemExit("\n".join(problems))
    if cache:
        save_examples(cache, examples, [], key=key)
    return examples


def recalls(ranks: NDArray[np.int64]) -> str:
    return "  ".join(f"R@{k} {100 * np.mean(ranks <= k):.1f}" for k in KS)


def places(scores: NDArray[np.floating], wanted: Sequence[int]) -> NDArray[np.int64]:
    """Return the ranks of the relevant items, from 1; ties count against them: (Q, N), Q -> (Q,)."""
    right = scores[np.arange(len(scores)), wanted][:, None]
    return np.asarray((scores >= right).sum(axis=1))


def frames_of(examples: Sequence[Example]) -> list[NDArray[np.float16]]:
    return [example.features for example in examples]


def silent(encoder: Encoder, examples: Sequence[Example]) -> NDArray[np.float32]:
    return encoder.embed_segments(frames_of(examples), [""] * len(examples))


def subtitled(
    encoder: Encoder, examples: Sequence[Example], shown: NDArray[np.float32]
) -> dict[str, NDArray[np.int64]]:
    """Return ranks of the photos for their first captions, without subtitles, with right and with wrong ones."""
    queries = encoder.embed_text([example.captions[0] for example in examples])
    right = [example.captions[1] for example in examples]
    wanted = range(len(examples))
    found = {"no": places(queries @ shown.T, wanted)}
    for name, texts in (("right", right), ("wrong", others(right))):
        fused = encoder.embed_segments(frames_of(examples), texts)
        found[name] = places(queries @ fused.T, wanted)
    return found


def others(texts: Sequence[str]) -> list[str]:
    """Return for every photo the text of another one, half of the list away."""
    half = len(texts) // 2
    return [*texts[half:], *texts[:half]]


def reranked(
    encoder: Encoder, examples: Sequence[Example], shown: NDArray[np.float32], count: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return ranks for the first captions of `count` evenly spaced photos, before and after re-ranking."""
    chosen = np.linspace(0, len(examples) - 1, min(count, len(examples))).astype(int).tolist()
    frames = frames_of(examples)
    queries = [examples[i].captions[0] for i in chosen]
    scores = encoder.embed_text(queries) @ shown.T
    fused = []
    for query, row in zip(queries, scores, strict=True):
        best = np.argsort(-row)[:DEPTH]
        belief = np.full(len(row), -np.inf)
        belief[best] = encoder.align([frames[i] for i in best], [query] * len(best))
        fused.append(reciprocal_ranks(row.astype(np.float64)) + ALIGNMENT * reciprocal_ranks(belief))
    return places(scores, chosen), places(np.stack(fused), chosen)


def alignment_auc(encoder: Encoder, examples: Sequence[Example]) -> float:
    captions = [example.captions[0] for example in examples]
    frames = frames_of(examples)
    right, wrong = encoder.align(frames, captions), encoder.align(frames, others(captions))
    return auc(right, wrong)


def auc(right: NDArray[np.float32], wrong: NDArray[np.float32]) -> float:
    """Return the probability that a right pair scores above a wrong one; a tie counts half (Mann and Whitney, 1947)."""
    ordered = np.sort(wrong)
    below, upto = np.searchsorted(ordered, right, side="left"), np.searchsorted(ordered, right, side="right")
    return float((below + upto).mean() / 2 / len(wrong))


if __name__ == "__main__":
    main()
