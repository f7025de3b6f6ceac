"""Texts that every encoder embeds: sentences for labels, and everyday queries.

Everyday queries are what people film and ask for, in their words; scores of others are standardized against them.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from model.encoder.contract import Encoder

LABEL_TEMPLATES = ("a video of a {}", "a photo of a {}", "{}", "a {}", "this is a {}", "a close-up of a {}")
EVERYDAY_QUERIES = Path(__file__).parent / "querybank.txt"


def everyday_query_lines() -> list[str]:
    """The everyday queries as texts."""
    lines = EVERYDAY_QUERIES.read_text(encoding="utf-8").split("\n")
    return [line for line in lines if line and not line.startswith("#")]


@lru_cache(maxsize=1)
def everyday_queries(encoder: Encoder) -> tuple[list[str], NDArray[np.float32]]:
    """The everyday queries as texts and as embeddings: N, and float32 (N, D), unit length."""
    lines = everyday_query_lines()
    return lines, encoder.embed_text(lines)
