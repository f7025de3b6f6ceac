"""Search requests: from and to parameters, and what they refuse."""

import os
import tomllib
from pathlib import Path

import pytest

from model.encoder.labels import label_names
from search.query.labels import NAMES
from search.query.language import QueryError
from search.query.request import SearchRequest, SimilarRequest, segment_id
from store.filters import Filter
from store.types import label_key


def test_parameters_of_http_hold_what_is_no_default() -> None:
    request = SearchRequest("a dog", only="visual", more=(1, 2), segments=(3,), clips=("a.mp4",), top=20)
    assert request.to_parameters() == {"q": "a dog", "only": "visual", "more": (1, 2), "segment": (3,), "top": 20}
    assert SearchRequest().to_parameters() == SimilarRequest().to_parameters() == {}
    assert SimilarRequest(segment=3, within="/films").to_parameters() == {"segment": 3, "within": "/films"}


@pytest.mark.parametrize(
    "request_",
    [SearchRequest("a dog", tag="x", less=(4,), explain=True), SearchRequest(segments=(3,), within="/films")],
)
def test_parameters_are_read_as_they_are_written(request_: SearchRequest) -> None:
    assert SearchRequest.from_parameters(request_.to_parameters()) == request_


def test_every_door_has_its_names() -> None:
    of_library = {
        "query": "a dog",
        "within": Path("films"),
        "clips": [Path("a.mp4"), 7],
        "images": ["b.png"],
        "tag": None,
    }
    request = SearchRequest("a dog", os.path.abspath("films"), segments=(7,), clips=("a.mp4",), images=("b.png",))
    assert SearchRequest.from_parameters(of_library | {"tag": None}) == request
    assert SearchRequest.from_parameters({"q": "a dog", "segment": 7, "more": [1]}).segments == (7,)
    assert SimilarRequest.from_parameters({"clip": 7}) == SimilarRequest(segment=7)
    assert SimilarRequest.from_parameters({"clip": Path("a.mp4"), "top": 3}) == SimilarRequest("a.mp4", top=3)
    with pytest.raises(TypeError, match="colour"):
        SearchRequest.from_parameters({"colour": "red"})


def test_a_folder_and_a_tag_are_filters() -> None:
    assert SearchRequest("dog in:a", within="/films", tag="x").parsed().filters == (
        Filter("in", "a"),
        Filter("within", "/films"),
        Filter("tag", "x"),
    )


def test_an_empty_query_needs_something_else() -> None:
    with pytest.raises(QueryError, match="at least one word"):
        SearchRequest().parsed()
    assert SearchRequest().parsed(uploads=1).steps == SearchRequest(images=("a.png",)).parsed().steps
    with pytest.raises(ValueError, match="one step"):
        SearchRequest("a THEN b").parsed(uploads=1)


def test_similar_has_one_clip() -> None:
    with pytest.raises(ValueError, match="either"):
        SimilarRequest("a.mp4", segment=1)
    with pytest.raises(ValueError, match="top must be at least 1"):
        SimilarRequest("a.mp4", top=0)


def test_an_empty_path_is_not_the_working_folder():
    for values in ({"query": "dog", "within": ""}, {"clip": 1, "within": ""}):
        kind = SimilarRequest if "clip" in values else SearchRequest
        with pytest.raises(ValueError, match="an empty one"):
            kind.from_parameters(values)


@pytest.mark.parametrize(
    ("text", "number"),
    [("7", 7), ("99999999999999999999", 99999999999999999999), ("9" * 5000, int("9" * 40)), ("-1", None), ("a", None)],
)
def test_ids_of_any_length_are_numbers(text: str, number: int | None):
    assert segment_id(text) == number


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("狗", "dog"),
        ("perro", "dog"),
        ("HUNDE", "dog"),
        ("vélo", "bike"),
        ("ve\u0301lo", "bike"),
        ("海岸", "海岸"),  # not in the table
        ("الكلب", "الكلب"),
        ("شاطئ", "beach"),
        ("कुत्ता", "dog"),
        ("поезд", "train"),
        ("Dogs", "dog"),
        ("boot", "boot"),  # English first
    ],
)
def test_labels_are_filtered_by_in_other_languages(name: str, label: str):
    (found,) = SearchRequest(f"shows:{name}").parsed().filters
    assert found == Filter("shows", label)
    (negated,) = SearchRequest(f"x NOT shows\uff1a{name}").parsed().filters
    assert negated == Filter("shows", label, negated=True)


def test_names_of_labels_are_of_labels_and_no_labels_themselves():
    vocabulary = set(label_names())
    names = tomllib.loads(NAMES.read_text(encoding="utf-8"))
    assert names.keys() <= vocabulary
    others = [label_key(each) for row in names.values() for each in row]
    assert len(set(others)) == len(others)
    assert not set(others) & {label_key(each) for each in vocabulary}
