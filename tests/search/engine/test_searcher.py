"""Ranking over a catalog whose vectors are made by hand, with the tiny model for the queries."""

from pathlib import Path

import numpy as np
import pytest

from indexer.features.clip import Clip
from model.encoder.contract import Encoder
from search.engine.searcher import Searcher
from search.query.request import SearchRequest, SimilarRequest
from search.ranking.moments import Moment
from store.catalog.catalog import Catalog
from store.types import EncoderInfo, NewSegment, Video
from store.vectors.faiss_index import FaissIndex
from store.vectors.sync import sync

FEATURES = 1280


def unit(rng: np.random.Generator, *shape: int) -> np.ndarray:
    rows = rng.normal(size=shape).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def put_film(catalog: Catalog, path: str, embeddings: np.ndarray, rng: np.random.Generator) -> Video:
    """A film of 10-second segments with these embeddings and random frame features."""
    segments = [
        NewSegment(
            start=10.0 * i,
            end=10.0 * i + 10,
            text=f"line {i}",
            pts_seconds=10.0 * i + np.arange(20) / 2,
            features=rng.normal(size=(20, FEATURES)).astype(np.float16),
            embedding=embedding,
            thumbnail=b"jpeg",
            thumbnail_seconds=10.0 * i + 5,
        )
        for i, embedding in enumerate(embeddings)
    ]
    video = Video(path, 1, 1, path, "mp4", "h264", 10.0 * len(segments), 25.0, 640, 360, 0)
    return catalog.put_video(video, segments, [])


@pytest.fixture
def engine(encoder: Encoder) -> Searcher:
    rng = np.random.default_rng(0)
    catalog = Catalog.open(":memory:", EncoderInfo(encoder.fingerprint, encoder.dim))
    query = encoder.embed_text(["a red dog"])[0]
    away = unit(rng, 6, encoder.dim)
    away -= np.outer(away @ query, query)  # nothing in common with the query
    away /= np.linalg.norm(away, axis=1, keepdims=True)
    near = 0.9 * query + np.sqrt(1 - 0.81) * away[5]
    put_film(catalog, "/films/a/one.mp4", np.stack([away[0], query, near]), rng)
    put_film(catalog, "/films/b/two.mp4", np.stack([away[1], 0.6 * query + 0.8 * away[2], away[3]]), rng)
    index = FaissIndex(encoder.dim)
    sync(index, catalog)
    return Searcher(catalog, index, encoder)


def ask(engine: Searcher, query: str, **wishes: object) -> list[Moment]:
    return engine.search(SearchRequest(query, **wishes))


def test_text_finds_the_moment_and_merges_its_neighbour(engine: Searcher):
    best, second = ask(engine, "a red dog", top=2)
    assert (best.path, [(hit.start, hit.end) for hit in best.hits]) == (
        "/films/a/one.mp4",
        [(10.0, 20.0), (20.0, 30.0)],
    )
    assert best.score == pytest.approx(1 / 61)
    assert best.text == "line 1 line 2"
    assert 10.0 <= best.start <= best.keyframe <= best.end <= 30.0
    assert (second.path, second.hits[0].start, second.score) == ("/films/b/two.mp4", 10.0, pytest.approx(1 / 63))


def test_within_searches_only_there_and_still_fills_the_answer(engine: Searcher):
    moments = ask(engine, "a red dog in:/films/b", top=2)
    assert {moment.path for moment in moments} == {"/films/b/two.mp4"}
    assert len(moments) == 2
    assert ask(engine, "a red dog in:/films/c", top=2) == []


def test_top_is_filled_although_hits_merge(engine: Searcher):
    assert len(ask(engine, "a red dog", top=5)) == 5
    assert sum(len(moment.hits) for moment in ask(engine, "a red dog", top=100)) == 6


def test_a_clip_says_where_it_matches(engine: Searcher):
    wanted = engine.catalog.segments.of(engine.catalog.videos.all()[1].id)[2]
    pts, features = engine.catalog.segments.frame_features(wanted.id)
    clip = Clip(pts[4:10] - pts[4], features[4:10], (6,), engine.catalog.segments.embeddings([wanted.id]))
    best = engine.similar(SimilarRequest(top=1), clip=clip)[0]
    assert best.segment_id == wanted.id
    assert best.match is not None
    assert (best.match.start, best.match.end) == (pytest.approx(22, abs=0.2), pytest.approx(25, abs=0.2))
    assert (best.match.query_start, best.match.query_end) == (pytest.approx(0, abs=0.2), pytest.approx(3, abs=0.2))
    assert (best.match.kind, best.match.mirrored) == ("copy", False)
    assert best.as_dict()["match"]["similarity"] == pytest.approx(1.0, abs=0.05)


def test_a_segment_does_not_find_itself(engine: Searcher):
    segment = engine.catalog.segments.of(engine.catalog.videos.all()[0].id)[1]
    moments = engine.similar(SimilarRequest(segment=segment.id, top=10))
    assert segment.id not in {hit.segment_id for moment in moments for hit in moment.hits}
    assert sum(len(moment.hits) for moment in moments) == 5


def test_frames_decide_what_is_most_like_a_clip(engine: Searcher):
    """The index proposes by one vector a segment; the clip shows what two others show, one after the other."""
    one, two = (engine.catalog.segments.of(video.id) for video in engine.catalog.videos.all())
    shown = [engine.catalog.segments.frame_features(segment.id)[1][:8] for segment in (one[0], two[2])]
    clip = Clip(
        np.arange(16) / 2, np.concatenate(shown), (8, 8), engine.catalog.segments.embeddings([one[1].id, two[1].id])
    )
    first, second, third = engine.similar(SimilarRequest(top=3), clip=clip)
    assert {first.segment_id, second.segment_id} == {one[0].id, two[2].id}
    assert min(first.score, second.score) > 0.99
    assert third.score < 0.2


def test_an_unknown_segment_is_an_error(engine: Searcher):
    with pytest.raises(ValueError, match="no segment 999"):
        engine.similar(SimilarRequest(segment=999, top=1))


def test_an_empty_library_finds_nothing(encoder: Encoder, tmp_path: Path):
    catalog = Catalog.open(tmp_path / "catalog.sqlite", EncoderInfo(encoder.fingerprint, encoder.dim))
    with catalog:
        assert ask(Searcher(catalog, FaissIndex(encoder.dim), encoder), "a dog") == []
