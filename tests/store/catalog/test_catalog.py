from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlite_utils import Database

import store.catalog.database
import store.catalog.failures
import store.catalog.videos
from store.catalog import migrations
from store.catalog.analyzer import terms
from store.catalog.catalog import Catalog, Counts
from store.catalog.fulltext import Matched
from store.catalog.searches import SavedSearch
from store.catalog.tags import Tag
from store.errors import EncoderMismatch, NewerLibrary, NotALibrary, NotInLibrary, StoreError
from store.filters import Filter
from store.types import Cue, EncoderInfo, Failure, LocatedSegment, NewSegment, Segment, Video

DIM = 4
OWNED_TABLES = ("segments", "embeddings", "frame_features", "thumbnails", "cues")
CUES = [Cue(0.0, 1.5, "Cut the onions", "en"), Cue(2.0, 3.0, "crème brûlée", "")]


@pytest.fixture
def catalog() -> Iterator[Catalog]:
    with Catalog.open(":memory:", EncoderInfo("mini@1", DIM)) as opened:
        yield opened


def a_video(path: str = "/films/a.mp4", **facts: object) -> Video:
    video = Video(path, 1000, 2**60 + 1, "c0ffee", "mov,mp4", "h264", 12.5, 29.97, 640, 360, 90, "s:1")
    return replace(video, **facts)  # type: ignore[arg-type]


def some_segments(count: int = 2, seed: int = 0, frames: int = 3) -> list[NewSegment]:
    random = np.random.default_rng(seed)
    vectors = random.normal(size=(count, DIM))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return [
        NewSegment(
            start=float(i),
            end=i + 1.0,
            text=f"text {i}",
            pts_seconds=i + np.arange(frames) / 3,
            features=random.normal(size=(frames, 5)).astype(np.float16),
            embedding=vectors[i].astype(np.float32),
            thumbnail=b"\xff\xd8" + bytes([i % 256]),
            thumbnail_seconds=i + 0.5,
        )
        for i in range(count)
    ]


def put(catalog: Catalog, path: str = "/films/a.mp4", count: int = 2, seed: int = 0) -> int:
    number = catalog.put_video(a_video(path), some_segments(count, seed), CUES).id
    assert number is not None
    return number


def ids_of(catalog: Catalog, video_id: int) -> list[int]:
    return [segment.id for segment in catalog.segments.of(video_id) if segment.id is not None]


def rows_in(catalog: Catalog) -> dict[str, int]:
    return {table: catalog.database.sqlite.table(table).count for table in OWNED_TABLES}


# Round trips


def test_a_video_comes_back_as_it_was_put(catalog: Catalog) -> None:
    stored = catalog.put_video(a_video(), some_segments(), CUES)
    assert catalog.videos.at("/films/a.mp4") == stored
    assert stored.id is not None
    assert catalog.videos.get(stored.id) == stored
    assert replace(stored, id=None, added_at="", indexed_at="") == a_video()
    assert stored.added_at == stored.indexed_at
    assert stored.added_at.endswith("+00:00")
    assert catalog.cues.of(stored.id) == CUES
    assert catalog.videos.at("/films/A.mp4") is None
    assert catalog.videos.get(99) is None


def test_segments_and_what_they_own_come_back(catalog: Catalog) -> None:
    video_id, new = put(catalog), some_segments()
    segments = catalog.segments.of(video_id)
    assert segments == [Segment(video_id, i, i + 1, f"text {i}", id=i + 1) for i in range(2)]
    assert catalog.segments.get(2) == segments[1]
    for segment_id, expected in enumerate(new, 1):
        pts_seconds, features = catalog.segments.frame_features(segment_id)
        assert (pts_seconds.dtype.name, features.dtype.name) == ("float64", "float16")
        np.testing.assert_array_equal(pts_seconds, expected.pts_seconds)
        np.testing.assert_array_equal(features, expected.features)
        assert features.flags.writeable
        assert catalog.segments.thumbnail(segment_id) == (expected.thumbnail, expected.thumbnail_seconds)
    vectors = catalog.segments.embeddings([2, 1, 2])
    assert vectors.dtype == np.float32
    np.testing.assert_array_equal(vectors, np.stack([new[i].embedding for i in (1, 0, 1)]))


