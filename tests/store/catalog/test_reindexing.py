"""Another encoder takes over a catalog: all at once, or not at all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from store.catalog.catalog import Catalog
from store.catalog.reindexing import Successor
from store.errors import EncoderMismatch
from store.types import NewSegment, Origin, Video
from store.vectors.faiss_index import FaissIndex, bring_up_to_date

OLD = Origin("videobert-mini", "comes with the program", "cnn-1")
NEW = Origin("/models/mine", "a folder of yours", "cnn-1")
OTHER = Origin("clip-vit-b32", "fetched, pinned", "clip")


def unit(*values: float):
    vector = np.array(values, np.float32)
    return vector / np.linalg.norm(vector)


def video(path: str) -> Video:
    return Video(path, 1, 2, path, "mp4", "h264", 2.0, 25.0, 160, 96, 0)


def segment(start: float) -> NewSegment:
    return NewSegment(start, start + 1, "", np.array([start]), np.ones((1, 3), np.float16), unit(1, 0), b"jpeg", start)


@pytest.fixture
def catalog(tmp_path: Path):
    with Catalog(tmp_path / "catalog.sqlite") as opened:
        opened.bind_encoder("old", 2, OLD)
        for path in ("/a.mp4", "/b.mp4"):
            opened.put_video(video(path), [segment(0.0), segment(1.0)], [])
        yield opened


def successors(catalog: Catalog, *, features: int = 0) -> list[Successor]:
    extra = {"pts_seconds": np.array([0.5, 0.7]), "features": np.full((2, features), 2, np.float16)} if features else {}
    return [Successor(int(number), unit(0, 1, 1), **extra) for number in catalog.segment_ids()]


def test_vectors_change_places_and_frame_features_of_the_same_backbone_stay(catalog: Catalog):
    ids, name = catalog.segment_ids().tolist(), catalog.library_id
    assert catalog.begin_succession("new", 3, NEW)
    assert catalog.unsucceeded() == [1, 2]
    catalog.put_successors(successors(catalog)[:2])
    assert catalog.unsucceeded() == [2]
    assert not catalog.succeed()
    assert catalog.encoder() == ("old", 2)
    np.testing.assert_array_equal(catalog.embeddings(ids[:1]), [[1, 0]])
    catalog.put_successors(successors(catalog)[2:])
    assert catalog.succeed()
    assert (catalog.encoder(), catalog.origin()) == (("new", 3), NEW)
    assert catalog.segment_ids().tolist() == ids
    np.testing.assert_allclose(catalog.embeddings(ids), [unit(0, 1, 1)] * 4)
    assert catalog.frame_features(ids[0])[1].tolist() == [[1, 1, 1]]
    assert catalog.library_id != name
    assert catalog.thumbnail(ids[0]) == (b"jpeg", 0.0)


def test_another_backbone_brings_its_own_frame_features(catalog: Catalog):
    assert not catalog.begin_succession("clip-1", 3, OTHER)
    with pytest.raises(ValueError, match="Frame features are needed"):
        catalog.put_successors(successors(catalog))
    catalog.put_successors(successors(catalog, features=5))
    assert catalog.frame_features(1)[1].shape == (1, 3)
    assert catalog.succeed()
    pts, features = catalog.frame_features(1)
    assert (pts.tolist(), features.tolist()) == ([0.5, 0.7], [[2.0] * 5] * 2)
    catalog.put_video(video("/c.mp4"), [NewSegment(**vars(segment(0.0)) | {"embedding": unit(1, 1, 1)})], [])
    assert not catalog.begin_succession("old", 2, OLD)  # and back, with nothing left from the way there
    assert catalog.unsucceeded() == [1, 2, 3]


def test_what_is_not_known_of_the_old_encoder_is_not_used(tmp_path: Path):
    with Catalog(tmp_path / "catalog.sqlite") as catalog:
        catalog.bind_encoder("old", 2)
        assert catalog.origin() is None
        assert not catalog.begin_succession("new", 3, NEW)


def test_it_goes_on_where_it_stopped_and_starts_over_for_another(catalog: Catalog, tmp_path: Path):
    catalog.begin_succession("new", 3, NEW)
    catalog.put_successors(successors(catalog)[:2])
    catalog.close()
    with Catalog(tmp_path / "catalog.sqlite") as again:
        again.begin_succession("new", 3, NEW)
        assert again.unsucceeded() == [2]
        again.begin_succession("newer", 3, NEW)
        assert again.unsucceeded() == [1, 2]


def test_videos_that_come_and_go_meanwhile(catalog: Catalog):
    catalog.begin_succession("new", 3, NEW)
    done = successors(catalog)
    catalog.remove_videos([1])
    catalog.put_successors(done)  # those of the removed video are left out
    catalog.put_video(video("/c.mp4"), [segment(0.0)], [])
    assert catalog.unsucceeded() == [3]
    assert not catalog.succeed()
    assert catalog.succeed(forget=[3])
    assert [held.path for held in catalog.videos()] == ["/b.mp4"]


def test_the_old_encoder_cannot_write_after_the_change(catalog: Catalog, tmp_path: Path):
    with Catalog(tmp_path / "catalog.sqlite") as other:
        other.bind_encoder("old", 2)
        catalog.begin_succession("new", 3, NEW)
        catalog.put_successors(successors(catalog))
        other.put_video(video("/c.mp4"), [segment(0.0)], [])
        assert not catalog.succeed()
        catalog.put_successors(successors(catalog))
        assert catalog.succeed()
        with pytest.raises(EncoderMismatch, match="holds vectors of the encoder new"):
            other.put_video(video("/d.mp4"), [segment(0.0)], [])


def test_two_changes_at_once_are_refused(catalog: Catalog, tmp_path: Path):
    with pytest.raises(ValueError, match="call begin_succession first"):
        catalog.put_successors([])
    with Catalog(tmp_path / "catalog.sqlite") as other:
        catalog.begin_succession("new", 3, NEW)
        other.begin_succession("newer", 3, NEW)
        with pytest.raises(EncoderMismatch, match="changes this library to the encoder newer, and this one to new"):
            catalog.put_successors(successors(catalog))


def test_the_vector_index_starts_over(catalog: Catalog, tmp_path: Path):
    index = FaissIndex(3, path=tmp_path / "vectors.faiss")
    catalog.begin_succession("new", 3, NEW)
    catalog.put_successors(successors(catalog))
    catalog.succeed()
    bring_up_to_date(index, catalog)
    catalog.begin_succession("newer", 3, NEW)
    catalog.put_successors([Successor(one.segment_id, unit(1, 0, 0)) for one in successors(catalog)])
    catalog.succeed()
    assert bring_up_to_date(index, catalog) == (4, 4)
    assert index.search([unit(1, 0, 0)], 1)[0] == pytest.approx(1.0)
