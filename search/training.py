"""`videobert train`: a captions file and a folder of photos and clips -> a checkpoint folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from indexer.captioned import look_at
from model import checkpoint
from model.data import CaptionedSet, read_captions
from model.encoder import Encoder
from model.train import Step, TrainingOptions, train

VIEWS = 6  # frames made of a photo


def train_on(
    captions: Path,
    media: Path,
    start: Path,
    output: Path,
    options: TrainingOptions,
    *,
    tell_reading: Callable[[int, int], None],
    tell_step: Callable[[Step], None],
) -> tuple[int, list[str]]:
    """Look at everything once, train, and write the checkpoint with the options it was trained with.

    Args:
        captions: JSON lines, see `model.data`.
        media: folder that the rows' files are relative to.
        start: checkpoint folder to start from.
        output: checkpoint folder to write.
        tell_reading: called with rows read and rows in all.
        tell_step: called after every step.

    Returns:
        how many rows were trained on, and a sentence for every row that was skipped.

    Raises:
        ValueError: no row is usable.
    """
    rows, problems = read_captions(captions)
    encoder = Encoder.load(start)
    examples, unreadable = look_at(rows, media, encoder, views=VIEWS, seed=options.seed, tell=tell_reading)
    train(encoder.model, encoder.tokenizer, CaptionedSet(examples), options, report=tell_step)
    output.mkdir(parents=True, exist_ok=True)
    encoder.model.config.training = asdict(options)
    checkpoint.save(encoder.model, encoder.tokenizer, output)
    return len(examples), problems + unreadable
