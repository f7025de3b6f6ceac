"""Words that are said or stand in names are found."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlite_utils import Database

import store.catalog.fulltext
from store.catalog import migrations
from store.catalog.analyzer import terms
from store.catalog.catalog import Catalog
from store.catalog.fulltext import Matched
from store.filters import Filter
from store.types import Cue, EncoderInfo
from tests.support.catalog import DIM, a_video, found, lines, some_segments


def test_segments_with_more_of_the_words_come_first(catalog: Catalog) -> None:
    lines(catalog, "cut the bread", "the weather", "cut the onions", "something else")
    assert found(catalog, "cut onions") == ["cut the onions", "cut the bread"]
    assert found(catalog, "cut onions", limit=1) == ["cut the onions"]


def test_case_accents_and_english_endings_do_not_matter(catalog: Catalog) -> None:
    lines(catalog, "Crème BRÛLÉE", "Über den Wolken", "two dogs running")
    assert found(catalog, "creme brulee") == ["Crème BRÛLÉE"]
    assert found(catalog, "ÜBER") == ["Über den Wolken"]
    assert found(catalog, "a dog runs") == ["two dogs running"]


def test_operators_and_quotes_are_plain_text(catalog: Catalog) -> None:
    lines(catalog, "do not stop", 'he said "go" now', "near the lake", "don't")
    assert found(catalog, "NOT") == ["do not stop"]
    assert found(catalog, '"go') == ['he said "go" now']
    assert found(catalog, "NEAR(") == ["near the lake"]
    assert found(catalog, "don't") == ["don't"]
    for nothing in ("", "  ", '"', "?!", "*", "\0", "\ud800", "absent"):
        assert found(catalog, nothing) == []


def test_chinese_and_japanese_are_found_by_any_part(catalog: Catalog) -> None:
    lines(catalog, "明日は東京タワーに行く", "京都に行く東", "我们切洋葱")
    assert found(catalog, "東京") == ["明日は東京タワーに行く"]
    assert found(catalog, "洋葱") == ["我们切洋葱"]
    assert sorted(found(catalog, "行く")) == ["京都に行く東", "明日は東京タワーに行く"]


def test_phrases_must_stand_there_word_for_word(catalog: Catalog) -> None:
    lines(catalog, "happy birthday to you", "a birthday that is happy", "to you")
    assert found(catalog, "", "happy birthday") == ["happy birthday to you"]
    assert found(catalog, "", "happy birthday", "to you") == ["happy birthday to you"]
    assert found(catalog, "", "birthday happy") == []


def test_files_and_folders_are_found_by_their_names(catalog: Catalog) -> None:
    lines(catalog, "one", "two", path="/v/Holidays-2019/BeachDay_07.mp4")
    assert found(catalog, "beach") == found(catalog, "holiday 2019") == ["one", "two"]
    assert found(catalog, "mp4") == []
    video = catalog.videos.all()[0]
    assert video.id is not None
    catalog.move_video(video.id, replace(video, path="/v/mountains.mp4"))
    assert found(catalog, "beach") == []
    assert found(catalog, "mountains") == ["one", "two"]


def test_lines_of_every_language_are_found(catalog: Catalog) -> None:
    catalog.put_video(a_video(), some_segments(1), [Cue(0, 1, "the dog", "en"), Cue(0, 1, "der Hund", "de")])
    assert catalog.fulltext.search(["hund"], limit=5) == catalog.fulltext.search(["dog"], limit=5) == [1]


def test_which_words_a_segment_holds(catalog: Catalog) -> None:
    lines(catalog, "Two Dogs, running", "a cat", "dogs", path="/v/dog.mp4")
    assert catalog.fulltext.matched(["dog", "run"], [1, 2, 9]) == {
        1: Matched(("dogs", "running"), ("dog",)),
        2: Matched((), ("dog",)),
    }
    assert catalog.fulltext.containing("two dogs", [1, 2, 3]) == {1}
    assert catalog.fulltext.containing("?", [1, 2, 3]) == set()
    assert catalog.fulltext.document_frequency("cat") == 1
    assert catalog.fulltext.document_frequency("dog") == 3


def test_words_are_searched_among_what_filters_leave(catalog: Catalog) -> None:
    lines(catalog, "a dog", "a dog", path="/v/a.mp4")
    lines(catalog, "a dog", path="/w/b.mp4")
    assert catalog.fulltext.search(["dog"], filters=[Filter("in", "/w/")], limit=1) == [3]


def test_text_that_utf8_cannot_write_is_kept_as_far_as_it_can(catalog: Catalog) -> None:
    lines(catalog, "caf\udce9 noir")
    assert found(catalog, "noir") == ["caf? noir"]


@pytest.fixture(scope="module")
def one_line() -> Iterator[Catalog]:
    with Catalog.open(":memory:", EncoderInfo("mini@1", DIM)) as opened:
        lines(opened, "and or not near 東京 - a b c")
        yield opened


@settings(deadline=None)
@given(words=st.text() | st.text('"*()^:+-{}ANDORT \0東', max_size=30))
def test_any_text_is_a_safe_query(one_line: Catalog, words: str) -> None:
    assert set(one_line.fulltext.search(terms(words), limit=5)) <= {1}
    assert set(one_line.fulltext.search([], phrases=[words], limit=5)) <= {1}
    assert set(one_line.fulltext.matched([words], [1])) <= {1}


def test_a_very_long_query_is_answered(catalog: Catalog) -> None:
    lines(catalog, "word 4000 is here")
    assert found(catalog, " ".join(map(str, range(5000)))) == ["word 4000 is here"]


def test_words_of_an_older_library_are_found(tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as before:
        before.setattr(migrations, "MIGRATIONS", migrations.MIGRATIONS[:4])
        db = Database(tmp_path / "library.db")
        migrations.migrate(db)
        db.execute("INSERT INTO videos SELECT 1, '/v/beach.mp4', 1, 1, '', '', '', 9, 25, 1, 1, 0, '', '', '' ")
        db.execute("INSERT INTO segments VALUES (1, 1, 0, 5, 'text'), (2, 1, 5, 9, 'more text')")
        db.execute("INSERT INTO cues VALUES (1, 1, 0, 2, 'the onions', 'en', 'the onions')")
        db.conn.commit()
        db.close()
    with Catalog.open(tmp_path / "library.db") as catalog:
        assert catalog.fulltext.search(["onions"], limit=5) == [1]
        assert catalog.fulltext.search(["text"], limit=5) == [2]
        assert catalog.fulltext.search(["beach"], limit=5) == [1, 2]
        assert catalog.cues.of(1) == [Cue(0, 2, "the onions", "en")]


def test_words_of_every_script_are_found_in_an_older_library(tmp_path: Path) -> None:
    words = {"สุนัขวิ่ง": "วิ่ง", "कुत्ता": "कुत्ता", "강아지가": "강아지", "a dog": "dogs", "die Häuser": "Haus"}
    with pytest.MonkeyPatch.context() as before:
        before.setattr(migrations, "MIGRATIONS", migrations.MIGRATIONS[:6])
        db = Database(tmp_path / "library.db")
        migrations.migrate(db)
        db.execute("INSERT INTO videos SELECT 1, '/v/beach.mp4', 1, 1, '', '', '', 9, 25, 1, 1, 0, '', '', '' ")
        for number, line in enumerate(words, start=1):
            db.execute("INSERT INTO segments VALUES (?, 1, ?, ?, '')", (number, number, number + 1))
            language = "ger" if "die" in line else ""
            db.execute("INSERT INTO cues VALUES (?, 1, ?, ?, ?, ?)", (number, number, number + 1, line, language))
            db.execute("INSERT INTO segments_fts (rowid, said, named) VALUES (?, ?, 'beach')", (number, line))
        db.conn.commit()
        db.close()
    with Catalog.open(tmp_path / "library.db") as catalog:
        for number, word in enumerate(words.values(), start=1):
            assert catalog.fulltext.search(terms(word), limit=5) == [number]
        assert catalog.fulltext.search(["कुत"], limit=5) == []
        assert catalog.fulltext.similar("hauus") == ("haus",)
        catalog.videos.remove([1])  # the trigger still stands
        assert catalog.fulltext.search(["dogs"], limit=5) == []


def test_words_grow_with_the_lines_and_not_with_their_overlap(catalog: Catalog) -> None:
    count = 60
    cues = [Cue(t, 9e5, f"an ordinary line, number{t} " + "x" * 200) for t in range(count)]
    catalog.put_video(a_video(), some_segments(count), cues)
    words = "said" if catalog.database.dialect == "sqlite" else "array_to_string(tsvector_to_array(words), ' ')"
    ((size,),) = catalog.database.tuples(f"SELECT sum(length({words})) FROM segments_fts")
    assert size < sum(len(cue.text) for cue in cues) + count * 4100
    for number in (0, 30, 59):  # every line where it begins, and in what comes next
        assert number + 1 in catalog.fulltext.search([f"number{number}"], limit=count)
    assert len(catalog.fulltext.search(["number30"], limit=count)) > 10


def test_one_endless_line_is_found_throughout_its_video(catalog: Catalog) -> None:
    catalog.put_video(a_video(), some_segments(5), [Cue(0, 5, "the whole lecture " + "y" * 10_000 + " last")])
    assert len(catalog.fulltext.search(["lecture"], limit=9)) == 5
    assert catalog.fulltext.search(["last"], limit=9) == [1]


def said_in(catalog: Catalog, language: str, *texts: str) -> None:
    cues = [Cue(float(i), i + 1.0, text, language) for i, text in enumerate(texts)]
    catalog.put_video(a_video(f"/s/{language}.mp4"), some_segments(len(texts)), cues)


@pytest.mark.parametrize(
    ("language", "line", "word"),
    [
        ("en", "they were running home", "run"),
        ("", "two boxes of apples", "box apple"),
        ("de", "die alten Häuser", "Haus"),
        ("ger", "die alten Häuser", "hauser"),  # without its umlaut
        ("fr", "les enfants ont mangé", "manger"),
        ("pt-BR", "as meninas", "menina"),
        ("es", "unas canciones", "cancion"),
        ("ru", "две собаки", "собака"),
        ("tr", "köpekler", "köpek"),
        ("it", "i gatti", "gatto"),
        ("fi", "talossa", "talo"),
        ("ja", "running", "running"),  # has no stems
    ],
)
def test_endings_do_not_matter_in_the_language_of_a_line(catalog: Catalog, language: str, line: str, word: str) -> None:
    said_in(catalog, language, "nothing of it", line)
    assert catalog.fulltext.search(terms(word), limit=5) == [2]
    assert catalog.fulltext.containing(word.split()[0], [1, 2]) == {2}
    (found,) = catalog.fulltext.matched(terms(word), [1, 2]).values()
    assert [each.text for each in found.lines] == [line]
    assert set(found.said) <= set(line.lower().split())


@pytest.mark.parametrize(
    ("heard", "asked"),
    [
        ("the missisipi river", "Mississippi"),
        ("the Mississippi river", "missisipi"),
        ("a nice restaraunt", "restaurant"),
        ("EX1T", "exit"),
        ("W0RLD tour", "world"),
        ("acommodation", "accommodation"),
        ("Schwarzeneger", "Schwarzenegger"),
        ("by Petersen", "Peterson"),
    ],
)
def test_words_that_are_spelled_nearly_so_are_found(catalog: Catalog, heard: str, asked: str) -> None:
    lines(catalog, "nothing of it", heard)
    similar = catalog.fulltext.similar(asked)
    assert similar
    assert catalog.fulltext.search_terms(similar, limit=5) == [2]
    assert catalog.fulltext.containing(asked, [1, 2], terms=similar) == {2}
    assert [each.text for each in catalog.fulltext.matched([], [1, 2], similar=similar)[2].lines] == [heard]


@pytest.mark.parametrize(
    ("line", "asked"), [("house", "horse"), ("2024", "2025"), ("cat", "cut"), ("the lake", "like"), ("東京", "京都")]
)
def test_other_words_are_not_similar(catalog: Catalog, line: str, asked: str) -> None:
    lines(catalog, line)
    assert catalog.fulltext.similar(asked) == ()


def test_words_are_looked_for_in_what_they_come_from(catalog: Catalog) -> None:
    cues = [
        Cue(0, 1, "over to you", source="subtitles"),
        Cue(1, 2, "over and out", source="speech"),
        Cue(2, 3, "GAME OVER", source="screen"),
    ]
    catalog.put_video(a_video("/v/over.mp4"), some_segments(4), cues)
    fulltext = catalog.fulltext
    assert fulltext.columns() == ["said", "named", "heard", "written"]
    assert sorted(fulltext.search(["over"], limit=9)) == [1, 2, 3, 4]
    assert sorted(fulltext.without_names().search(["over"], limit=9)) == [1, 2, 3]
    assert sorted(fulltext.within(["said", "heard"]).search(["over"], limit=9)) == [1, 2]
    assert fulltext.within(["written"]).search(["over"], limit=9) == [3]
    assert fulltext.within(["written"]).without_names().containing("game over", [1, 2, 3, 4]) == {3}
    assert fulltext.within(["written"]).matched(["out"], [2]) == {}
    assert fulltext.within(["named"]).without_names().search(["over"], limit=9) == []
    found = fulltext.matched(["over"], [1, 2, 3, 4])
    assert [(each.said, each.named, each.written) for each in found.values()] == [
        (("over",), ("over",), ()),
        (("over",), ("over",), ()),
        ((), ("over",), ("over",)),
        ((), ("over",), ()),
    ]
    assert [line.source for each in found.values() for line in each.lines] == ["subtitles", "speech", "screen"]


def test_frequent_words_are_found_as_rare_ones_are(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ["a dog and a long line of other words", "dogs run", "a cat", "the dog runs home"] * 20
    for folder in ("a", "b", "c"):
        lines(catalog, *texts, "zebra dog", path=f"/{folder}/dogs-of-{folder}.mp4")
    every = [range(first, first + len(texts) + 1) for first in (1, 82, 163)]
    fulltext, below = catalog.fulltext.without_names(), [Filter("in", "/b/")]

    def answers(limit: int) -> list[object]:
        return [
            set(fulltext.search(["dog"], limit=limit)),
            set(fulltext.search(["zebra", "dog"], any_of=["zebra"], limit=limit)),
            set(fulltext.search([], phrases=["the dog", "run"], limit=limit)),
            set(fulltext.search(["dog", "cat"], filters=below, limit=limit)),
            set(fulltext.search_terms(["dog"], filters=below, limit=limit)),
            fulltext.search(["dog"], filters=[Filter("in", "/nowhere/")], limit=limit),
            fulltext.containing("dog runs", range(1, 9)),
            fulltext.containing("dog", [*range(1, 9), 999], terms=["cat"]),
            catalog.fulltext.within(["named"]).containing("dogs of b", [1, 82]),
            fulltext.matched(["run"], range(1, 9)),
            fulltext.document_frequency("dog"),
        ]

    rare = answers(999)
    for name, value in {"_RANKED": 5, "_SAMPLE": 48, "_SLICES": 4, "_COUNTED": 20}.items():
        monkeypatch.setattr(store.catalog.fulltext, name, value)
    *frequent, number = answers(999)
    assert frequent == rare[:-1]
    assert number == pytest.approx(rare[-1], rel=0.2)
    if catalog.database.dialect == "sqlite":
        both = fulltext.search(["run", "dog"], limit=100)
        assert len(both) == 100
        assert {number % 81 % 4 for number in both} <= {2, 0}  # those with both words
        assert fulltext.search(["dog"], limit=3)[0] % 81 in {2, 0, 4}
        assert len({number // 81 for number in fulltext.search(["dog"], limit=6)}) == 3  # from everywhere
    assert all(number in every[1] for number in fulltext.search(["dog"], filters=below, limit=5))
