"""Values that are stored."""

import pytest

from store.types import same_features


@pytest.mark.parametrize(
    ("stored", "wanted", "same"),
    [
        ("3fa9:bfloat16", "3fa9:bfloat16", True),
        ("3fa9:float32", "3fa9:bfloat16", False),
        ("3fa9", "3fa9:bfloat16", True),  # stored before fingerprints named a precision
        ("77b0", "3fa9:bfloat16", False),
        ("", "3fa9:bfloat16", False),
    ],
)
def test_features_fit_where_the_digest_and_a_stored_precision_do(stored, wanted, same):
    assert same_features(stored, wanted) is same
