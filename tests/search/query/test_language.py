"""The query language: what is understood, and where misunderstandings are pointed at."""

from contextlib import suppress
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.query.language import ParsedQuery, QueryError, Step, Text, parse
from store.filters import Filter


def must(*texts: str) -> Step:
    return Step(tuple(Text(text) for text in texts))


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("a dog on the beach", ParsedQuery((must("a dog on the beach"),))),
        ("and then not within", ParsedQuery((must("and then not within"),))),
        ("THENCE NOTE ANDES", ParsedQuery((must("THENCE NOTE ANDES"),))),
        ("a WITHIN 20s", ParsedQuery((must("a WITHIN 20s"),))),
        ("it's 12:30, http://x.org/?q=1", ParsedQuery((must("it's 12:30, http://x.org/?q=1"),))),
        ('say "happy birthday" loud', ParsedQuery((Step((Text("say happy birthday loud", ("happy birthday",)),)),))),
        ("cat NOT dog", ParsedQuery((Step((Text("cat"),), (Text("dog"),)),))),
        ("cat NOT a dog NOT rain", ParsedQuery((Step((Text("cat"),), (Text("a dog"), Text("rain"))),))),
        ("lake AND boat NOT fog", ParsedQuery((Step((Text("lake"), Text("boat")), (Text("fog"),)),))),
        ("a THEN b", ParsedQuery((must("a"), must("b")), (None,))),
        ("a THEN b THEN WITHIN 1.5m c", ParsedQuery((must("a"), must("b"), must("c")), (None, 90.0))),
        ("a THEN WITHIN 500ms b", ParsedQuery((must("a"), must("b")), (0.5,))),
        (
            'cat in:"my films" tag:pet NOT type:.mp4 sleeping',
            ParsedQuery(
                (must("cat sleeping"),),
                (),
                (Filter("type", "mp4", negated=True), Filter("in", "my films"), Filter("tag", "pet")),
            ),
        ),
        (
            "x longer:10s SHORTER:2m",
            ParsedQuery((must("x"),), (), (Filter("longer", 10.0), Filter("shorter", 120.0))),
        ),
        ("x NOT y has:subtitles", ParsedQuery((Step((Text("x"),), (Text("y"),)),), (), (Filter("has", "subtitles"),))),
        ("a man said:hello", ParsedQuery((Step((Text("a man"), Text("hello", (), "said"))),))),
        ('SAID:"six o\'clock"', ParsedQuery((Step((Text("six o'clock", ("six o'clock",), "said"),)),))),
        ("written:o'clock", ParsedQuery((Step((Text("o'clock", ("o'clock",), "written"),)),))),
        ("x NOT written:exit y", ParsedQuery((Step((Text("x y"),), (Text("exit", (), "written"),)),))),
        (
            "said:on THEN written:off",
            ParsedQuery((Step((Text("on", (), "said"),)), Step((Text("off", (), "written"),))), (None,)),
        ),
        ("tag:beach", ParsedQuery((Step(),), (), (Filter("tag", "beach"),))),
    ],
)
def test_what_is_understood(text: str, query: ParsedQuery) -> None:
    assert parse(text) == query


def test_dates_begin_at_local_midnight() -> None:
    (after, before) = parse("x after:2024 before:2024-03-15").filters
    assert after == Filter("after", int(datetime(2024, 1, 1).astimezone().timestamp()) * 10**9)
    assert before == Filter("before", int(datetime(2024, 3, 15).astimezone().timestamp()) * 10**9)


