"""What people film and ask for, in their words and as an encoder reads them: the background of everything that is said
about pictures.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from model.encoder.contract import Encoder

PHRASES = Path(__file__).parent / "querybank.txt"


def phrase_lines() -> list[str]:
    """The phrases as words."""
    lines = PHRASES.read_text(encoding="utf-8").split("\n")
    return [line for line in lines if line and not line.startswith("#")]


@lru_cache(maxsize=1)
def phrases(encoder: Encoder) -> tuple[list[str], NDArray[np.float32]]:
    """The phrases as words and as points: N of them, float32 (N, D), unit length."""
    named = phrase_lines()
    return named, encoder.embed_text(named)
