"""The table of filters, and what is made of it."""

from __future__ import annotations

import re
import sqlite3
import unicodedata
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from search.query.language import QueryError, parse
from store.fields import FIELDS
from store.filters import FILTERS, TYPED_FILTERS, Filter, FilterSpec, conditions, parse_duration, parse_filter

ROOT = Path(__file__).parents[2]
TOLD = re.compile(r"^\| `(\w+:[^`]+)` \| ([^|]+) \|$", re.MULTILINE)


@pytest.mark.parametrize("spec", TYPED_FILTERS, ids=lambda spec: spec.name)
def test_the_query_language_reads_examples_and_values(spec: FilterSpec) -> None:
    values = spec.values if isinstance(spec.values, tuple) else ()
    for text in (spec.example, *(f"{spec.name.upper()}:{value}" for value in values)):
        (found,) = parse(text).filters
        assert found == parse_filter(spec.name, text.partition(":")[2])
        assert found.name == spec.name


@pytest.mark.parametrize("spec", FILTERS, ids=lambda spec: spec.name)
def test_names_are_one_word_and_every_filter_has_a_condition(spec: FilterSpec) -> None:
    assert re.fullmatch("[a-z]+", spec.name)
    assert spec.example.startswith(f"{spec.name}:")
    value = spec.parse(spec.example.partition(":")[2])
    sql, parameters = conditions([Filter(spec.name, value), Filter(spec.name, value, negated=True)])
    assert sql.count("?") == len(parameters)
    assert "AND NOT (" in sql


def test_the_document_names_every_filter() -> None:
    told = dict(TOLD.findall((ROOT / "docs" / "search.md").read_text(encoding="utf-8")))
    assert list(told) == [spec.example for spec in (*FIELDS, *TYPED_FILTERS)]
    for spec in (*FIELDS, *TYPED_FILTERS):
        assert told[spec.example].startswith(spec.help)


def test_filters_that_only_options_set_cannot_be_typed() -> None:
    with pytest.raises(QueryError, match="no filter within"):
        parse("within:/films")


def test_unknown_filters_are_no_conditions() -> None:
    with pytest.raises(KeyError):
        conditions([Filter("colour", "red")])


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("20s", 20.0), ("1.5m", 90.0), ("2H", 7200.0), ("500ms", 0.5), ("7", 7.0), ("1000000000", 1e9)],
)
def test_lengths_of_time(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("typed", ["NFC", "NFD"])
@pytest.mark.parametrize("stored", ["NFC", "NFD"])
@pytest.mark.parametrize("cased", [str, str.lower, str.upper])
@pytest.mark.parametrize("word", ["été", "Überfahrt", "ガギグ", "한국", "Đặng", "Собака"])
def test_composed_and_decomposed_letters_of_either_case_are_one(
    word: str, stored: str, typed: str, cased: Callable[[str], str]
) -> None:
    with closing(sqlite3.connect(":memory:")) as db:
        db.execute("CREATE TABLE videos (id INTEGER, path TEXT, content_hash TEXT)")
        db.execute('CREATE TABLE segments (id INTEGER, video_id INTEGER, start REAL, "end" REAL)')
        db.execute('CREATE TABLE selects (content_hash TEXT, start REAL, "end" REAL, note TEXT, tags TEXT)')
        db.execute("CREATE TABLE tags (segment_id INTEGER, name TEXT)")
        kept = unicodedata.normalize(stored, word)
        db.execute("INSERT INTO videos VALUES (1, ?, '')", [f"/films/{kept}/a.mp4"])
        db.execute("INSERT INTO segments VALUES (1, 1, 0, 1)")
        db.execute("INSERT INTO tags VALUES (1, ?)", [kept])
        for name in ("in", "tag"):
            condition, values = conditions([parse_filter(name, unicodedata.normalize(typed, cased(word)))])
            asking = f"SELECT count(*) FROM segments JOIN videos WHERE {condition}"
            assert db.execute(asking, values).fetchone() == (1,)
