"""README.zh-CN.md says in Chinese what README.md says: headings, commands, options, links and numbers agree."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ENGLISH, CHINESE = ((ROOT / name).read_text("utf-8") for name in ("README.md", "README.zh-CN.md"))


def headings(text: str) -> list[str]:
    return re.findall(r"^#+(?= )", without_blocks(text), re.MULTILINE)


def blocks(text: str) -> list[str]:
    """The code, without comments, which are translated."""
    return [re.sub(r" +# .*", "", block) for block in re.findall(r"^```.*?^```", text, re.MULTILINE | re.DOTALL)]


def without_blocks(text: str) -> str:
    return re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)


def codes(text: str) -> list[str]:
    """What stands in backticks: commands, options, files."""
    return sorted(re.findall(r"`([^`\n]+)`", without_blocks(text)))


def links(text: str) -> list[str]:
    inside = re.compile(r"\]\(((?!#|README)[^)]+)\)")
    return sorted(inside.findall(text))


def scores(text: str) -> list[str]:
    return re.findall(r"\| \d+\.\d \|.*", text)


@pytest.mark.parametrize("part", [headings, blocks, codes, links, scores], ids=lambda part: part.__name__)
def test_both_languages_say_the_same(part):
    assert part(CHINESE) == part(ENGLISH)
    assert part(ENGLISH)


def test_each_leads_to_the_other():
    assert "](README.zh-CN.md)" in ENGLISH
    assert "](README.md)" in CHINESE
    anchor = re.search(r"\]\(#([^)]+)\)", CHINESE)
    assert anchor is not None
    assert f"## {anchor[1].replace('在-python-', '在 Python ')}" in CHINESE
