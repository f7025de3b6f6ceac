from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from store.catalog.catalog import Catalog
from store.catalog.copying import copy
from store.catalog.judgements import Judgement
from store.catalog.searches import SavedSearch
from store.catalog.tags import Tag
from store.errors import LibraryError
from store.types import EncoderInfo, Failure, Label
from tests.support.catalog import DIM, a_video, found, ids_of, put, some_segments

MINI = EncoderInfo("mini@1", DIM, "mini", "shipped", "b:float32")


@pytest.fixture
def source(tmp_path: Path):
    with Catalog.open(tmp_path / "source.db", MINI) as catalog:
        for name in ("/films/a.mp4", "/films/b.mp4", "/films/c.mp4"):
            number = put(catalog, name, count=3)
        catalog.videos.remove([2])
        segments = [replace(each, text="nul \0 and \U0010f7ff") for each in some_segments(2, seed=7)]
        odd = b"/films/\xff caf\xc3\xa9.mp4".decode("utf-8", "surrogateescape")
        catalog.put_video(a_video(odd), segments, [])
        ids = ids_of(catalog, number)
        catalog.tags.put([Tag(ids[0], "Dog", 0.5, "zero-shot")], origin="zero-shot", video_ids=[number])
        catalog.labels.put(number, {ids[0]: [Label("dog", 0.75)]}, stamp="l")
        catalog.failures.put(Failure("/films/broken.mp4", 1, 2**70, "decode", "broken"))
        catalog.judgements.put(Judgement("onions", "/films/a.mp4", True))
        catalog.searches.put(SavedSearch("Dogs", "dog", more=(ids[0],)))
        yield catalog


def everything(catalog: Catalog) -> list[object]:
    videos = catalog.videos.all()
    return [
        videos,
        [[replace(each) for each in catalog.segments.of(video.id or 0)] for video in videos],
        catalog.segments.embeddings(catalog.segments.ids()).tolist(),
        [catalog.cues.of(video.id or 0) for video in videos],
        catalog.labels.counts(),
        catalog.tags.counts(),
        catalog.failures.all(),
        catalog.judgements.all(),
        catalog.searches.all(),
        catalog.encoder(),
        found(catalog, "onion"),
        catalog.fulltext.search(["café"], limit=9),
    ]


def shown(rows: list[object]) -> str:
    return repr(rows).replace("\\x00", "\ufffd")  # PostgreSQL holds no NUL in texts


def test_a_library_comes_back_as_it_was(source: Catalog, address: str, tmp_path: Path) -> None:
    with Catalog.open(address) as there, Catalog.open(tmp_path / "back.db") as back:
        first, second = copy(source, there), copy(there, back)
        assert first == second
        assert (first.videos, first.segments) == (3, 8)
        assert shown(everything(there)) == shown(everything(back)) == shown(everything(source))
        assert len({catalog.library_id for catalog in (source, there, back)}) == 3
        for catalog in (source, there.with_encoder(MINI), back.with_encoder(MINI)):
            put(catalog, "/films/new.mp4")
        assert ids_of(there, 5) == ids_of(source, 5)  # nor is an id of a removed video given again
        assert ids_of(back, 5) == ids_of(source, 5)


def test_a_copy_that_was_stopped_goes_on(source: Catalog, address: str) -> None:
    class Stopped(Exception):  # noqa: N818
        pass

    def stop_after(most: int) -> Callable[[int, int], None]:
        def tell(done: int, of: int) -> None:
            if done == most:
                raise Stopped

        return tell

    with Catalog.open(address) as target:
        with pytest.raises(Stopped):
            copy(source, target, stop_after(2))
        before = target.library_id
        source.videos.remove([1])
        source.tags.put([Tag(ids_of(source, 3)[1], "cat", 0.5, "zero-shot")], origin="zero-shot", video_ids=[3])
        target.database.execute("UPDATE embeddings SET hubness = 3 WHERE segment_id = ?", ids_of(source, 3)[0])
        copy(source, target)
        assert shown(everything(target)) == shown(everything(source))
        assert target.library_id != before  # vectors changed under the same ids


def test_no_library_is_overwritten(source: Catalog, address: str) -> None:
    with Catalog.open(address, MINI) as target:
        put(target, "/other/a.mp4")
        with pytest.raises(LibraryError, match="holds another library"):
            copy(source, target)
        with pytest.raises(LibraryError, match="is the library itself"):
            copy(source, source)
        assert [video.path for video in target.videos.all()] == ["/other/a.mp4"]
