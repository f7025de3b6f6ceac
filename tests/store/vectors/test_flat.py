"""FlatVectors: what the contract of indexes does not show."""

import numpy as np
import pytest

from store.vectors.flat import FlatVectors
from tests.support.vectors import DIM, unit


def test_what_is_written_is_read_where_it_lies():
    vectors = unit(5)
    flat = FlatVectors(np.arange(5) * 3, vectors)
    content = np.frombuffer(flat.write(), np.uint8)
    again = FlatVectors.read(content, DIM)
    assert again.ids.tolist() == [0, 3, 6, 9, 12]
    assert np.shares_memory(again.vectors, content)
    np.testing.assert_array_equal(again.vectors, vectors)
    with pytest.raises(ValueError, match="no vectors of 16 components"):
        FlatVectors.read(content[:-1], DIM)


def test_equal_scores_come_in_order_of_their_ids():
    vectors = np.tile(np.eye(1, DIM, dtype=np.float32), (6, 1))
    flat = FlatVectors(np.arange(6) + 10, vectors)
    assert flat.search(vectors[:1], 6, None)[1].tolist() == [[10, 11, 12, 13, 14, 15]]
    assert flat.search(vectors[:1], 2, np.array([12, 14, 15]))[1].shape == (1, 2)


def test_a_change_leaves_what_a_search_holds():
    flat = FlatVectors(np.array([1, 5]), unit(2))
    more = flat.with_added(np.array([3]), unit(1, seed=1))
    assert (flat.ids.tolist(), more.ids.tolist(), more.without(np.array([1, 5])).ids.tolist()) == (
        [1, 5],
        [1, 3, 5],
        [3],
    )
