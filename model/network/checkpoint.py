"""Checkpoint folders: `config.json`, `model.safetensors` and `tokenizer.json`; never pickle.

Weights are stored in float16. BERT's matrices, half of a small model, are stored in int8 with one scale per row.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor
from transformers.utils import logging as transformers_logging

from model.compat import quiet_transformers
from model.network.tokenizer import TOKENIZER_FILE, TextTokenizer
from model.network.videobert import VideoBertConfig, VideoBertModel

DEFAULT_CHECKPOINT = Path(__file__).parents[1] / "checkpoints" / "videobert-mini"
_BERT = "bert."
_STEP = ".step"  # replaces ".weight": float16 (rows, 1), the scale of each int8 row
_FILES = ("config.json", "model.safetensors", TOKENIZER_FILE)


def save(model: VideoBertModel, tokenizer: TextTokenizer, folder: Path) -> None:
    """Write a checkpoint folder. Quantization changes cosines by less than 1e-3."""
    transformers_logging.disable_progress_bar()
    half = copy.deepcopy(model).to(torch.float16)  # type: ignore[arg-type]
    half.save_pretrained(folder, state_dict=_packed(model.state_dict()))
    tokenizer.save(folder)


def load(folder: Path = DEFAULT_CHECKPOINT) -> tuple[VideoBertModel, TextTokenizer]:
    """Read a checkpoint folder; weights are converted to float32.

    Raises:
        FileNotFoundError: a file is missing; the message names it.
        ValueError: the weights are not exactly those of the network that `config.json` describes.
    """
    for name in _FILES:
        if not (folder / name).is_file():
            raise FileNotFoundError(f"no {name} in {folder}: not a checkpoint folder")
    with quiet_transformers():
        # With loading info the call returns a pair, which its annotation omits.
        loaded: Any = VideoBertModel.from_pretrained(
            None,
            config=VideoBertConfig.from_pretrained(folder),
            state_dict=_unpacked(load_file(folder / "model.safetensors")),
            dtype=torch.float32,
            output_loading_info=True,
            ignore_mismatched_sizes=True,
        )
    model, found = loaded
    # A randomly initialized weight would go unnoticed.
    faults = [f"{name} is missing" for name in sorted(found["missing_keys"])]
    faults += [f"{name} is not in that network" for name in sorted(found["unexpected_keys"])]
    faults += [f"{name} has shape {tuple(was)}, not {tuple(be)}" for name, was, be in sorted(found["mismatched_keys"])]
    if faults:
        raise ValueError(f"{folder} does not contain the network that its config.json describes: {', '.join(faults)}")
    return model, TextTokenizer.from_folder(folder)


def _packed(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    packed = {}
    for name, weight in weights.items():
        if name.startswith(_BERT) and name.endswith(".weight") and weight.ndim == 2:
            matrix = weight.float()
            step = (matrix.abs().amax(dim=1, keepdim=True) / 127).clamp(min=1e-7).half()
            packed[name] = (matrix / step.float()).round().clamp(-127, 127).to(torch.int8)
            packed[name.removesuffix(".weight") + _STEP] = step
        else:
            packed[name] = (weight.half() if weight.is_floating_point() else weight).contiguous()
    return packed


def _unpacked(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    for name in [name for name in weights if name.endswith(_STEP)]:
        matrix = name.removesuffix(_STEP) + ".weight"
        weights[matrix] = weights[matrix].float() * weights.pop(name).float()
    return weights
