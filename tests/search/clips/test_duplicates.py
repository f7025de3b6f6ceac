"""Duplicates in catalogs whose vectors and features are made by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from model.encoder.contract import Encoder
from search.clips.duplicates import Duplicates, candidates, find
from search.clips.frames import FrameNormalizer
from store.catalog.catalog import Catalog
from store.types import EncoderInfo, NewSegment, Video
from store.vectors.faiss_index import FaissIndex
from store.vectors.sync import sync

FEATURES = 1280


class Shelf:
    """A catalog to put films on; each is a stretch of an endless film of its own."""

    def __init__(self, encoder: Encoder) -> None:
        self.encoder = encoder
        self.catalog = Catalog.open(":memory:", EncoderInfo(encoder.fingerprint, encoder.dim))

    def put(
        self,
        name: str,
        shown: np.ndarray,
        *,
        noise: float = 0.0,
        content: str = "",
        width: int = 640,
        size: int = 1000,
    ) -> Video:
        """Write a film that shows these frames, two a second, in segments of at most ten seconds."""
        rng = np.random.default_rng(len(name) + size)
        frames = shown + noise * rng.normal(size=shown.shape)
        pts = np.arange(len(frames)) / 2
        segments = [
            self._segment(pts[first : first + 20], frames[first : first + 20]) for first in range(0, len(pts), 20)
        ]
        seconds = len(frames) / 2
        video = Video(f"/films/{name}", size, 1, content or name, "mp4", "h264", seconds, 25.0, width, width // 2, 0)
        return self.catalog.put_video(video, segments, [])

    def _segment(self, pts: np.ndarray, frames: np.ndarray) -> NewSegment:
        embedding = frames.mean(axis=0)[: self.encoder.dim].astype(np.float32)
        return NewSegment(
            start=float(pts[0]),
            end=float(pts[-1]) + 0.5,
            text="",
            pts_seconds=pts,
            features=frames.astype(np.float16),
            embedding=embedding / np.linalg.norm(embedding),
            thumbnail=b"jpeg",
            thumbnail_seconds=float(pts[0]),
        )

    def duplicates(self, **options: float) -> list[Duplicates]:
        index = FaissIndex(self.encoder.dim)
        sync(index, self.catalog)
        return find(self.catalog, index, FrameNormalizer(self.catalog, self.encoder), **options)


def endless(seed: int, frames: int = 240) -> np.ndarray:
    """Frames that change slowly around a scene of their own."""
    rng = np.random.default_rng(seed)
    walk = rng.normal(size=(frames, FEATURES)).cumsum(axis=0) * 0.3
    return 2 * rng.normal(size=FEATURES) + walk - walk.mean(axis=0)


def names(cluster: Duplicates) -> list[str]:
    return [copy.video.path.rsplit("/", 1)[1] for copy in cluster.videos]


@pytest.fixture
def shelf(encoder: Encoder) -> Shelf:
    return Shelf(encoder)


def test_the_largest_picture_is_kept_and_what_that_saves_is_said(shelf: Shelf):
    for seed in range(4):
        shelf.put(f"other{seed}.mp4", endless(50 + seed))
    film = endless(1, 80)
    shelf.put("small.mp4", film, noise=0.05, width=320, size=400)
    shelf.put("large.mp4", film, noise=0.05, width=1920, size=9000)
    shelf.put("twin.mp4", film, noise=0.05, content="small.mp4", width=320, size=400)
    (cluster,) = shelf.duplicates()
    assert names(cluster)[0] == "large.mp4"
    assert sorted(names(cluster)[1:]) == ["small.mp4", "twin.mp4"]
    assert [copy.keep for copy in cluster.videos] == [True, False, False]
    assert (cluster.kind, cluster.seconds_saved, cluster.bytes_saved) == ("copy", 80.0, 800)
    fields = cluster.as_dict()
    assert fields["bytes_saved"] == 800
    assert [video["keep"] for video in fields["videos"]] == [True, False, False]


def test_files_with_the_same_content_are_copies_although_nothing_is_shown(shelf: Shelf):
    black = np.zeros((40, FEATURES)) + 1e-3
    shelf.put("a.mp4", black, content="same")
    shelf.put("b.mp4", black, content="same")
    (cluster,) = shelf.duplicates()
    assert (names(cluster), cluster.kind) == (["a.mp4", "b.mp4"], "copy")


def test_a_part_of_a_long_film_is_an_excerpt_and_both_are_kept(shelf: Shelf):
    for seed in range(4):
        shelf.put(f"other{seed}.mp4", endless(60 + seed))
    film = endless(2)
    shelf.put("film.mp4", film)
    shelf.put("part.mp4", film[80:120], noise=0.05)
    (cluster,) = shelf.duplicates()
    assert (cluster.kind, names(cluster), cluster.bytes_saved) == ("excerpt", ["film.mp4", "part.mp4"], 0)
    assert all(copy.keep for copy in cluster.videos)
    whole, part = cluster.videos
    assert (whole.start, whole.end) == (pytest.approx(40, abs=0.5), pytest.approx(60, abs=0.5))
    assert (part.start, part.end) == (pytest.approx(0, abs=0.5), pytest.approx(20, abs=0.5))


def test_a_shared_beginning_makes_no_duplicates(shelf: Shelf):
    intro = endless(3, 60)
    for seed in (4, 5, 6):
        shelf.put(f"{seed}.mp4", np.concatenate([intro, endless(seed, 120)]))
    found = shelf.duplicates()
    assert {cluster.kind for cluster in found} == {"shared part"}
    assert all(copy.keep and copy.end == pytest.approx(30, abs=1.5) for cluster in found for copy in cluster.videos)


def test_what_is_too_short_is_left_out(shelf: Shelf):
    for seed in range(4):
        shelf.put(f"other{seed}.mp4", endless(70 + seed))
    film = endless(7, 20)
    shelf.put("a.mp4", film)
    shelf.put("b.mp4", film, noise=0.05)
    assert [names(cluster) for cluster in shelf.duplicates()] == [["a.mp4", "b.mp4"]]
    assert shelf.duplicates(min_seconds=11) == []
    with pytest.raises(ValueError, match="min_seconds must be positive, got 0"):
        shelf.duplicates(min_seconds=0)


def test_frames_that_show_nothing_neither_join_films_nor_keep_them_apart(shelf: Shelf, monkeypatch: pytest.MonkeyPatch):
    nothing = np.repeat(endless(99, 1), 40, axis=0)
    monkeypatch.setattr("search.clips.frames.blank_features", lambda encoder: nothing[:1].astype(np.float16))
    for seed in range(8, 12):
        shelf.put(f"{seed}.mp4", np.concatenate([nothing, endless(seed, 30)]))
    assert shelf.duplicates() == []
    film = endless(12, 60)
    shelf.put("plain.mp4", film)
    shelf.put("late.mp4", np.concatenate([nothing, film]))
    (cluster,) = shelf.duplicates()
    assert sorted(names(cluster)) == ["late.mp4", "plain.mp4"]
    assert cluster.kind == "copy"


def test_candidates_are_found_behind_a_film_that_is_like_itself_for_long(shelf: Shelf):
    still = np.repeat(endless(13, 1), 20 * 30, axis=0)
    shelf.put("still.mp4", still, noise=0.01)
    shelf.put("part.mp4", still[:20], noise=0.2)
    index = FaissIndex(shelf.encoder.dim)
    sync(index, shelf.catalog)
    videos = {video.id: video for video in shelf.catalog.videos.all()}
    told: list[tuple[int, int]] = []
    normalizer = FrameNormalizer(shelf.catalog, shelf.encoder)
    pairs = candidates(shelf.catalog, index, normalizer, videos, tell=lambda *counts: told.append(counts))
    assert told == [(len(index), len(index))]
    assert [(pair.first, pair.second) for pair in pairs] == [tuple(sorted(videos))]
    assert 1 <= len(pairs[0].near) <= 4


def test_of_too_many_pairs_the_most_similar_are_compared(shelf: Shelf, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("search.clips.duplicates._MOST_PAIRS", 2)
    film = endless(15, 40)
    for name, noise in (("one", 0.0), ("two", 0.01), ("three", 0.3)):
        shelf.put(f"{name}.mp4", film, noise=noise)
    (cluster,) = shelf.duplicates()
    assert sorted(Path(copy.video.path).stem for copy in cluster.videos) == ["one", "two"]


def test_an_empty_library_holds_nothing_twice(shelf: Shelf):
    assert shelf.duplicates() == []


def test_within_looks_at_a_folder_alone(shelf: Shelf):
    film = endless(14, 60)
    shelf.put("a/one.mp4", film)
    shelf.put("b/two.mp4", film, noise=0.05)
    index = FaissIndex(shelf.encoder.dim)
    sync(index, shelf.catalog)
    looks = FrameNormalizer(shelf.catalog, shelf.encoder)
    assert find(shelf.catalog, index, looks, within="/films/a") == []
    assert len(find(shelf.catalog, index, looks, within="/films")) == 1


def test_dismissed_pairs_are_left_out_also_after_indexing_again(shelf: Shelf):
    for seed in range(4):
        shelf.put(f"other{seed}.mp4", endless(80 + seed))
    film = endless(15, 80)
    one, two = shelf.put("one.mp4", film, width=1920, size=900), shelf.put("two.mp4", film, noise=0.05)
    shelf.put("three.mp4", film, noise=0.06, size=999)
    said = shelf.catalog.dismissals.add(two.content_hash, one.content_hash)
    assert [sorted(names(each)) for each in shelf.duplicates()] == [["one.mp4", "three.mp4"]]
    shelf.catalog.videos.remove([one.id, two.id])
    shelf.put("moved/one.mp4", film, content="one.mp4", width=1920, size=900)
    shelf.put("two.mp4", film, noise=0.05)
    assert [sorted(names(each)) for each in shelf.duplicates()] == [["one.mp4", "three.mp4"]]
    shelf.catalog.dismissals.remove(said.id)
    assert [sorted(names(each)) for each in shelf.duplicates()] == [["one.mp4", "three.mp4", "two.mp4"]]


def test_dismissed_excerpts_and_files_with_one_content_are_left_out(shelf: Shelf):
    film = endless(16)
    shelf.put("film.mp4", film)
    shelf.put("part.mp4", film[80:120], noise=0.05)
    shelf.put("part-copy.mp4", film[80:120], noise=0.05, content="part.mp4")
    assert [cluster.kind for cluster in shelf.duplicates()] == ["copy", "excerpt"]
    shelf.catalog.dismissals.add("film.mp4", "part.mp4")
    assert [cluster.kind for cluster in shelf.duplicates()] == ["copy"]
    shelf.catalog.dismissals.add("part.mp4", "part.mp4")
    assert shelf.duplicates() == []


def test_a_cluster_is_plain_values():
    video = Video("/a.mp4", 5, 1, "x", "mp4", "h264", 2.0, 25.0, 64, 32, 0)
    from search.clips.duplicates import Copy

    cluster = Duplicates(
        "copy", (Copy(video, 0.0, 2.0, keep=True), Copy(replace(video, path="/b"), 0.0, 2.0, keep=False))
    )
    assert cluster.as_dict()["seconds_saved"] == 2.0
    assert cluster.as_dict()["videos"][1]["path"] == "/b"