def test_unknown_ids_are_named(catalog: Catalog) -> None:
    put(catalog)
    assert catalog.segments.get(77) is None
    for ask in (catalog.segments.frame_features, catalog.segments.thumbnail):
        with pytest.raises(NotInLibrary, match="no segment with the id 77"):
            ask(77)
    with pytest.raises(NotInLibrary, match=r"id 70, 71, 72, 73, 74, \.\.\.") as caught:
        catalog.segments.embeddings([1, *range(79, 69, -1)])
    assert caught.value.ids == list(range(70, 80))
    assert catalog.segments.embeddings([]).shape == (0, DIM)


def test_ids_beyond_64_bits_are_unknown(catalog: Catalog) -> None:
    put(catalog)
    huge = 10**20
    assert catalog.segments.get(huge) is catalog.videos.get(huge) is None
    assert catalog.segments.located([huge, 1]) == catalog.segments.located([1])
    for ask in (
        lambda: catalog.segments.embeddings([1, huge]),
        lambda: catalog.segments.neighbours([1, huge], 1),
        lambda: catalog.segments.thumbnail(huge),
        lambda: catalog.searches.put(SavedSearch("dogs", "a dog", more=(huge,))),
    ):
        with pytest.raises(NotInLibrary) as caught:
            ask()
        assert caught.value.ids == [huge]


def test_a_segment_may_have_no_frames_and_a_video_no_segments(catalog: Catalog) -> None:
    catalog.put_video(a_video(), some_segments(1, frames=0), [])
    assert [array.shape for array in catalog.segments.frame_features(1)] == [(0,), (0, 5)]
    catalog.put_video(a_video("/films/b.mp4"), [], [])
    assert catalog.counts() == Counts(videos=2, segments=1, failures=0, seconds=25.0)


def test_located_segments_keep_the_order_and_leave_out_what_is_gone(catalog: Catalog) -> None:
    video_id = put(catalog)
    located = catalog.segments.located([2, 99, -1, 1])
    assert located == [
        LocatedSegment(2, video_id, "/films/a.mp4", 1.0, 2.0, "text 1"),
        LocatedSegment(1, video_id, "/films/a.mp4", 0.0, 1.0, "text 0"),
    ]
    assert catalog.segments.located(np.array([2, 2])) == located[:1] * 2  # type: ignore[arg-type]
    assert catalog.segments.located([]) == []


def test_thousands_of_ids_are_no_problem(catalog: Catalog) -> None:
    segments = some_segments(9000, frames=1)
    catalog.put_video(a_video(), segments, [])
    ids = catalog.segments.ids()
    assert ids.tolist() == list(range(1, 9001))
    np.testing.assert_array_equal(
        catalog.segments.embeddings(ids[::-1]), np.stack([s.embedding for s in segments[::-1]])
    )
    assert [segment.segment_id for segment in catalog.segments.located(ids.tolist())] == ids.tolist()


def test_neighbours_are_of_the_same_video_in_order_of_time(catalog: Catalog) -> None:
    put(catalog, "/films/a.mp4", count=3)
    put(catalog, "/films/b.mp4")
    ids, spans = catalog.segments.neighbours([2, 4], 2)
    assert ids.tolist() == [[-1, 1, 2, 3, -1], [-1, -1, 4, 5, -1]]
    assert spans[0].tolist() == [[0, 0], [0, 1], [1, 2], [2, 3], [0, 0]]
    assert spans.shape == (2, 5, 2)
    assert [array.shape for array in catalog.segments.neighbours([], 1)] == [(0, 3), (0, 3, 2)]
    with pytest.raises(NotInLibrary) as caught:
        catalog.segments.neighbours([1, 98, 99], 1)
    assert caught.value.ids == [98, 99]
    assert catalog.segments.siblings([2]).tolist() == [1, 2, 3]


def test_a_catalog_without_an_encoder_and_one_with_it_share_a_database(catalog: Catalog) -> None:
    with_encoder = catalog.with_encoder(EncoderInfo("mini@1", DIM))
    assert with_encoder.database is catalog.database
    put(with_encoder)
    assert catalog.counts().videos == 1


def test_settings(catalog: Catalog) -> None:
    assert catalog.database.setting("interval") is None
    catalog.database.set_setting("interval", "1")
    catalog.database.set_setting("interval", "2")
    assert catalog.database.setting("interval") == "2"


def test_counts_of_an_empty_library(catalog: Catalog) -> None:
    assert catalog.counts() == Counts(videos=0, segments=0, failures=0, seconds=0.0)


# Replacing, removing, copying, moving


