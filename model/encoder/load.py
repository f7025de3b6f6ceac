"""Load encoders, by name or from a folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from model.encoder.contract import Encoder
from model.encoder.multilingual import with_languages
from model.registry.registry import DEFAULT_MODEL, Located, entries, locate
from model.runtime.hardware import has_gpu

if TYPE_CHECKING:
    from model.encoder.videobert import VideoBertEncoder

_VIDEOBERT = "videobert"


def load(source: str | Path = DEFAULT_MODEL) -> Encoder:
    """Load a model by its name in `models.toml`, or from a folder.

    On a CPU the graphs of a VideoBERT checkpoint are run where its network has them, and torch is not imported.

    Raises:
        FileNotFoundError: it is not on this machine; the message says how to fetch it.
        ValueError: the folder is not a model, or its files are not those that were fetched.
    """
    if _stands_on_towers(source):
        return load_videobert(source)
    place = locate(source)
    if place.family not in ("", _VIDEOBERT):
        from model.encoder.two_tower import FAMILIES, TwoTowerEncoder

        if place.family in FAMILIES:
            return with_languages(TwoTowerEncoder.read(place), place.folder)
    elif _has_graphs(place) and not has_gpu():
        from model.encoder.graph import GraphEncoder

        return with_languages(GraphEncoder(place), place.folder)
    return with_languages(_videobert(place), place.folder)


def load_videobert(source: str | Path = DEFAULT_MODEL) -> VideoBertEncoder:
    """Load VideoBERT in torch, by name or from a checkpoint folder (`config.json`, `model.safetensors`,
    `tokenizer.json`): to train it, and for what its graphs do not compute.

    Raises:
        FileNotFoundError: it is not on this machine, or a file is missing.
        ValueError: the folder contains another model.
    """
    if _stands_on_towers(source):
        from model.encoder.over_towers import untrained

        return untrained(entries()[str(source)])
    return _videobert(locate(source))


def _videobert(place: Located) -> VideoBertEncoder:
    if place.config.get("towers"):
        from model.encoder.over_towers import OverTowersEncoder

        return OverTowersEncoder.read(place)
    from model.encoder.videobert import VideoBertEncoder

    return VideoBertEncoder.read(place)


def _stands_on_towers(source: str | Path) -> bool:
    """Whether this names a configuration that is a model without training."""
    return isinstance(source, str) and source in entries() and bool(entries()[source].over)


def _has_graphs(place: Located) -> bool:
    from model.runtime.runtimes import runtime

    if place.family != _VIDEOBERT or not runtime():
        return False
    config = place.config
    return (
        config.get("backbone") == "efficientnet_lite2"
        and config.get("temporal", "transformer") in ("none", "transformer")
        and config.get("temporal_attention", "standard") == "standard"
        and config.get("frame_input", "features") == "features"
        and config.get("clip_frames", 1) == 1
        and bool(config.get("class_names"))
    )
