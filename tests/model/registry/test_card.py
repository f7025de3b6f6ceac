"""What a model card says a model scores."""

from pathlib import Path

import pytest

from model.registry.card import read_scores
from model.registry.registry import DEFAULT_MODEL, entry

CARD = """---
license: other
---
# A model

| not | this |
|---|---|
| 1 | 2 |

## Scores

Measured so.

| | R@1 | R@10 |
|:--|--:|--:|
| text to video, 7 clips | **12.5** | 87.5 |
| something else | 1 | 2 |

| later | 3 |
"""


def test_the_first_row_of_its_table(tmp_path: Path):
    (tmp_path / "README.md").write_text(CARD, encoding="utf-8")
    assert read_scores(tmp_path) == "text to video, 7 clips: R@1 12.5, R@10 87.5"


NO_TABLE = "## Scores\n\nNot measured.\n\n# Limits\n| a | b |\n|---|---|\n| c | 1 |\n"


@pytest.mark.parametrize("card", ["", "# A model\n", NO_TABLE])
def test_a_card_without_a_table(card: str, tmp_path: Path):
    assert read_scores(tmp_path) == ""
    (tmp_path / "README.md").write_text(card, encoding="utf-8")
    assert read_scores(tmp_path) == ""


def test_the_shipped_card_can_be_quoted():
    task, _, values = read_scores(entry(DEFAULT_MODEL).folder).partition(": ")
    assert task
    assert "R@1 " in values
