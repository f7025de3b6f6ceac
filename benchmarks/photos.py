"""How well captions find photos that nobody trained on, what subtitles change, and what the alignment head is worth.

    python -m benchmarks.photos CAPTIONS PHOTOS [--model MODEL] [--kept FILE]

`CAPTIONS` is a file as `videobert train` reads it, with two captions a row at least: what `recipes/captions.py
--split test` writes of Flickr8k, or `--split heldback` of videos, whose pictures are read as frames in order. Every
caption asks for its photo among all photos without words, by cosine and less hubness, as searches do.
Then each photo gets a subtitle, and its first caption asks: the second caption as a right subtitle, the second caption
of another photo as a wrong one, or none. *Re-ranked* fuses the order of the alignment head over the best 50 with
the order of the cosines, as `videobert search --rerank 50` does. *AUC* is how well the head tells captions of
their own photo from captions of another: the chance that the right one of two is believed more.

`--kept` keeps what the backbone saw.
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
    parser.add_argument("--reranked", type=int, default=500, metavar="QUERIES", help="how many are re-ranked")
    args = parser.parse_args()
    encoder = load_videobert(args.model)
    examples = looked_at(args.captions, args.photos, encoder, args.kept)
    shown = silent(encoder, examples)
    asked = [(caption, i) for i, example in enumerate(examples) for caption in example.captions]
    every = encoder.embed_text([caption for caption, _ in asked])
    wanted, cosines = [i for _, i in asked], every @ shown.T
    print(f"{len(asked)} captions, {len(examples)} photos: {told(places(cosines, wanted))}")
    calibrator = Calibrator(shown, len(shown), everyday_queries(encoder)[1], encoder.query_bank)
    print(f"less hubness: {told(places(cosines - calibrator.hubness(shown), wanted))}")
    for name, ranks in subtitled(encoder, examples, shown).items():
        print(f"first captions, {name} subtitles: {told(ranks)}")
    before, after = reranked(encoder, examples, shown, args.reranked)
    print(f"{len(before)} first captions: {told(before)}")
    print(f"the same, re-ranked: {told(after)}")
    print(f"alignment AUC {alignment_auc(encoder, examples):.3f}")


def looked_at(captions: Path, photos: Path, encoder: VideoBertEncoder, kept: Path | None) -> list[Example]:
    """Every picture whole, as one frame."""
    key = f"{fingerprint(captions)} whole {encoder.feature_fingerprint}"
    if kept and kept.exists():
        return load_examples(kept, key=key)[0]
    examples, problems = look_at(read_captions(captions)[0], photos, encoder, views=1)
    if problems:
        raise SystemExit("\n".join(problems))
    if kept:
        save_examples(kept, examples, [], key=key)
    return examples


def told(ranks: NDArray[np.int64]) -> str:
    return "  ".join(f"R@{k} {100 * np.mean(ranks <= k):.1f}" for k in KS)


def places(scores: NDArray[np.floating], wanted: Sequence[int]) -> NDArray[np.int64]:
    """Ranks of what is wanted, from 1; a tie is lost: (Q, N), Q -> (Q,)."""
    right = scores[np.arange(len(scores)), wanted][:, None]
    return np.asarray((scores >= right).sum(axis=1))


def frames_of(examples: Sequence[Example]) -> list[NDArray[np.float16]]:
    return [example.features for example in examples]


def silent(encoder: Encoder, examples: Sequence[Example]) -> NDArray[np.float32]:
    return encoder.embed_segments(frames_of(examples), [""] * len(examples))


def subtitled(
    encoder: Encoder, examples: Sequence[Example], shown: NDArray[np.float32]
) -> dict[str, NDArray[np.int64]]:
    """Ranks of the photos for their first captions, without subtitles, with right and with wrong ones."""
    queries = encoder.embed_text([example.captions[0] for example in examples])
    right = [example.captions[1] for example in examples]
    wanted = range(len(examples))
    found = {"no": places(queries @ shown.T, wanted)}
    for name, texts in (("right", right), ("wrong", others(right))):
        fused = encoder.embed_segments(frames_of(examples), texts)
        found[name] = places(queries @ fused.T, wanted)
    return found


def others(texts: Sequence[str]) -> list[str]:
    """To every photo the text of the one half of all photos further on."""
    half = len(texts) // 2
    return [*texts[half:], *texts[:half]]


def reranked(
    encoder: Encoder, examples: Sequence[Example], shown: NDArray[np.float32], count: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Ranks for the first captions of `count` photos, spread evenly, before and after the best are read again."""
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
    """The chance that a right pair scores above a wrong one, a tie counting half (Mann and Whitney, 1947)."""
    ordered = np.sort(wrong)
    below, upto = np.searchsorted(ordered, right, side="left"), np.searchsorted(ordered, right, side="right")
    return float((below + upto).mean() / 2 / len(wrong))


if __name__ == "__main__":
    main()
