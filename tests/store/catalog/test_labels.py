"""Labels of segments, and the filter that reads them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from store.catalog.catalog import Catalog
from store.filters import parse_filter
from store.types import Label
from tests.support.catalog import CUES, a_video, ids_of, put, some_segments

DOG, RIDING = Label("dog", 0.9), Label("riding a bicycle", 0.4)


def labelled(catalog: Catalog, path: str = "/films/a.mp4", **facts: object) -> int:
    first, second = some_segments()
    segments = [replace(first, labels=(RIDING, DOG)), second]
    number = catalog.put_video(a_video(path, labels_stamp="m 1", **facts), segments, CUES).id
    assert number is not None
    return number


def shows(catalog: Catalog, text: str, *, negated: bool = False) -> list[int]:
    return catalog.segments.ids([replace(parse_filter("shows", text), negated=negated)]).tolist()


def test_labels_come_back_the_surest_first(catalog: Catalog) -> None:
    first, second = ids_of(catalog, labelled(catalog))
    assert catalog.labels.of([first, second, 77]) == {first: [DOG, RIDING]}
    assert catalog.labels.counts() == {"dog": 1, "riding a bicycle": 1}


@pytest.mark.parametrize(
    "text",
    ["dog", "DOGS", "the dog", "riding a bicycle", "riding  Bicycles", "Riding-the_bicycle", "\uff24\uff2f\uff27"],
)
def test_case_articles_and_plurals_do_not_matter(catalog: Catalog, text: str) -> None:
    first, second = ids_of(catalog, labelled(catalog))
    assert shows(catalog, text) == [first]
    assert shows(catalog, text, negated=True) == [second]


@pytest.mark.parametrize("text", ["do", "bicycle", "dog riding", "犬", "%", "d_g", "a"])
def test_only_whole_labels_are_found(catalog: Catalog, text: str) -> None:
    labelled(catalog)
    if any(map(str.isalnum, text)):
        assert shows(catalog, text) == []
    else:
        with pytest.raises(ValueError, match="shows: needs a word"):
            shows(catalog, text)


def test_copies_have_the_labels_and_removed_videos_take_them_along(catalog: Catalog) -> None:
    source = labelled(catalog)
    copy = catalog.copy_video(source, a_video("/films/b.mp4", labels_stamp="m 1"))
    assert copy.id is not None
    assert catalog.labels.counts() == {"dog": 2, "riding a bicycle": 2}
    assert catalog.labels.stale("m 1") == []
    catalog.videos.remove([source])
    assert list(catalog.labels.of(ids_of(catalog, copy.id)).values()) == [[DOG, RIDING]]
    assert catalog.labels.counts() == {"dog": 1, "riding a bicycle": 1}


def test_labels_are_replaced_and_stale_ones_known(catalog: Catalog) -> None:
    new, old = labelled(catalog), put(catalog, "/films/old.mp4")
    assert catalog.labels.stale("m 1") == [old]
    assert catalog.labels.stale("m 2") == [new, old]
    first, second = ids_of(catalog, new)
    catalog.labels.put(new, {first: [], second: [Label("cat", 0.5)]}, stamp="m 2")
    assert catalog.labels.of([first, second]) == {second: [Label("cat", 0.5)]}
    assert catalog.labels.stale("m 2") == [old]


def test_labels_of_segments_that_are_gone_are_left_out(catalog: Catalog) -> None:
    number = labelled(catalog)
    first, _ = ids_of(catalog, number)
    catalog.labels.put(number, {first: [DOG], 999: [DOG]}, stamp="m 2")
    assert catalog.labels.counts() == {"dog": 1}
    assert catalog.labels.stale("m 2") == [number]  # its segments are others now
