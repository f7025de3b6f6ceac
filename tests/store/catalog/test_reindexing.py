"""Another encoder takes over a catalog: all at once, or not at all."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from store.catalog.catalog import Catalog
from store.catalog.reindexing import NewEmbedding
from store.errors import EncoderMismatch
from store.types import EncoderInfo, NewSegment, Video
from store.vectors.faiss_index import FaissIndex
from store.vectors.sync import sync

OLD = EncoderInfo("old", 2, "videobert-mini", "comes with the program", "cnn-1")
NEW = EncoderInfo("new", 3, "/models/mine", "a folder of yours", "cnn-1")
OTHER = EncoderInfo("clip-1", 3, "clip-vit-b32", "fetched, pinned", "clip")
NEWER = replace(NEW, fingerprint="newer")


def unit(*values: float):
    vector = np.array(values, np.float32)
    return vector / np.linalg.norm(vector)


def video(path: str) -> Video:
    return Video(path, 1, 2, path, "mp4", "h264", 2.0, 25.0, 160, 96, 0)


def segment(start: float) -> NewSegment:
    return NewSegment(start, start + 1, "", np.array([start]), np.ones((1, 3), np.float16), unit(1, 0), b"jpeg", start)


@pytest.fixture
def catalog(address: str):
    with Catalog.open(address, OLD) as opened:
        for path in ("/a.mp4", "/b.mp4"):
            opened.put_video(video(path), [segment(0.0), segment(1.0)], [])
        yield opened


def embeddings(catalog: Catalog, *, features: int = 0) -> list[NewEmbedding]:
    extra = {"pts_seconds": np.array([0.5, 0.7]), "features": np.full((2, features), 2, np.float16)} if features else {}
    return [NewEmbedding(int(number), unit(0, 1, 1), **extra) for number in catalog.segments.ids()]


def test_vectors_change_places_and_frame_features_of_the_same_backbone_stay(catalog: Catalog):
    ids, name = catalog.segments.ids().tolist(), catalog.library_id
    assert catalog.reindexing.begin(NEW)
    assert catalog.reindexing.pending() == [1, 2]
    catalog.reindexing.put(embeddings(catalog)[:2])
    assert catalog.reindexing.pending() == [2]
    assert not catalog.reindexing.finish()
    assert catalog.encoder() == OLD
    np.testing.assert_array_equal(catalog.segments.embeddings(ids[:1]), [[1, 0]])
    catalog.reindexing.put(embeddings(catalog)[2:])
    assert catalog.reindexing.finish()
    assert catalog.encoder() == NEW
    assert catalog.segments.ids().tolist() == ids
    np.testing.assert_allclose(catalog.segments.embeddings(ids), [unit(0, 1, 1)] * 4)
    assert catalog.segments.frame_features(ids[0])[1].tolist() == [[1, 1, 1]]
    assert catalog.library_id != name
    assert catalog.segments.thumbnail(ids[0]) == (b"jpeg", 0.0)


def test_another_backbone_brings_its_own_frame_features(catalog: Catalog):
    assert not catalog.reindexing.begin(OTHER)
    with pytest.raises(ValueError, match="Frame features are needed"):
        catalog.reindexing.put(embeddings(catalog))
    catalog.reindexing.put(embeddings(catalog, features=5))
    assert catalog.segments.frame_features(1)[1].shape == (1, 3)
    assert catalog.reindexing.finish()
    pts, features = catalog.segments.frame_features(1)
    assert (pts.tolist(), features.tolist()) == ([0.5, 0.7], [[2.0] * 5] * 2)
    catalog.with_encoder(OTHER).put_video(
        video("/c.mp4"), [NewSegment(**vars(segment(0.0)) | {"embedding": unit(1, 1, 1)})], []
    )
    assert not catalog.reindexing.begin(OLD)  # and back, with nothing left from the way there
    assert catalog.reindexing.pending() == [1, 2, 3]


def test_what_is_not_known_of_the_old_encoder_is_not_used(address: str):
    with Catalog.open(address, EncoderInfo("old", 2)) as catalog:
        assert catalog.encoder() == EncoderInfo("old", 2)
        assert not catalog.reindexing.begin(NEW)


def test_it_goes_on_where_it_stopped_and_starts_over_for_another(catalog: Catalog, address: str):
    catalog.reindexing.begin(NEW)
    catalog.reindexing.put(embeddings(catalog)[:2])
    catalog.close()
    with Catalog.open(address) as again:
        again.reindexing.begin(NEW)
        assert again.reindexing.pending() == [2]
        again.reindexing.begin(NEWER)
        assert again.reindexing.pending() == [1, 2]


def test_videos_that_come_and_go_meanwhile(catalog: Catalog):
    catalog.reindexing.begin(NEW)
    done = embeddings(catalog)
    catalog.videos.remove([1])
    catalog.reindexing.put(done)  # those of the removed video are left out
    catalog.put_video(video("/c.mp4"), [segment(0.0)], [])
    assert catalog.reindexing.pending() == [3]
    assert not catalog.reindexing.finish()
    assert catalog.reindexing.finish(remove=[3])
    assert [held.path for held in catalog.videos.all()] == ["/b.mp4"]


def test_the_old_encoder_cannot_write_after_the_change(catalog: Catalog, address: str):
    with Catalog.open(address, EncoderInfo("old", 2)) as other:
        catalog.reindexing.begin(NEW)
        catalog.reindexing.put(embeddings(catalog))
        other.put_video(video("/c.mp4"), [segment(0.0)], [])
        assert not catalog.reindexing.finish()
        catalog.reindexing.put(embeddings(catalog))
        assert catalog.reindexing.finish()
        with pytest.raises(EncoderMismatch, match="holds vectors of the encoder new"):
            other.put_video(video("/d.mp4"), [segment(0.0)], [])


def test_two_changes_at_once_are_refused(catalog: Catalog, address: str):
    with pytest.raises(ValueError, match="call begin first"):
        catalog.reindexing.put([])
    with Catalog.open(address) as other:
        catalog.reindexing.begin(NEW)
        other.reindexing.begin(NEWER)
        with pytest.raises(EncoderMismatch, match="changes this library to the encoder newer, and this one to new"):
            catalog.reindexing.put(embeddings(catalog))


def test_the_vector_index_starts_over(catalog: Catalog, tmp_path: Path):
    index = FaissIndex(3, path=tmp_path / "vectors.faiss")
    catalog.reindexing.begin(NEW)
    catalog.reindexing.put(embeddings(catalog))
    catalog.reindexing.finish()
    sync(index, catalog)
    catalog.reindexing.begin(NEWER)
    catalog.reindexing.put([NewEmbedding(one.segment_id, unit(1, 0, 0)) for one in embeddings(catalog)])
    catalog.reindexing.finish()
    assert sync(index, catalog) == (4, 4)
    assert index.search([unit(1, 0, 0)], 1)[0] == pytest.approx(1.0)
