"""Every encoder, loaded as a user's is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from model.encoder.contract import Encoder
from model.encoder.load import load
from tests.support.towers import FAMILIES, save_over_towers, save_towers

Make = Callable[[Path, Path], Encoder]  # a tiny checkpoint of VideoBERT and an empty folder -> an encoder


def towers(family: str) -> Make:
    return lambda checkpoint, folder: load(save_towers(family, folder))


ENCODERS: dict[str, Make] = {
    "videobert": lambda checkpoint, folder: load(checkpoint),
    **{family: towers(family) for family in FAMILIES},
    "over-towers": lambda checkpoint, folder: load(save_over_towers("siglip", checkpoint, folder, gate=0.05)),
}


@pytest.fixture(params=ENCODERS)
def any_encoder(request: pytest.FixtureRequest, tiny_checkpoint: Path, tmp_path: Path) -> Encoder:
    return ENCODERS[request.param](tiny_checkpoint, tmp_path)
