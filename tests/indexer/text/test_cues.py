"""Cues of a time and of a language."""

from __future__ import annotations

import pytest

from indexer.text.cues import text_between
from store.types import Cue


def test_text_of_an_interval():
    cues = [Cue(0, 1, "a"), Cue(1, 2, "a\nb"), Cue(2, 3, "b\nc"), Cue(3, 4, "d")]
    assert text_between(cues, 0.0, 3.0) == "a b c"
    assert text_between(cues, 3.0, 9.0) == "d"
    assert text_between(cues, 0.5, 0.6) == "a"
    assert text_between([], 0, 1) == ""


@pytest.mark.parametrize(
    ("languages", "used"),
    [(("de", "en-US"), "en-US"), (("ger", "eng"), "eng"), (("de", ""), ""), (("fr", "de"), "fr")],
)
def test_one_language_is_used(languages, used):
    cues = [Cue(0, 5, language or "untagged", language) for language in languages]
    assert text_between(cues, 0, 1) == (used or "untagged")