def test_replacing_keeps_added_at_and_gives_new_segment_ids(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter(["2030-01-01T00:00:00+00:00", "2031-01-01T00:00:00+00:00"])
    monkeypatch.setattr(store.catalog.videos, "now", lambda: next(moments))
    put(catalog)
    video_id = put(catalog, count=1, seed=1)
    video = catalog.videos.get(video_id)
    assert video is not None
    assert (video.added_at[:4], video.indexed_at[:4]) == ("2030", "2031")
    assert ids_of(catalog, video_id) == [3]
    assert rows_in(catalog) == {**dict.fromkeys(OWNED_TABLES, 1), "cues": 2}


def test_ids_are_never_used_again(catalog: Catalog) -> None:
    first = put(catalog)
    assert catalog.videos.remove([first, 99]) == 1
    second = put(catalog)
    assert second > first
    assert ids_of(catalog, second) == [3, 4]


def test_removing_leaves_no_orphans(catalog: Catalog) -> None:
    keep, gone = put(catalog, "/films/a.mp4"), put(catalog, "/films/b.mp4")
    assert catalog.videos.remove([gone]) == 1
    assert rows_in(catalog) == dict.fromkeys(OWNED_TABLES, 2)
    assert catalog.fulltext.search(["onions"], limit=10) == ids_of(catalog, keep)
    assert catalog.videos.remove(np.array([keep])) == 1
    assert rows_in(catalog) == dict.fromkeys(OWNED_TABLES, 0)
    assert catalog.database.sqlite.execute("SELECT count(*) FROM segments_fts").fetchone() == (0,)


def broken_features(segment: NewSegment) -> NewSegment:
    return replace(segment, pts_seconds=segment.pts_seconds[:-1])


def broken_rank(segment: NewSegment) -> NewSegment:
    return replace(segment, features=segment.features[0])


def broken_dimension(segment: NewSegment) -> NewSegment:
    return replace(segment, embedding=np.array([1.0, 0.0], np.float32))


def broken_length(segment: NewSegment) -> NewSegment:
    return replace(segment, embedding=segment.embedding * 3)


def broken_values(segment: NewSegment) -> NewSegment:
    return replace(segment, features=np.full((3, 5), np.inf, np.float16))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (broken_features, "timestamp"),
        (broken_rank, r"\(T, F\)"),
        (broken_dimension, r"\(N, 4\)"),
        (broken_length, "length"),
        (broken_values, "not finite"),
    ],
)
def test_a_wrong_array_leaves_the_old_video(catalog: Catalog, damage: object, message: str) -> None:
    video_id = put(catalog)
    first, second = some_segments(seed=1)
    with pytest.raises(ValueError, match=message):
        catalog.put_video(a_video(), [first, damage(second)], [])  # type: ignore[operator]
    assert ids_of(catalog, video_id) == [1, 2]
    assert catalog.cues.of(video_id) == CUES


def test_an_error_in_the_middle_leaves_the_old_video(catalog: Catalog) -> None:
    video_id = put(catalog)
    before = rows_in(catalog)
    with pytest.raises(AttributeError):
        catalog.put_video(a_video(size=2), some_segments(), [CUES[0], None])  # type: ignore[list-item]
    assert rows_in(catalog) == before
    assert catalog.videos.get(video_id) == catalog.videos.at("/films/a.mp4")
    assert catalog.fulltext.search(["onions"], limit=10) == ids_of(catalog, video_id)


