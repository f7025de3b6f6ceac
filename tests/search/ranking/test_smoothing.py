"""What stands beside a segment speaks for it, and only what looks like it does."""

from collections.abc import Sequence

import numpy as np
import pytest

from search.ranking.smoothing import neighbours_of
from store.catalog.catalog import Catalog
from store.errors import NotInLibrary
from store.types import EncoderInfo, NewSegment, Video

BEACH, WAVES, OFFICE = np.eye(3, 8, dtype=np.float32)
NEAR_BEACH = (0.8 * BEACH + 0.6 * WAVES).astype(np.float32)


def put(catalog: Catalog, path: str, *shown: np.ndarray, ends: Sequence[float] = ()) -> None:
    ends = ends or [4.0 * (i + 1) for i in range(len(shown))]
    segments = [
        NewSegment(
            start=start,
            end=end,
            text="",
            pts_seconds=np.array([start]),
            features=np.zeros((1, 2), np.float16),
            embedding=embedding,
            thumbnail=b"jpeg",
            thumbnail_seconds=start,
        )
        for embedding, start, end in zip(shown, [0.0, *ends[:-1]], ends, strict=True)
    ]
    catalog.put_video(Video(path, 1, 1, path, "mp4", "h264", ends[-1], 25.0, 640, 360, 0), segments, [])


@pytest.fixture
def catalog() -> Catalog:
    catalog = Catalog.open(":memory:", EncoderInfo("made by hand", 8))
    put(catalog, "/holiday.mp4", BEACH, NEAR_BEACH, OFFICE)  # 1, 2, 3
    put(catalog, "/work.mp4", OFFICE)  # 4
    return catalog


def test_a_neighbour_counts_as_far_as_it_is_near_and_looks_like_the_segment(catalog: Catalog) -> None:
    neighbours = neighbours_of(catalog, [1])
    similarity = neighbours.embeddings @ WAVES
    assert neighbours.own(similarity).tolist() == [0.0]
    beside = np.exp(-1) * 0.8**2  # four seconds away, at a cosine of 0.8; as long as the segment itself
    assert neighbours.smooth(similarity) == pytest.approx(0.6 * beside / (1 + beside), rel=1e-5)


def test_what_looks_like_something_else_and_what_is_of_another_video_do_not_count(catalog: Catalog) -> None:
    neighbours = neighbours_of(catalog, [3, 4])
    similarity = neighbours.embeddings @ OFFICE
    np.testing.assert_allclose(neighbours.smooth(similarity), [1.0, 1.0], rtol=1e-6)
    np.testing.assert_allclose(neighbours.weights.sum(axis=1), [1.0, 1.0])


def test_neighbours_count_less_the_shorter_and_the_farther_they_are() -> None:
    catalog = Catalog.open(":memory:", EncoderInfo("made by hand", 8))
    put(catalog, "/two.mp4", BEACH, BEACH, ends=[6.0, 8.0])
    assert neighbours_of(catalog, [1]).weights.max() == pytest.approx(3 / (3 + np.exp(-1)))
    put(catalog, "/long.mp4", *[BEACH] * 12, ends=[float(end) for end in range(1, 13)])
    neighbours = neighbours_of(catalog, [8])
    assert neighbours.rows.shape == (1, 9)  # four before, four after
    weights = neighbours.weights[0]
    assert weights.argmax() == 4
    assert (np.diff(weights[:5]) > 0).all()
    assert (np.diff(weights[4:]) < 0).all()


def test_segments_without_looks_in_common_stand_for_themselves() -> None:
    catalog = Catalog.open(":memory:", EncoderInfo("made by hand", 8))
    put(catalog, "/cuts.mp4", BEACH, -BEACH, BEACH)
    neighbours = neighbours_of(catalog, [2])
    assert neighbours.smooth(neighbours.embeddings @ BEACH) == pytest.approx([-1.0])


def test_no_segments_have_no_surroundings_and_unknown_ones_are_named(catalog: Catalog) -> None:
    nothing = neighbours_of(catalog, [])
    assert nothing.smooth(nothing.embeddings @ BEACH).shape == (0,)
    with pytest.raises(NotInLibrary, match="99"):
        neighbours_of(catalog, [1, 99])
