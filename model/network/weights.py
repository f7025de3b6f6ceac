"""Backbones with weights of others: networks of torchvision, and the vision tower of any model of transformers.

Like our own they take frames of -1..1 and give a feature each; the colours that they were trained with are restored
inside. Their weights become part of the checkpoint, so that it needs no other folder.

S3D (Xie et al., ECCV 2018), the backbone of the VideoBERT paper, looks at clips. A row of frames is cut into clips of
`clip_frames`, the last one filled up with its last frame, and each frame gets the feature of its clip, so that every
feature still has its frame and its time; `Encoder.pad_frames` then reads each clip once.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torchvision import models
from transformers import AutoConfig, AutoModel
from transformers.utils import logging as transformers_logging

from model.network.backbone import Backbone
from model.network.preprocessing import MEAN, STD
from model.registry import registry

Colours = tuple[list[float], list[float]]  # mean and standard deviation of red, green and blue, 0..1

_IMAGENET: Colours = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
_KINETICS: Colours = ([0.43216, 0.394666, 0.37645], [0.22803, 0.22145, 0.216989])
_TORCHVISION = {  # features, the name of the head that is left out, colours, the fewest frames that it takes
    "mobilenet_v3_large": (960, "classifier", _IMAGENET, 1),
    "resnet50": (2048, "fc", _IMAGENET, 1),
    "s3d": (1024, "classifier", _KINETICS, 16),
}


@dataclass(frozen=True)
class Weights:
    """A backbone that can be used: fields of `VideoBertConfig`, and the weights that belong to them."""

    fields: Mapping[str, Any]
    state: Mapping[str, Tensor]


class TorchvisionBackbone(nn.Module):
    """A network of torchvision without its head."""

    def __init__(self, name: str, clip_frames: int) -> None:
        super().__init__()
        if name not in _TORCHVISION:
            raise ValueError(f"a backbone of torchvision is one of {', '.join(_TORCHVISION)}, got {name!r}")
        self.feature_dim, head, colours, fewest = _TORCHVISION[name]
        self.in_clips, self.clip_frames = fewest > 1, clip_frames
        if clip_frames < fewest or (clip_frames > 1 and not self.in_clips):
            wanted = f"at least {fewest}" if self.in_clips else "1"
            raise ValueError(f"clip_frames of {name} must be {wanted}, got {clip_frames}")
        self.colours = _Colours(*colours)
        self.network = models.get_model(name, weights=None)
        setattr(self.network, head, nn.Identity())

    def forward(self, frames: Tensor) -> Tensor:
        """(T, 3, S, S) float, -1..1 -> (T, F) float."""
        frames = self.colours(frames)
        if not self.in_clips:
            return self.network(frames)  # type: ignore[no-any-return]
        clips = -(-len(frames) // self.clip_frames)
        filling = frames[-1:].expand(clips * self.clip_frames - len(frames), -1, -1, -1)
        cut = torch.cat([frames, filling]).unflatten(0, (clips, self.clip_frames))  # (W, clip, 3, S, S)
        features = self.network(cut.transpose(1, 2))  # (W, 3, clip, S, S) -> (W, F)
        return features.repeat_interleave(self.clip_frames, dim=0)[: len(frames)]  # type: ignore[no-any-return]


class VisionTower(nn.Module):
    """The vision tower of a model of transformers; `described` is what `read_tower` says of it."""

    def __init__(self, described: Mapping[str, Any]) -> None:
        super().__init__()
        config = AutoConfig.for_model(**described["config"])
        self.feature_dim = int(getattr(config, "hidden_size", 0) or config.hidden_sizes[-1])
        self.colours = _Colours(described["mean"], described["std"])
        self.network = AutoModel.from_config(config)

    def forward(self, frames: Tensor) -> Tensor:
        """(T, 3, S, S) float, -1..1 -> (T, F) float: what the tower pools, or the mean over the picture."""
        seen = self.network(pixel_values=self.colours(frames))
        pooled = getattr(seen, "pooler_output", None)
        return seen.last_hidden_state.mean(dim=1) if pooled is None else pooled.flatten(1)  # type: ignore[no-any-return]


class _Colours(nn.Module):
    """From our -1..1 to what a network was trained with."""

    def __init__(self, mean: list[float], std: list[float]) -> None:
        super().__init__()
        self.mean, self.std = mean, std  # no buffers: what a checkpoint does not hold, loading one leaves undefined

    def forward(self, frames: Tensor) -> Tensor:
        mean, std = frames.new_tensor(self.mean)[:, None, None], frames.new_tensor(self.std)[:, None, None]
        return (frames * STD + MEAN - mean) / std


def build_backbone(
    name: str, *, clip_frames: int, vision: Mapping[str, Any] | None
) -> Backbone | TorchvisionBackbone | VisionTower:
    """The network that a configuration names, with `feature_dim`; its weights are random.

    Raises:
        ValueError: there is no such network, or the other fields do not fit it.
    """
    if name.startswith("torchvision:"):
        return TorchvisionBackbone(name.removeprefix("torchvision:"), clip_frames)
    if clip_frames != 1:
        raise ValueError(f"clip_frames of {name} must be 1, got {clip_frames}: it looks at frames one by one")
    if name == "vision":
        if vision is None:
            raise ValueError("the backbone 'vision' needs the description of a tower in the field vision")
        return VisionTower(vision)
    return Backbone(name)


def find_weights(source: str) -> Weights:
    """The backbone of a name of the table of models, or of `vision:FOLDER`.

    Raises:
        FileNotFoundError: it is not on this machine.
        ValueError: it is no backbone.
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
    head = _TORCHVISION[known.backbone.removeprefix("torchvision:")][1]
    weights = load_file(folder / "model.safetensors")
    state = {f"network.{name}": tensor for name, tensor in weights.items() if not name.startswith(f"{head}.")}
    return Weights({"backbone": known.backbone, "image_size": 224}, state)


def read_tower(folder: Path) -> Weights:
    """The vision tower in a folder of transformers, of a model with other towers too.

    Raises:
        FileNotFoundError: `config.json`, `preprocessor_config.json` or the weights are missing.
        ValueError: the weights are not all there.
    """
    for name in ("config.json", "preprocessor_config.json"):
        if not (folder / name).is_file():
            raise FileNotFoundError(f"no {name} in {folder}: not a vision tower")
    looks = json.loads((folder / "preprocessor_config.json").read_text(encoding="utf-8"))
    whole = AutoConfig.from_pretrained(folder, local_files_only=True)
    config = getattr(whole, "vision_config", whole)
    transformers_logging.disable_progress_bar()
    told = transformers_logging.get_verbosity()
    transformers_logging.set_verbosity_error()
    try:
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
    finally:
        transformers_logging.set_verbosity(told)
    if found["missing_keys"]:
        raise ValueError(f"{folder} lacks weights of its vision tower: {', '.join(sorted(found['missing_keys']))}")
    described = {"config": config.to_dict(), "mean": looks["image_mean"], "std": looks["image_std"]}
    size = looks.get("crop_size") or looks["size"]
    side = size if isinstance(size, int) else size.get("height") or size["shortest_edge"]
    state = {f"network.{name}": tensor for name, tensor in network.state_dict().items()}
    return Weights({"backbone": "vision", "vision": described, "image_size": int(side)}, state)
