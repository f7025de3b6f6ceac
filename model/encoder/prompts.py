"""Prompts for labels, and everyday queries: what people film and search for.

Scores of other queries are standardized against those of everyday queries.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from model.encoder.contract import Encoder
from model.encoder.multilingual import english

LABEL_TEMPLATES = ("a video of a {}", "a photo of a {}", "{}", "a {}", "this is a {}", "a close-up of a {}")
EVERYDAY_QUERIES = Path(__file__).parent / "querybank.txt"


def everyday_query_lines() -> list[str]:
    """Read the everyday queries."""
    lines = EVERYDAY_QUERIES.read_text(encoding="utf-8").split("\n")
    return [line for line in lines if line and not line.startswith("#")]


@lru_cache(maxsize=1)
def everyday_queries(encoder: Encoder) -> tuple[list[str], NDArray[np.float32]]:
    """Return the everyday queries and their embeddings: N, and float32 (N, D), unit length."""
    lines = everyday_query_lines()
    return lines, english(encoder).embed_text(lines)
