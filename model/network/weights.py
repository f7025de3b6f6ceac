"""Published weights of backbones: networks of torchvision, and the vision tower of any transformers model.

They become part of the checkpoint, which then needs no other folder.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor
from transformers import AutoConfig, AutoModel

from model.compat import quiet_transformers
from model.network.backbone import CNNS
from model.registry import registry


@dataclass(frozen=True)
class Weights:
    """A backbone: fields of `VideoBertConfig`, and the weights that fit them."""

    fields: Mapping[str, Any]
    state: Mapping[str, Tensor]


def find_weights(source: str) -> Weights:
    """Read the backbone of a name of the table of models, or of `vision:FOLDER`.

    Raises:
        FileNotFoundError: it is not on this machine.
        ValueError: it is not a backbone.
    """
    if source.startswith("vision:"):
        return read_tower(registry.locate(source.removeprefix("vision:")).folder)
    known = registry.entries().get(source)
    if known is None or known.kind != "backbone":
        names = [entry.name for entry in registry.entries().values() if entry.kind == "backbone"]
        raise ValueError(f"a backbone is one of {', '.join(names)}, or vision:FOLDER, got {source!r}")
    folder = registry.locate(source).folder
    if known.backbone == "vision":
        return read_tower(folder)
    head = CNNS[known.backbone].head
    weights = load_file(folder / "model.safetensors")
    state = {f"network.{name}": tensor for name, tensor in weights.items() if not name.startswith(f"{head}.")}
    return Weights({"backbone": known.backbone, "image_size": 224}, state)


def read_tower(folder: Path) -> Weights:
    """Read the vision tower in a folder of a transformers model, which may have other towers too.

    Raises:
        FileNotFoundError: `config.json`, `preprocessor_config.json` or the weights are missing.
        ValueError: some weights are missing.
    """
    for name in ("config.json", "preprocessor_config.json"):
        if not (folder / name).is_file():
            raise FileNotFoundError(f"no {name} in {folder}: not a vision tower")
    preprocessing = json.loads((folder / "preprocessor_config.json").read_text(encoding="utf-8"))
    whole = AutoConfig.from_pretrained(folder, local_files_only=True)
    config = getattr(whole, "vision_config", whole)
    with quiet_transformers():
        with torch.device("meta"):
            kind = type(AutoModel.from_config(config))
        network, found = kind.from_pretrained(
            folder,
            config=config,
            dtype=torch.float32,
            local_files_only=True,
            use_safetensors=True,
            output_loading_info=True,
        )
    if found["missing_keys"]:
        raise ValueError(f"{folder} lacks weights of its vision tower: {', '.join(sorted(found['missing_keys']))}")
    described = {"config": config.to_dict(), "mean": preprocessing["image_mean"], "std": preprocessing["image_std"]}
    size = preprocessing.get("crop_size") or preprocessing["size"]
    side = size if isinstance(size, int) else size.get("height") or size["shortest_edge"]
    state = {f"network.{name}": tensor for name, tensor in network.state_dict().items()}
    return Weights({"backbone": "vision", "vision": described, "image_size": int(side)}, state)