@pytest.mark.parametrize(
    ("text", "problem", "position"),
    [
        ("", "at least one word", 0),
        ("   ", "at least one word", 0),
        ('red "dog', "never closed", 4),
        ("a THEN", "missing before the end", 6),
        ("AND b", "missing before AND", 0),
        ("a THEN AND b", "missing before AND", 7),
        ("a NOT", "missing before the end", 5),
        ("a THEN WITHIN soon b", "such as 20s", 14),
        ("cat tag:", "tag: needs a value", 8),
        ("cat after:yesterday", "2024-01-31, got yesterday", 10),
        ("cat after:2024-13", "got 2024-13", 10),
        ("cat longer:ten", "got ten", 11),
        ("cat after:2024-02-30", "2024-01-31, got 2024-02-30", 10),
        ("cat longer:1e400", "500ms, got 1e400", 11),
        (f"cat shorter:{'9' * 400}h", f"500ms, at most 1000000000s, got {'9' * 40}…", 12),
        (f"cat THEN WITHIN {'9' * 400} dog", "at most 1000000000s", 16),
        ("cat has:sound", "got sound", 8),
        ("cat said: hello", "said: needs a value", 9),
        ('cat written:"" dog', "written: needs a value", 12),
        ("cat written:...", "written: needs a word", 12),
        ("NOT dog", "nothing to search for", 0),
        ("cat THEN tag:x", "nothing to search for", 9),
        ('""', "at least one word", 0),
    ],
)
def test_errors_point_at_the_character(text: str, problem: str, position: int) -> None:
    with pytest.raises(QueryError) as caught:
        parse(text)
    assert problem in str(caught.value)
    assert caught.value.position == position
    pointed = "\n  " + " " * position + "^"
    assert str(caught.value).endswith(pointed) == bool(text.strip())


PIECES = st.sampled_from(["THEN", "AND", "NOT", "WITHIN", "20s", '"', "a", "in:", "tag:b"])


@given(st.text() | st.lists(PIECES).map(" ".join))
def test_any_text_is_understood_or_explained(text: str) -> None:
    try:
        steps, position = parse(text).steps, 0
    except QueryError as error:
        steps, position = (), error.position
    assert steps or 0 <= position <= len(text)


INVISIBLE = [
    "\u200b",
    "\u0301",
    "\ufe0f",
    "\u00ad",
    "\u2060\u200d",
    "\u3164",
    "\u2800",
    "\U000e0100",
    "\0",
    "\ud800",
    "\u0600",
]


@pytest.mark.parametrize("nothing", INVISIBLE)
@pytest.mark.parametrize(
    ("query", "position"),
    [("{}", 0), ("dog NOT {}", 8), ("dog THEN {}", 9), ("{} THEN dog", 0), ("dog AND {}", 8), ("NOT {} in:m", 4)],
)
def test_a_query_of_invisible_characters_has_no_word(query: str, position: int, nothing: str):
    with pytest.raises(QueryError, match="at least one word, and here is none") as error:
        parse(query.format(nothing))
    assert error.value.position == position


@pytest.mark.parametrize("nothing", INVISIBLE)
def test_stray_invisible_characters_do_not_matter(nothing: str):
    assert parse(f"dog {nothing}") == parse("dog")
    assert parse(f'{nothing} "a dog"') == parse('"a dog"')
    if nothing not in ("\u0301", "\u0600"):  # these are part of the letter before or after
        assert parse(f"do{nothing}g{nothing} NOT{nothing} cat") == parse("dog NOT cat")
        assert parse(f'"a {nothing}dog"') == parse('"a dog"')


@pytest.mark.parametrize("kept", ["\u0645\u06cc\u200c\u062e\u0648", "क्\u200dष", "e\u0301te\u0301", "🐕", "?!", "٣"])
def test_what_belongs_to_a_word_stays(kept: str):
    assert parse(kept).steps[0].must[0].words == kept


def test_names_of_files_keep_what_is_invisible():
    assert parse("in:👩\u200d🍳").filters[0].value == "👩\u200d🍳"
    with pytest.raises(QueryError, match="in: needs a value"):
        parse("in:\u200b")


def test_errors_point_into_the_query_as_it_was_typed():
    with pytest.raises(QueryError) as error:
        parse("d\u00adog\u200b longer:x")
    assert error.value.position == 13


