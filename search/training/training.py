"""`videobert train`: a captions file and a folder of photos and clips -> a checkpoint folder.

The output folder also gets `run/`: the state that `--resume` goes on from, and the losses as CSV and as a picture.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from indexer.features.examples import load_examples, look_at, save_examples
from model.encoder.load import load_videobert
from model.encoder.over_towers import PREFIX, around, read_towers
from model.encoder.videobert import VideoBertEncoder
from model.registry.registry import locate
from model.training.dataset import CaptionedSet, Example, read_captions
from model.training.distributed import Processes
from model.training.initialization import begin, check_options
from model.training.loop import Step, made_of, train
from model.training.objectives import anchor_of
from model.training.options import TrainingOptions
from model.training.run import Run
from search.training.curves import draw_curves

VIEWS = 4  # frames made of a photo: as the encoder looks at it, and random parts
_ALONE = Processes()
_STEPS_BETWEEN_PICTURES = 200


def train_on(
    captions: Path,
    media: Path,
    start: Path,
    output: Path,
    options: TrainingOptions,
    *,
    network: Mapping[str, Any] | None = None,
    resume: bool = False,
    save_seconds: float = 300,
    features: Path | None = None,
    tell_reading: Callable[[int, int], None],
    tell_step: Callable[[Step], None],
    tell_fresh: Callable[[list[str]], None] = lambda parts: None,
) -> tuple[int, list[str]]:
    """Look at everything once, train, and write the checkpoint with the options it was trained with.

    Args:
        captions: JSON lines, see `model.training.dataset`.
        media: folder that the rows' files are relative to.
        start: checkpoint folder to start from.
        output: checkpoint folder to write.
        network: what is to be another network than the start's; see `model.training.initialization`.
        resume: go on with the run in `output`.
        save_seconds: time between two states of the run that are kept.
        features: file where frame features are kept; used if it is there, made if not. `run/examples.safetensors` of
            the output folder by default. Where the text encoder is frozen, captions' embeddings are kept beside it.
        tell_reading: called with rows read and rows in all.
        tell_step: called after every step.
        tell_fresh: called with the parts of the network that begin at random, if there are any.

    Returns:
        how many rows were trained on, and a sentence for every row that was skipped.

    Raises:
        ValueError: no row is usable; or a run cannot be resumed, or is there and was not to be resumed; or network and
            options do not go together.
    """
    processes = Processes.launched()
    folder = output / "run"
    description = made_of(
        options, data=fingerprint(captions), start=locate(start).fingerprint(), processes=processes
    ) | ({"network": dict(network)} if network else {})
    run = Run(folder, description, resume=resume, save_seconds=save_seconds, write=processes.first)
    encoder, fresh = starting(start, options, network or {})
    if fresh and processes.first:
        tell_fresh(fresh)
    cache = features or folder / "examples.safetensors"
    examples, problems = examples_of(captions, media, encoder, cache, processes=processes, tell=tell_reading)

    def tell(step: Step) -> None:
        if processes.first:
            tell_step(step)
            if step.step == step.steps or step.step % _STEPS_BETWEEN_PICTURES == 0:
                draw_curves(run.losses, folder / "losses.png")

    dataset = CaptionedSet(examples)
    anchor = None
    if encoder.towers or (options.frozen and options.weights.keys() - {"masked_words", "masked_frames"}):
        anchor = anchor_of(encoder, dataset.texts(), options.max_words)
        if processes.count == 1:
            anchor.keep(cache.with_name(f"{cache.stem}-texts.safetensors"))
    train(encoder.model, encoder.tokenizer, dataset, options, run=run, processes=processes, anchor=anchor, report=tell)
    if processes.first:
        output.mkdir(parents=True, exist_ok=True)
        encoder.model.config.training = asdict(options)
        encoder.save(output)
    processes.wait()
    return len(examples), problems


def starting(start: Path, options: TrainingOptions, network: Mapping[str, Any]) -> tuple[VideoBertEncoder, list[str]]:
    """What to train, as an encoder around it, and the names of its parts that begin at random."""
    encoder = load_videobert(start)
    backbone = network.get("backbone", "")
    towers = read_towers(backbone) if backbone.startswith(PREFIX) else encoder.towers
    model, fresh = begin(encoder.model, network, seed=options.seed, towers=towers)
    check_options(options, fresh, over_towers=model.config.over_towers)
    if model is not encoder.model:
        encoder = around(model, encoder.tokenizer, towers)
    return encoder, fresh


def examples_of(
    captions: Path,
    media: Path,
    encoder: VideoBertEncoder,
    cache: Path,
    *,
    processes: Processes = _ALONE,
    tell: Callable[[int, int], None],
) -> tuple[list[Example], list[str]]:
    """Look at what the captions name, or take what was seen before from the file `cache`.

    Returns:
        the examples, and a sentence for every row that was skipped.
    """
    rows, problems = read_captions(captions)
    unreadable: list[str] = []
    key = features_key(captions, encoder)
    if processes.first and not cache.exists():
        new, unreadable = look_at(rows, media, encoder, views=VIEWS, tell=tell)
        if new:
            save_examples(cache, new, unreadable, key=key)
    processes.wait()
    examples: list[Example] = []
    if cache.exists():
        examples, unreadable = load_examples(cache, key=key)
    return examples, problems + unreadable


def features_key(captions: Path, encoder: VideoBertEncoder) -> str:
    """Names what kept features were made from."""
    return f"{fingerprint(captions)} {VIEWS} {encoder.feature_fingerprint}"


def fingerprint(captions: Path) -> str:
    """A name for exactly these captions."""
    return hashlib.blake2b(captions.read_bytes(), digest_size=8).hexdigest()
