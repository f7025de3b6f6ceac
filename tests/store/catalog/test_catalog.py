"""What a catalog writes to several parts at once, and its encoder."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import store.catalog.videos
from store.catalog.catalog import Catalog, Counts
from store.errors import EncoderMismatch, NotInLibrary
from store.types import EncoderInfo, Failure, NewSegment
from tests.support.catalog import CUES, DIM, OWNED_TABLES, a_video, ids_of, put, rows_in, some_segments


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


def test_a_segment_may_have_no_frames_and_a_video_no_segments(catalog: Catalog) -> None:
    catalog.put_video(a_video(), some_segments(1, frames=0), [])
    assert [array.shape for array in catalog.segments.frame_features(1)] == [(0,), (0, 5)]
    catalog.put_video(a_video("/films/b.mp4"), [], [])
    assert catalog.counts() == Counts(videos=2, segments=1, failures=0, seconds=25.0)


def test_a_catalog_without_an_encoder_and_one_with_it_share_a_database(catalog: Catalog) -> None:
    with_encoder = catalog.with_encoder(EncoderInfo("mini@1", DIM))
    assert with_encoder.database is catalog.database
    put(with_encoder)
    assert catalog.counts().videos == 1


def test_counts_of_an_empty_library(catalog: Catalog) -> None:
    assert catalog.counts() == Counts(videos=0, segments=0, failures=0, seconds=0.0)


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
    assert catalog.database.tuples("SELECT count(*) FROM segments_fts") == [(0,)]


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


def test_the_encoder_is_remembered(address: str) -> None:
    with Catalog.open(address) as catalog:
        assert catalog.encoder() is None
        put(catalog.with_encoder(EncoderInfo("mini@1", DIM)))
    with Catalog.open(address) as catalog:
        assert catalog.encoder() == EncoderInfo("mini@1", DIM)
        catalog.with_encoder(EncoderInfo("mini@1", DIM))
        with pytest.raises(EncoderMismatch, match=r"mini@1 .* clip@9 .* another library folder, or remove the videos"):
            catalog.with_encoder(EncoderInfo("clip@9", DIM))
        with pytest.raises(EncoderMismatch):
            Catalog.open(address, EncoderInfo("clip@9", DIM))
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


def test_two_indexers_cannot_mix_encoders_in_an_empty_library(address: str) -> None:
    with (
        Catalog.open(address, EncoderInfo("mini@1", DIM)) as one,
        Catalog.open(address, EncoderInfo("clip@9", DIM)) as other,
    ):
        with pytest.raises(EncoderMismatch):
            put(one)
        assert put(other)
