"""The model card of a folder: `README.md`, for people, with a table of what the model scores."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

CARD_FILE = "README.md"
_SECTION = "## Scores"


def read_scores(folder: Path) -> str:
    """Return the first row of the score table: "text to video, 300 clips: R@1 42.0, R@10 85.7"; "" without a table."""
    card = folder / CARD_FILE
    if not card.is_file():
        return ""
    rows = list(_rows(card.read_text(encoding="utf-8")))[:3]
    if len(rows) < 3:
        return ""
    (_, *names), _, (task, *values) = rows  # the second row is the rule below the header
    return f"{task}: {', '.join(f'{name} {value}' for name, value in zip(names, values, strict=False))}"


def _rows(text: str) -> Iterator[list[str]]:
    """Yield the cells of the section's first table, row by row."""
    lines = iter(text.splitlines())
    for line in lines:
        if line.startswith(_SECTION):
            break
    in_table = False
    for line in lines:
        if line.startswith("|"):
            in_table = True
            yield [cell.strip(" *`") for cell in line.strip().strip("|").split("|")]
        elif in_table or line.startswith("#"):
            return