@pytest.mark.parametrize(
    ("query", "problem", "position"),
    [
        ("foo:bar", "no filter foo: there are in:, ", 0),
        ("a dog tgas:x", "no filter tgas: did you mean tag:?", 6),
        ("LNGER:10s", "no filter lnger: did you mean longer:?", 0),
        ('a cat foo:"a b"', "no filter foo:", 6),
        ("a cat NOT befor:2024", "no filter befor: did you mean before:?", 10),
        ("rain THEN WITHIN 20s typ:mp4", "no filter typ: did you mean type:?", 21),
    ],
)
def test_a_filter_that_there_is_not_is_named(query: str, problem: str, position: int):
    with pytest.raises(QueryError) as caught:
        parse(query)
    assert caught.value.problem.startswith(problem)
    assert caught.value.position == position


@pytest.mark.parametrize(
    "query",
    [
        "Star Wars: a new hope",
        "16:9",
        "http://example.org/a",
        "at 3:30",
        "C:\\Videos",
        "foo::bar",
        "ça:va",
        '"foo:bar"',
    ],
)
def test_other_colons_are_part_of_the_text(query: str):
    (step,) = parse(query).steps
    assert [text.words for text in step.must] == [query.strip('"')]


@pytest.mark.parametrize("end", [":", '"', ' "', "x:y:", '\x00"', " NOT"])
@pytest.mark.parametrize("letters", ["a", "ab ", "THENx", "\u00e9"])
def test_no_query_takes_longer_than_its_length(letters: str, end: str):
    for text in (letters * 400 + end, letters * 400 + end + letters * 400):
        with suppress(QueryError):
            parse(text)  # or this test never ends


@pytest.mark.parametrize(
    ("typed", "plain"),
    [
        ("\u201c\u751f\u65e5\u5feb\u4e50\u201d", '"\u751f\u65e5\u5feb\u4e50"'),
        ("\u72d7 \u300c\u65e9\u4e0a\u597d\u300d", '\u72d7 "\u65e9\u4e0a\u597d"'),
        ("\u72d7 in\uff1aholidays", "\u72d7 in:holidays"),
        ("\u732b NOT type\uff1amkv", "\u732b NOT type:mkv"),
        ("\u72d7 in\uff1a\u201c\u6211\u7684 \u5f71\u7247\u201d", '\u72d7 in:"\u6211\u7684 \u5f71\u7247"'),
        ("said\uff1a\u4f60\u597d", "said:\u4f60\u597d"),
        ("\u72d7\u3000THEN\u3000\u732b", "\u72d7 THEN \u732b"),
        ("\u72d7 \uff2e\uff2f\uff34 \u732b", "\u72d7 NOT \u732b"),
        ("\u72d7\uff08tag\uff1a\u5ba0\u7269\uff09", "\u72d7 tag:\u5ba0\u7269"),
        ("\u72d7\uff08NOT \u732b\uff09", "\u72d7 NOT \u732b"),
        (
            "\uff54\uff41\uff47\uff1a\u6d77\u6ee9 after\uff1a\uff12\uff10\uff12\uff14\uff0d\uff10\uff11",
            "tag:\u6d77\u6ee9 after:2024-01",
        ),
        ("\u72ac \u300e\u304a\u306f\u3088\u3046\u300f", '\u72ac "\u304a\u306f\u3088\u3046"'),
        ("Hund \u201eguten Morgen\u201c", 'Hund "guten Morgen"'),
        ("chien \u00abbonjour\u00bb", 'chien "bonjour"'),
    ],
)
def test_full_width_signs_are_read(typed: str, plain: str):
    assert parse(typed) == parse(plain)


def test_full_width_signs_that_mean_nothing_stay():
    assert parse("\u6ce8\u610f\uff1a\u72d7").steps[0].must[0].words == "\u6ce8\u610f\uff1a\u72d7"
    assert parse("a \u201cdog").steps[0].must[0].words == "a \u201cdog"
    assert parse("\u72d7\uff1f\uff01").steps[0].must[0].words == "\u72d7?!"
    with pytest.raises(QueryError):
        parse("\uff08\uff09")
    with pytest.raises(QueryError) as caught:
        parse("\u72d7 before\uff1asoon")
    assert caught.value.position == len("\u72d7 before\uff1a")
