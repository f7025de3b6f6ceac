"""Ablation of the model's parts and the training objectives: one short training run per row, one change each.

    python -m benchmarks.ablation --captions TRAIN --held TEST --photos FOLDER --start START --kept FOLDER

`TRAIN` and `TEST` are captions files as `recipes/captions.py` writes them, `START` is the
checkpoint that `recipes/assemble.py` makes. The folder `--kept` caches frame features and finished rows, so that an
interrupted run resumes. Every row of the table trains on the same batches, for `--epochs` passes over the same `--rows`
examples, by `recipes/videobert-mini/everything.toml` with the row's change. The columns are those of
`benchmarks/photos.py`.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.photos import alignment_auc, looked_at, reranked, silent, subtitled
from model.encoder.videobert import VideoBertEncoder
from model.training.dataset import CaptionedSet, Example
from model.training.loop import Step, train
from model.training.objectives import Anchor
from model.training.options import TrainingOptions
from model.training.recipe import read_recipe
from search.training.training import examples_of, starting

RECIPE = Path(__file__).parents[1] / "recipes" / "videobert-mini" / "everything.toml"
ROWS: dict[str, dict[str, Any]] = {
    "everything": {},
    "without contrast to fused": {"fused_weight": 0.0},
    "without wrong subtitles": {"wrong_subtitles": 0.0},
    "without alignment": {"alignment_weight": 0.0},
    "without masked words": {"masked_word_weight": 0.0},
    "without masked frames": {"masked_frame_weight": 0.0},
    "without contrast to frames alone": {"silent_weight": 0.0},
    "and beliefs of classifiers": {"belief_weight": 0.5},
    "temporal: none": {"temporal": "none"},
    "temporal: GRU": {"temporal": "gru"},
    "temporal: LSTM": {"temporal": "lstm"},
    "100 visual words as input": {"frame_input": "visual_words"},
    "1,000 visual words as input": {"frame_input": "visual_words", "visual_depth": 3},
}
NETWORK = {"temporal"}  # the changes that concern the network, not the training
SHARED = "everything"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("captions", "held", "photos", "start", "kept"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--rows", type=int, default=3840)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--reranked", type=int, default=100, metavar="QUERIES")
    args = parser.parse_args()
    args.kept.mkdir(parents=True, exist_ok=True)
    recipe = read_recipe(RECIPE)
    options = replace(TrainingOptions(**recipe.options), epochs=args.epochs, batch_size=args.batch_size, ema=0.0)
    encoder, _ = starting(args.start, options, recipe.network)
    examples, _ = examples_of(
        args.captions, args.photos, encoder, args.kept / "train.safetensors", tell=lambda *_: None
    )
    chosen = CaptionedSet(random.Random(0).sample(examples, min(args.rows, len(examples))))
    held_out = looked_at(args.held, args.photos, encoder, args.kept / "held.safetensors")
    anchor = Anchor(encoder.model, encoder.tokenizer, chosen.texts(), options.max_words)
    budget = f"{args.rows} rows, {args.epochs} epochs, batches of {args.batch_size}, {args.reranked} re-ranked"
    done = args.kept / "ablation.jsonl"
    for name, changes in ROWS.items():
        if name in scores_of(done, budget):
            continue
        model = trained(args.start, chosen, options, recipe.network, changes, anchor)
        row = {"row": name, "budget": budget, "scores": measured(model, held_out, args.reranked)}
        with done.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
    print(table(scores_of(done, budget)))


def trained(
    start: Path,
    examples: CaptionedSet,
    options: TrainingOptions,
    network: Mapping[str, Any],
    changes: Mapping[str, Any],
    anchor: Anchor,
) -> VideoBertEncoder:
    """Train one row from the initial checkpoint."""
    of_network = {name: value for name, value in changes.items() if name in NETWORK}
    of_options = {name: value for name, value in changes.items() if name not in NETWORK}
    options = replace(options, **of_options)
    encoder, _ = starting(start, options, dict(network) | of_network)
    print(f"\n{dict(changes) or SHARED}", file=sys.stderr)
    train(encoder.model, encoder.tokenizer, examples, options, anchor=anchor, report=tell)
    return encoder


def tell(step: Step) -> None:
    if step.step % 20 == 0 or step.step == step.steps:
        losses = "  ".join(f"{name} {value:.2f}" for name, value in step.losses.items())
        print(f"{step.step}/{step.steps}  {losses}  {step.seconds_left:.0f} s left", file=sys.stderr, flush=True)


def measured(encoder: VideoBertEncoder, held_out: list[Example], count: int) -> dict[str, float]:
    shown = silent(encoder, held_out)
    ranks = subtitled(encoder, held_out, shown)
    before, after = reranked(encoder, held_out, shown, count)
    at_10 = {name: 100 * float((found <= 10).mean()) for name, found in ranks.items()}
    at_10 |= {"before": 100 * float((before <= 10).mean()), "after": 100 * float((after <= 10).mean())}
    return at_10 | {"auc": alignment_auc(encoder, held_out)}


def scores_of(done: Path, budget: str) -> dict[str, dict[str, float]]:
    """Finished rows of this budget, by name."""
    if not done.exists():
        return {}
    rows = [json.loads(line) for line in done.read_text(encoding="utf-8").splitlines()]
    return {row["row"]: row["scores"] for row in rows if row["budget"] == budget}


def table(scores: Mapping[str, Mapping[str, float]]) -> str:
    """Return Markdown: R@10 in % by kind of subtitle, the gain of re-ranking in points, and the AUC."""
    lines = ["| | frames alone | right subtitles | wrong subtitles | re-ranking | AUC |", "|---|---|---|---|---|---|"]
    for name, row in scores.items():
        gain = row["after"] - row["before"]
        alone, right, wrong = (f"{row[key]:.1f}" for key in ("no", "right", "wrong"))
        lines.append(f"| {name} | {alone} | {right} | {wrong} | {gain:+.1f} | {row['auc']:.3f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