def test_copying_gives_new_ids_to_the_same_content(catalog: Catalog) -> None:
    source = put(catalog)
    target = put(catalog, "/films/b.mp4", count=1, seed=1)
    old = catalog.videos.get(target)
    copy = catalog.copy_video(source, a_video("/films/b.mp4", mtime_ns=5))
    assert copy.id not in (None, source, target)
    assert old is not None
    assert (copy.mtime_ns, copy.added_at) == (5, old.added_at)
    assert copy.id is not None
    assert ids_of(catalog, copy.id) == [4, 5]
    assert ids_of(catalog, source) == [1, 2]
    np.testing.assert_array_equal(catalog.segments.embeddings([4, 5]), catalog.segments.embeddings([1, 2]))
    for ours, theirs in zip(catalog.segments.frame_features(5), catalog.segments.frame_features(2), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert catalog.segments.thumbnail(5) == catalog.segments.thumbnail(2)
    assert catalog.cues.of(copy.id) == CUES
    assert catalog.fulltext.search(["creme"], limit=10) == []  # said between the segments
    assert catalog.fulltext.search(["onions"], limit=10) == [1, 2, 4, 5]
    assert ids_of(catalog, put(catalog, "/films/c.mp4")) == [6, 7]
    assert [video.path for video in catalog.videos.with_hash("c0ffee")] == [f"/films/{n}.mp4" for n in "abc"]


def test_copying_a_video_without_segments(catalog: Catalog) -> None:
    source = put(catalog, count=0)
    copy = catalog.copy_video(source, a_video("/films/b.mp4"))
    assert copy.id is not None
    assert catalog.segments.of(copy.id) == []
    assert catalog.cues.of(copy.id) == CUES


def test_what_cannot_be_copied_is_refused(catalog: Catalog) -> None:
    source = put(catalog)
    with pytest.raises(ValueError, match="copy of itself"):
        catalog.copy_video(source, a_video())
    for ask in (catalog.copy_video, catalog.move_video):
        with pytest.raises(NotInLibrary, match="no video with the id 99"):
            ask(99, a_video("/films/b.mp4"))
    assert [video.path for video in catalog.videos.all()] == ["/films/a.mp4"]


def test_moving_keeps_the_ids(catalog: Catalog) -> None:
    source, covered = put(catalog), put(catalog, "/films/b.mp4", count=1)
    before = catalog.videos.get(source)
    assert before is not None
    catalog.failures.put(Failure("/films/b.mp4", 1, 2, "decode", "broken"))
    moved = catalog.move_video(source, a_video("/films/b.mp4", mtime_ns=7))
    assert moved == replace(before, path="/films/b.mp4", mtime_ns=7)
    assert catalog.videos.all() == [moved]
    assert catalog.videos.get(covered) is None
    assert ids_of(catalog, source) == [1, 2]
    assert catalog.failures.all() == []
    assert catalog.move_video(source, a_video("/films/b.mp4", mtime_ns=8)).mtime_ns == 8


# Failures


def test_failures(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store.catalog.failures, "now", lambda: "2030")
    video_id = put(catalog)
    catalog.failures.put(Failure("/films/a.mp4", 1, 2, "decode", "first"))
    failure = Failure("/films/a.mp4", 5, 6, "open", "No video stream in \udcff.", "2030")
    catalog.failures.put(failure)
    assert catalog.failures.at("/films/a.mp4") == replace(failure, reason="No video stream in ?.")
    assert ids_of(catalog, video_id) == [1, 2]
    assert catalog.counts().failures == 1
    assert catalog.failures.all("/films") == catalog.failures.all()
    assert catalog.failures.all("/other") == []
    catalog.failures.remove(["/films/a.mp4", "/never"])
    assert catalog.failures.at("/films/a.mp4") is None
    catalog.failures.put(failure)
    put(catalog)
    assert catalog.failures.all() == []


# Paths

ODD = ["/v/100%", "/v/100%/a_b.mp4", "/v/100x/a.mp4", "/v/100%-/a.mp4", "/v/100%0", "/V/100%/a.mp4", "/v/é/[*]?'\".mp4"]


def test_within_is_a_file_or_folder_whatever_its_name(catalog: Catalog) -> None:
    for path in ODD:
        put(catalog, path, count=1)
        catalog.failures.put(Failure(path + ".txt", 1, 2, "open", "text"))
    assert [video.path for video in catalog.videos.all()] == sorted(ODD)
    inside = {
        within: [video.path for video in catalog.videos.all(within)] for within in ("/v/100%", "/v/100%/", "/V", "/")
    }
    assert inside["/v/100%"] == inside["/v/100%/"] == ["/v/100%", "/v/100%/a_b.mp4"]
    assert inside["/V"] == ["/V/100%/a.mp4"]
    assert len(inside["/"]) == len(ODD)
    assert [video.path for video in catalog.videos.all("/v/100%/a_b.mp4")] == ["/v/100%/a_b.mp4"]
    assert catalog.videos.all("/v/100%/aXb.mp4") == []
    assert [failure.path for failure in catalog.failures.all("/v/100%")] == ["/v/100%/a_b.mp4.txt"]
    assert catalog.segments.ids([Filter("within", "/v/100%")]).tolist() == [1, 2]
    assert catalog.segments.ids([Filter("within", "/nowhere")]).tolist() == []
    assert catalog.segments.ids([Filter("within", "/nowhere")]).dtype == np.int64


@pytest.mark.skipif(os.name != "posix", reason="file names are bytes on POSIX only")
def test_a_name_that_is_not_utf8_comes_back_as_it_was(catalog: Catalog) -> None:
    path = os.fsdecode(b"/films/caf\xe9/a.mp4")
    put(catalog, path)
    assert [video.path for video in catalog.videos.all(os.path.dirname(path))] == [path]
    video = catalog.videos.at(path)
    assert video is not None
    assert video.id is not None
    assert catalog.segments.located([1])[0].path == path
    assert catalog.move_video(video.id, a_video(path, size=3)).size == 3
    catalog.failures.put(Failure(path, 1, 2, "open", "x"))
    assert [failure.path for failure in catalog.failures.all()] == [path]


# Words


def lines(catalog: Catalog, *texts: str, path: str = "/s/s.mp4") -> Video:
    """A video of one-second segments with one line of subtitles each."""
    cues = [Cue(float(i), i + 1.0, text) for i, text in enumerate(texts)]
    return catalog.put_video(a_video(path), some_segments(len(texts)), cues)


def found(catalog: Catalog, query: str, *phrases: str, limit: int = 10) -> list[str]:
    segments = [
        catalog.segments.get(number) for number in catalog.fulltext.search(terms(query), phrases=phrases, limit=limit)
    ]
    return [catalog.cues.of(segment.video_id)[int(segment.start)].text for segment in segments if segment]


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
    assert [catalog.fulltext.document_frequency("cat", limit=limit) for limit in (5, 1)] == [1, 1]
    assert catalog.fulltext.document_frequency("dog", limit=2) == 2


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


def test_cues_keep_their_source_and_older_ones_are_subtitles(tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as before:
        before.setattr(migrations, "MIGRATIONS", migrations.MIGRATIONS[:8])
        db = Database(tmp_path / "library.db")
        migrations.migrate(db)
        db.execute("INSERT INTO videos SELECT 1, '/v/beach.mp4', 1, 1, '', '', '', 9, 25, 1, 1, 0, '', '', '' ")
        db.execute("INSERT INTO cues VALUES (1, 1, 0, 2, 'the onions', 'en')")
        db.conn.commit()
        db.close()
    with Catalog(tmp_path / "library.db") as catalog:
        assert catalog.cues(1) == [Cue(0, 2, "the onions", "en", "subtitles")]
        catalog.bind_encoder("mini@1", DIM)
        heard = [Cue(0, 1, "the onions", "en"), Cue(1, 2, "a door shuts", "en", "sounds")]
        stored = catalog.put_video(a_video("/v/other.mp4"), some_segments(), heard)
        assert catalog.cues(stored.id) == heard
        copied = catalog.copy_video(stored.id, a_video("/v/copy.mp4"))
        assert catalog.cues(copied.id) == heard


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
    with pytest.MonkeyPatch.context() as before:
        before.setattr(migrations, "MIGRATIONS", migrations.MIGRATIONS[:6])
        with Catalog.open(tmp_path / "library.db", EncoderInfo("mini@1", DIM)) as catalog:
            lines(catalog, "สุนัขวิ่ง", "कुत्ता", "강아지가", "a dog")
            assert catalog.fulltext.search(["कुत"], limit=5) == [2]  # cut at its marks
    with Catalog.open(tmp_path / "library.db") as catalog:
        for number, word in enumerate(("วิ่ง", "कुत्ता", "강아지", "dogs"), start=1):
            assert catalog.fulltext.search(terms(word), limit=5) == [number]
        assert catalog.fulltext.search(["कुत"], limit=5) == []
        video = catalog.videos.all()[0]
        assert video.id is not None
        catalog.videos.remove([video.id])  # the trigger still stands
        assert catalog.fulltext.search(["dogs"], limit=5) == []


# Filters


def test_filters_leave_what_they_say(catalog: Catalog) -> None:
    one, two = "/v/Holiday_1/a.MP4", "/v/holiday-2/50%.mkv"
    catalog.put_video(a_video(one, mtime_ns=100, duration=10.0), some_segments(1), CUES)
    catalog.put_video(a_video(two, mtime_ns=200, duration=60.0), some_segments(1), [])
    catalog.tags.put([Tag(2, "Dog", 1.0, "me")], origin="me", video_ids=[2])

    def left(*filters: Filter) -> list[int]:
        return list(catalog.segments.ids(filters))

    assert left() == [1, 2]
    assert left(Filter("within", "/v/holiday-2")) == left(Filter("in", "DAY-2")) == [2]
    assert left(Filter("in", "day_")) == left(Filter("type", "mp4")) == left(Filter("has", "subtitles")) == [1]
    assert left(Filter("in", "50%")) == left(Filter("tag", "dog")) == [2]
    assert left(Filter("after", 200)) == left(Filter("longer", 60)) == [2]
    assert left(Filter("before", 200)) == left(Filter("shorter", 60)) == [1]
    assert left(Filter("tag", "dog", negated=True)) == left(Filter("in", "day-2", negated=True)) == [1]
    assert left(Filter("in", "holiday"), Filter("longer", 20)) == [2]
    assert left(Filter("in", "holiday"), Filter("longer", 20), Filter("type", "avi")) == []


# The encoder


def test_the_encoder_is_remembered(tmp_path: Path) -> None:
    with Catalog.open(tmp_path / "library.db") as catalog:
        assert catalog.encoder() is None
        put(catalog.with_encoder(EncoderInfo("mini@1", DIM)))
    with Catalog.open(tmp_path / "library.db") as catalog:
        assert catalog.encoder() == EncoderInfo("mini@1", DIM)
        catalog.with_encoder(EncoderInfo("mini@1", DIM))
        with pytest.raises(EncoderMismatch, match=r"mini@1 .* clip@9 .* another library folder, or remove the videos"):
            catalog.with_encoder(EncoderInfo("clip@9", DIM))
        with pytest.raises(EncoderMismatch):
            Catalog.open(tmp_path / "library.db", EncoderInfo("clip@9", DIM))
        assert catalog.encoder() == EncoderInfo("mini@1", DIM)
        catalog.videos.remove([1])
        catalog.with_encoder(EncoderInfo("clip@9", 7, "clip-9", "fetched", "vit"))
        assert catalog.with_encoder(EncoderInfo("clip@9", 7)).encoder() == EncoderInfo(
            "clip@9", 7, "clip-9", "fetched", "vit"
        )


def test_segments_need_an_encoder() -> None:
    with Catalog.open(":memory:") as catalog:
        with pytest.raises(ValueError, match="opened with the encoder"):
            put(catalog)
        assert catalog.videos.all() == []


def test_two_indexers_cannot_mix_encoders_in_an_empty_library(tmp_path: Path) -> None:
    path = tmp_path / "library.db"
    with Catalog.open(path, EncoderInfo("mini@1", DIM)) as one, Catalog.open(path, EncoderInfo("clip@9", DIM)) as other:
        with pytest.raises(EncoderMismatch):
            put(one)
        assert put(other) == 1


# The file


def test_the_file_and_its_folder_are_made_and_used_again(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "library.db"
    with Catalog.open(str(path), EncoderInfo("mini@1", DIM)) as catalog:
        name = catalog.library_id
        lines(catalog, "hello")
        assert catalog.database.sqlite.journal_mode == "wal"
    with Catalog.open(path) as catalog:
        assert catalog.library_id == name
        assert len(name) == 32
        assert found(catalog, "hello") == ["hello"]
    with Catalog.open(tmp_path / "other.db") as catalog:
        assert catalog.library_id != name


def test_an_empty_file_is_migrated_through_every_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "library.db"
    path.touch()
    with Catalog.open(path) as catalog:
        assert migrations.version(catalog.database.sqlite) == len(migrations.MIGRATIONS)

    def add_stars(db: Database) -> None:
        db.execute("ALTER TABLE settings ADD COLUMN stars INTEGER")

    def fail(db: Database) -> None:
        db.execute("ALTER TABLE settings ADD COLUMN other INTEGER")
        raise RuntimeError("no")

    monkeypatch.setattr(migrations, "MIGRATIONS", (*migrations.MIGRATIONS, add_stars, fail))
    with pytest.raises(RuntimeError, match="no"):
        Catalog.open(path)
    monkeypatch.setattr(migrations, "MIGRATIONS", migrations.MIGRATIONS[:-1])
    with Catalog.open(path) as catalog:
        assert migrations.version(catalog.database.sqlite) == len(migrations.MIGRATIONS)
        assert list(catalog.database.sqlite.table("settings").columns_dict) == ["name", "value", "stars"]


def test_a_library_of_the_first_release_keeps_what_it_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as before:
        before.setattr(migrations, "MIGRATIONS", migrations.MIGRATIONS[:1])
        with Catalog.open(tmp_path / "library.db") as catalog:
            catalog.failures.put(Failure("/films/broken.mp4", 1, 1, "open", "no video"))
            assert "judgements" not in catalog.database.sqlite.table_names()
    with Catalog.open(tmp_path / "library.db") as catalog:
        assert [failure.path for failure in catalog.failures.all()] == ["/films/broken.mp4"]
        assert catalog.judgements.all() == []


def test_a_library_of_a_newer_version_is_refused_untouched(tmp_path: Path) -> None:
    path = tmp_path / "library.db"
    with Catalog.open(path) as catalog:
        catalog.database.sqlite.execute("PRAGMA user_version = 99")
    before = path.read_bytes()
    with pytest.raises(
        NewerLibrary,
        match=rf"newer version of this program: its schema is 99, this version knows {len(migrations.MIGRATIONS)}",
    ):
        Catalog.open(path)
    assert path.read_bytes() == before


def test_files_that_are_no_library_are_refused_untouched(tmp_path: Path) -> None:
    text, foreign = tmp_path / "text.db", tmp_path / "foreign.db"
    text.write_text("not a database, but long enough to have a header " * 20)
    with Database(foreign) as db:
        db.table("bookmarks").insert({"url": "x"})
    for path, message in ((text, "no SQLite database"), (foreign, "it holds bookmarks")):
        before = path.read_bytes()
        with pytest.raises(NotALibrary, match=message):
            Catalog.open(path)
        assert path.read_bytes() == before


def test_a_folder_is_no_library(tmp_path: Path) -> None:
    with pytest.raises(sqlite3.OperationalError):
        Catalog.open(tmp_path)


def test_every_refusal_is_a_store_error() -> None:
    assert all(issubclass(kind, StoreError) for kind in (EncoderMismatch, NewerLibrary, NotALibrary, NotInLibrary))


# Several threads and processes


def test_another_connection_reads_the_old_rows_while_one_writes(tmp_path: Path) -> None:
    path = tmp_path / "library.db"
    with Catalog.open(path, EncoderInfo("mini@1", DIM)) as writer, Catalog.open(path) as reader:
        put(writer)
        with writer.database.transaction():
            writer.database.sqlite.execute("DELETE FROM videos")
            assert writer.videos.all() == []
            assert reader.counts().videos == 1
            assert reader.segments.ids().tolist() == [1, 2]
            with Catalog.open(path) as late:
                assert late.fulltext.search(["onions"], limit=5) == [1, 2]
        assert reader.counts().videos == 0


def test_making_a_library_waits_for_another_who_makes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "library.db"
    path.touch()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        other.execute("ROLLBACK")

    monkeypatch.setattr("time.sleep", wait)
    with Catalog.open(path) as catalog:
        assert catalog.counts().videos == 0
    other.close()
    assert len(waits) == 1


def test_a_library_that_stays_locked_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store.catalog.database, "_BUSY_SECONDS", 0)
    path = tmp_path / "library.db"
    path.touch()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        Catalog.open(path)
    other.close()


def test_threads_share_a_catalog(tmp_path: Path) -> None:
    with (
        Catalog.open(tmp_path / "library.db", EncoderInfo("mini@1", DIM)) as catalog,
        ThreadPoolExecutor(4) as pool,
    ):
        written = [pool.submit(put, catalog, f"/films/{i}.mp4") for i in range(12)]
        seen = [pool.submit(lambda: (len(catalog.segments.ids()), catalog.counts())) for _ in range(12)]
        assert sorted(future.result() for future in written) == list(range(1, 13))
        assert all(future.result()[0] % 2 == 0 for future in seen)
        assert catalog.counts().segments == 24


def test_writers_wait_for_each_other(tmp_path: Path) -> None:
    path, start = tmp_path / "library.db", threading.Barrier(4)

    def index(name: int) -> None:
        start.wait()
        with Catalog.open(path, EncoderInfo("mini@1", DIM)) as catalog:
            for i in range(5):
                put(catalog, f"/films/{name}-{i}.mp4")

    with ThreadPoolExecutor(4) as pool:
        for future in [pool.submit(index, name) for name in range(4)]:
            future.result()
    with Catalog.open(path) as catalog:
        assert catalog.counts().videos == 20
        assert catalog.segments.ids().tolist() == list(range(1, 41))
