"""The order in which people read numbered names."""

from __future__ import annotations

import re

_NUMBER = re.compile(r"(\d+)")


def natural(name: str) -> list[tuple[int, int, str]]:
    """A sort key by which ``clip 2`` comes before ``Clip 10``.

    Numbers come before letters, and case decides last.
    """
    parts = [
        (0, int(part), "") if part.isdecimal() else (1, 0, part.casefold()) for part in _NUMBER.split(name) if part
    ]
    return [*parts, (2, 0, name)]
