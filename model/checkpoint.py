"""Checkpoint folders: `config.json`, `model.safetensors` (float16) and `tokenizer.json`; never pickle."""

from __future__ import annotations

import copy
import hashlib
from pathlib import Path
from typing import Any

import torch
from transformers.utils import logging as transformers_logging

from model.text import TOKENIZER_FILE, TextTokenizer
from model.videobert import VideoBertModel

DEFAULT_CHECKPOINT = Path(__file__).parent / "checkpoints" / "videobert-mini"
_FILES = ("config.json", "model.safetensors", TOKENIZER_FILE)


def save(model: VideoBertModel, tokenizer: TextTokenizer, folder: Path) -> None:
    """Write a checkpoint folder; weights are stored in half precision, which keeps cosines to 1e-3."""
    transformers_logging.disable_progress_bar()
    copy.deepcopy(model).to(torch.float16).save_pretrained(folder)  # type: ignore[arg-type]
    tokenizer.save(folder)


def load(folder: Path = DEFAULT_CHECKPOINT) -> tuple[VideoBertModel, TextTokenizer]:
    """Read a checkpoint folder; weights are widened to float32.

    Raises:
        FileNotFoundError: the folder is no checkpoint; the message names what is missing.
        ValueError: the weights are not exactly those of the network that `config.json` describes.
    """
    for name in _FILES:
        if not (folder / name).is_file():
            raise FileNotFoundError(f"no {name} in {folder}: not a checkpoint folder")
    transformers_logging.disable_progress_bar()
    told = transformers_logging.get_verbosity()
    transformers_logging.set_verbosity_error()  # what does not fit is said below, in one sentence
    try:
        # With loading info the call returns a pair, which its annotation does not know.
        loaded: Any = VideoBertModel.from_pretrained(
            folder, dtype=torch.float32, output_loading_info=True, ignore_mismatched_sizes=True
        )
    finally:
        transformers_logging.set_verbosity(told)
    model, found = loaded
    # A weight left at random would be a fault that nobody sees.
    faults = [f"{name} is missing" for name in sorted(found["missing_keys"])]
    faults += [f"{name} is not in that network" for name in sorted(found["unexpected_keys"])]
    faults += [f"{name} has shape {tuple(was)}, not {tuple(be)}" for name, was, be in sorted(found["mismatched_keys"])]
    if faults:
        raise ValueError(f"{folder} does not hold the network that its config.json describes: {', '.join(faults)}")
    return model, TextTokenizer.from_folder(folder)


def fingerprint(folder: Path) -> str:
    """A name for exactly these weights: the folder's name and a BLAKE2b-48 of its files."""
    digest = hashlib.blake2b(digest_size=6)
    for name in _FILES:
        digest.update((folder / name).read_bytes())
    return f"{folder.name}-{digest.hexdigest()}"
