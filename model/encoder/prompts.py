"""Texts that an encoder reads for a reason: sentences for labels, and the query bank.

The query bank holds what people film and ask for, in their words; scores of other queries are read against it.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from model.encoder.contract import Encoder

LABEL_TEMPLATES = ("a video of a {}", "a photo of a {}", "{}", "a {}", "this is a {}", "a close-up of a {}")
QUERY_BANK = Path(__file__).parent / "querybank.txt"


def query_bank_lines() -> list[str]:
    """The query bank as texts."""
    lines = QUERY_BANK.read_text(encoding="utf-8").split("\n")
    return [line for line in lines if line and not line.startswith("#")]


@lru_cache(maxsize=1)
def query_bank(encoder: Encoder) -> tuple[list[str], NDArray[np.float32]]:
    """The query bank as texts and as embeddings: N, and float32 (N, D), unit length."""
    lines = query_bank_lines()
    return lines, encoder.embed_text(lines)
