"""Load encoders, by name or from a folder."""

from __future__ import annotations

from pathlib import Path

from model.encoder.contract import Encoder
from model.encoder.two_tower import FAMILIES, TwoTowerEncoder
from model.encoder.videobert import VideoBertEncoder
from model.registry.registry import DEFAULT_MODEL, locate


def load(source: str | Path = DEFAULT_MODEL) -> Encoder:
    """Load a model by its name in `models.toml`, or from a folder.

    Raises:
        FileNotFoundError: it is not on this machine; the message says how to fetch it.
        ValueError: the folder is not a model, or its files are not those that were fetched.
    """
    place = locate(source)
    return TwoTowerEncoder.read(place) if place.family in FAMILIES else VideoBertEncoder.read(place)


def load_videobert(source: str | Path = DEFAULT_MODEL) -> VideoBertEncoder:
    """Load VideoBERT, by name or from a checkpoint folder (`config.json`, `model.safetensors`, `tokenizer.json`).

    Raises:
        FileNotFoundError: it is not on this machine, or a file is missing.
        ValueError: the folder contains another model.
    """
    return VideoBertEncoder.read(locate(source))
