"""Values that are stored."""

import pytest

from store.types import label_key, same_features


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


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("Dogs", "dog"),
        ("riding a bicycle", "riding bicycle"),
        ("Two Children", "two child"),
        ("glasses", "glass"),
        ("grass", "grass"),
        ("bus", "bus"),
        ("buses", "bus"),
        ("tennis", "tennis"),
        ("parties", "party"),
        ("ties", "tie"),
        ("dishes", "dish"),
        ("boxes", "box"),
        ("potatoes", "potato"),
        ("T-shirts", "t shirt"),
        ("the", "the"),
        ("  ", ""),
    ],
)
def test_keys_of_labels(name: str, key: str) -> None:
    assert label_key(name) == key
    assert label_key(key) == key
