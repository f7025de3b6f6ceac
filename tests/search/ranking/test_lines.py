"""The lines that a moment shows: those said in it, what matches first and marked."""

import numpy as np
import pytest

from search.ranking.lines import marks, with_lines
from search.ranking.moments import Hit, Line, Moment
from store.catalog.analyzer import normalize
from store.catalog.catalog import Catalog
from store.types import Cue, EncoderInfo, NewSegment, Video

CUES = [
    Cue(0, 4, "We leave for the mountains"),
    Cue(4, 7, "There is\nSNOW, so much snow", source="speech"),
    Cue(4, 7, "There is snow, so much"),  # the same, of another track
    Cue(6, 9, "Look at it"),
    Cue(6.5, 9, "Look at it"),
    Cue(7, 9, "Es gibt Schnee", language="de"),
    Cue(9, 10, "Snow Café", source="ocr"),
]


@pytest.fixture
def catalog() -> Catalog:
    catalog = Catalog.open(":memory:", EncoderInfo("x", 2))
    text = "We leave for the mountains There is snow, so much snow Look at it"
    segment = NewSegment(
        *(0.0, 10.0, text, np.arange(3.0), np.ones((3, 2), np.float16), np.eye(2, dtype=np.float32)[0]), b"jpeg", 5.0
    )
    catalog.put_video(Video("/v/snow.mp4", 1, 1, "h", "mp4", "h264", 10.0, 25.0, 640, 360, 0), [segment], CUES)
    return catalog


def found(catalog: Catalog, start: float, end: float, *words: str, by_words: bool = True) -> Moment:
    text = catalog.segments.of(1)[0].text
    moment = Moment("/v/snow.mp4", start, end, 0.5, "", (Hit(1, 1, "/v/snow.mp4", 0.0, 10.0, 0.5, text),))
    matched = catalog.fulltext.matched(words, [1])
    return with_lines(catalog, [moment], matched, {1} if by_words else set())[0]


def test_the_matching_line_comes_first_and_lines_of_other_moments_do_not_come(catalog: Catalog) -> None:
    moment = found(catalog, 4.0, 8.0, "snow")
    assert moment.lines[0] == Line(4, 7, "There is\nSNOW, so much snow", "speech", ((9, 13), (23, 27)))
    assert [line.text for line in moment.lines[1:]] == ["Look at it"]
    assert moment.text == "There is SNOW, so much snow Look at it"
    assert moment.lines[0].marked("<", ">") == "There is\n<SNOW>, so much <snow>"
    assert "mountains" not in moment.text
    assert moment.basis == "said"


def test_a_line_that_only_ends_in_a_moment_is_not_of_it(catalog: Catalog) -> None:
    assert [line.text for line in found(catalog, 3.95, 5.0).lines] == ["There is\nSNOW, so much snow"]


@pytest.mark.parametrize(
    ("start", "end", "word", "by_words", "basis"),
    [
        (4.0, 7.0, "snow", False, "shown"),  # frames are likelier
        (9.0, 10.0, "snow", True, "written"),
        (0.0, 4.0, "snow", True, "named"),  # the file is called so
        (0.0, 4.0, "mountain", True, "said"),
    ],
)
def test_what_a_moment_was_found_by(
    catalog: Catalog, start: float, end: float, word: str, by_words: bool, basis: str
) -> None:
    assert found(catalog, start, end, word, by_words=by_words).basis == basis


@pytest.mark.parametrize(
    ("text", "words", "marked"),
    [
        ("The dogs run; hotdogs do not", ["dogs"], "The <dogs> run; hotdogs do not"),
        ("Ein CAFÉ, ein Cafe\u0301", ["caf\u00e9"], "Ein <CAFÉ>, ein <Cafe\u0301>"),
        ("don't stop", ["don't"], "<don't> stop"),
        ("我们去日本看雪", ["日本", "本看"], "我们去<日本看>雪"),
        ("ﬁrst snow_flake", ["first", "snow"], "<ﬁrst> <snow>_flake"),
        ("שָׁלוֹם עולם", [normalize("שלום")], "<שָׁלוֹם> עולם"),
        ("a.b (c) [d]", ["c", "d"], "a.b (<c>) [<d>]"),
        ("nothing", ["snow"], "nothing"),
        ("", ["snow"], ""),
    ],
)
def test_words_are_marked_as_they_stand_in_the_text(text: str, words: list[str], marked: str) -> None:
    assert Line(0, 1, text, marks=marks(text, words)).marked("<", ">") == marked
