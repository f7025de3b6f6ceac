"""Labels as people call them in other languages: `label_names.toml`, the commonest ones in eight languages, by hand.

A table, since names of one word are too short for a sentence encoder: multilingual-e5-small names 60 % of them rightly.
"""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path

from store.types import label_key

NAMES = Path(__file__).parent / "label_names.toml"


def english_label(name: str) -> str | None:
    """The label that a name in another language stands for, in any case; None where none is known."""
    return _labels().get(label_key(name))


@cache
def _labels() -> dict[str, str]:
    names = tomllib.loads(NAMES.read_text(encoding="utf-8"))
    return {label_key(other): label for label, others in names.items() for other in others}
