"""VideoBERT over two towers: the zero-shot of SigLIP 2 or CLIP, and what a trained network adds to it.

- The picture tower looks at frames, and its vectors are the frame features. So a library of the towers alone moves to a
  VideoBERT over them without decoding a video again.
- The text tower reads queries, and no training moves it.
- VideoBERT reads the frames in order and the subtitles beside them. Its point is added to the tower's through a gate
  that begins at zero (`model.network.heads.TowerGate`): before training, every vector is that of the towers.
- Alignment is the cosine of both, without subtitles.

The checkpoint folder has a copy of the towers in `towers/NAME`, so it needs nothing else.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model.encoder.batches import check_pairs, shown_and_spoken, stack
from model.encoder.two_tower import FAMILIES, TwoTowerEncoder
from model.encoder.videobert import VideoBertEncoder
from model.network import checkpoint
from model.network.backbone import TOWERS
from model.network.tokenizer import TextTokenizer
from model.network.transfer import transfer
from model.network.videobert import VideoBertModel
from model.registry import lock
from model.registry.registry import Entry, Located, locate

PREFIX = f"{TOWERS}:"  # of a name or folder of two towers, where a recipe names a backbone


class OverTowersEncoder(VideoBertEncoder):
    """A VideoBERT and the towers it stands on; what is said of each method stands in `Encoder`."""

    def __init__(
        self,
        towers: TwoTowerEncoder,
        model: VideoBertModel,
        tokenizer: TextTokenizer,
        *,
        fingerprint: str,
        name: str = "",
        tier: str = "in memory",
    ) -> None:
        super().__init__(model, tokenizer, fingerprint=fingerprint, name=name, tier=tier)
        self._towers, self.scale = towers, towers.scale

    @classmethod
    def read(cls, place: Located) -> OverTowersEncoder:
        """Load the checkpoint of a located folder, and the towers beside it.

        Raises:
            FileNotFoundError: the folder lacks a file that the message names.
            ValueError: the towers are others than those it was trained over.
        """
        model, tokenizer = checkpoint.load(place.folder)
        described = model.config.towers or {}
        folder = place.folder / TOWERS / described["name"]
        if not folder.is_dir():
            raise FileNotFoundError(f"no {TOWERS}/{folder.name} in {place.folder}: the model stands on these towers")
        towers = TwoTowerEncoder.read(replace(place, folder=folder))
        if towers.fingerprint != described["fingerprint"]:
            raise ValueError(
                f"{folder} holds {towers.fingerprint}, and the model beside it was trained over "
                f"{described['fingerprint']}"
            )
        return cls(towers, model, tokenizer, fingerprint=place.fingerprint(), name=place.name, tier=place.tier)

    @property
    def towers(self) -> TwoTowerEncoder:
        """The towers that it stands on."""
        return self._towers

    @property
    def feature_fingerprint(self) -> str:
        """That of the towers."""
        return self.towers.feature_fingerprint

    def features(self, frames: NDArray[np.uint8]) -> NDArray[np.float16]:
        """uint8 (T, 3, H, W) -> float16 (T, D)."""
        return self.towers.features(frames)

    @torch.inference_mode()
    def embed_segments(self, segments: Sequence[NDArray[np.float16]], texts: Sequence[str]) -> NDArray[np.float32]:
        """N times (T_i, D) and N texts -> (N, D). The tower's part is of all frames, however many VideoBERT reads."""
        check_pairs(segments, texts)
        shown, spoken = shown_and_spoken(segments, texts)
        embeddings = np.zeros((len(texts), self.dim), np.float32)
        if spoken:
            embeddings[spoken] = self.embed_text([texts[i] for i in spoken])
        visible, visible_texts = [segments[i] for i in shown], [texts[i] for i in shown]
        tower, rows = self.towers.points(visible), list[Tensor]()
        for inputs in self._batches(visible, visible_texts):
            count = len(inputs.frame_mask)
            rows.append(self.model.embed(inputs, tower=tower[:count]))
            tower = tower[count:]
        embeddings[shown] = stack(rows, self.dim)
        return embeddings

    def embed_text(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """N texts -> (N, D)."""
        return self.towers.embed_text(texts)

    def align(self, segments: Sequence[NDArray[np.float16]], texts: Sequence[str]) -> NDArray[np.float32]:
        """The cosine of N pairs of segment and text: (N,)."""
        check_pairs(segments, texts)
        embeddings = self.embed_segments(segments, [""] * len(texts))
        return np.asarray((embeddings * self.embed_text(texts)).sum(axis=1), np.float32)

    def save(self, folder: Path) -> None:
        """Write a checkpoint folder, with a copy of the towers."""
        super().save(folder)
        beside = folder / TOWERS / self.towers.folder.name
        beside.mkdir(parents=True, exist_ok=True)
        if not beside.samefile(self.towers.folder):
            for path in lock.files(self.towers.folder):
                shutil.copyfile(path, beside / path.name)


def read_towers(source: str) -> TwoTowerEncoder:
    """Load the towers that a recipe names: `towers:NAME`, or `towers:FOLDER`.

    Raises:
        FileNotFoundError: they are not on this machine.
        ValueError: it is no model of two towers, or one that VideoBERT cannot stand on.
    """
    place = locate(source.removeprefix(PREFIX))
    if place.family not in FAMILIES:
        raise ValueError(f"VideoBERT stands on two towers of {', '.join(FAMILIES)}; {place.name} is {place.family!r}")
    towers = TwoTowerEncoder.read(place)
    if towers.temporal:
        raise ValueError(
            f"VideoBERT stands on towers that look at frames one by one, {place.name} reads them over time"
        )
    return towers


def fields_over(towers: TwoTowerEncoder) -> dict[str, Any]:
    """The fields of `VideoBertConfig` for a network over towers.

    What the start has for its own backbone and its own queries goes: class names, the direct frame head, the query
    bank, and heads that would begin at random, unless training adds them again.
    """
    return {
        "backbone": TOWERS,
        "towers": {"name": towers.folder.name, "fingerprint": towers.fingerprint, "dim": towers.dim},
        "embedding_size": towers.dim,
        "image_size": towers.image_size,
        "fps": towers.fps,
        "clip_frames": towers.clip_frames,
        "class_names": (),
        "glance_width": 0,
        "query_bank_size": 0,
        "masked_words": False,
        "visual_branching": 0,
        "visual_depth": 0,
        "frame_input": "features",
    }


def stand_on(
    towers: TwoTowerEncoder, start: VideoBertModel, changes: dict[str, Any], *, seed: int
) -> tuple[VideoBertModel, list[str]]:
    """Put a network over towers, as `model.network.transfer.transfer` does; cosines count as much as the towers'."""
    model, fresh = transfer(start, fields_over(towers) | changes, seed=seed)
    with torch.no_grad():
        model.retrieval.log_scale.fill_(math.log(towers.scale))
    return model, fresh


def untrained(known: Entry) -> OverTowersEncoder:
    """The shipped model over the towers that an entry of the table names, before any training.

    Raises:
        NotFetched: the towers are not on this machine.
    """
    towers = read_towers(known.over)
    start, tokenizer = checkpoint.load()
    model, _ = stand_on(towers, start, {}, seed=0)
    # While the gate is shut nothing but the towers decides a vector.
    fingerprint = f"{known.name}-{towers.fingerprint.rpartition('-')[2]}"
    return OverTowersEncoder(towers, model, tokenizer, fingerprint=fingerprint, name=known.name, tier=towers.tier)


def around(model: VideoBertModel, tokenizer: TextTokenizer, towers: TwoTowerEncoder | None) -> VideoBertEncoder:
    """A nameless encoder of a network, over the towers where it stands on some."""
    if model.config.over_towers and towers is not None:
        return OverTowersEncoder(towers, model, tokenizer, fingerprint="")
    return VideoBertEncoder(model, tokenizer, fingerprint="")
