"""Videos and failures by their paths."""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np
import pytest

import store.catalog.failures
from store.catalog.catalog import Catalog
from store.filters import Filter
from store.types import Failure
from tests.support.catalog import a_video, ids_of, put


def test_failures(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store.catalog.failures, "now", lambda: "2030")
    video_id = put(catalog)
    catalog.failures.put(Failure("/films/a.mp4", 1, 2, "decode", "first"))
    failure = Failure("/films/a.mp4", 5, 6, "open", "No video stream in \udcff.", "2030")
    catalog.failures.put(failure)
    assert catalog.failures.at("/films/a.mp4") == replace(failure, reason="No video stream in ?.")
    assert ids_of(catalog, video_id) == [1, 2]
    assert catalog.counts().failures == 1
    assert catalog.failures.all("/films") == catalog.failures.all()
    assert catalog.failures.all("/other") == []
    catalog.failures.remove(["/films/a.mp4", "/never"])
    assert catalog.failures.at("/films/a.mp4") is None
    catalog.failures.put(failure)
    put(catalog)
    assert catalog.failures.all() == []


ODD = ["/v/100%", "/v/100%/a_b.mp4", "/v/100x/a.mp4", "/v/100%-/a.mp4", "/v/100%0", "/V/100%/a.mp4", "/v/é/[*]?'\".mp4"]


def test_within_is_a_file_or_folder_whatever_its_name(catalog: Catalog) -> None:
    for path in ODD:
        put(catalog, path, count=1)
        catalog.failures.put(Failure(path + ".txt", 1, 2, "open", "text"))
    assert [video.path for video in catalog.videos.all()] == sorted(ODD)
    inside = {
        within: [video.path for video in catalog.videos.all(within)] for within in ("/v/100%", "/v/100%/", "/V", "/")
    }
    assert inside["/v/100%"] == inside["/v/100%/"] == ["/v/100%", "/v/100%/a_b.mp4"]
    assert inside["/V"] == ["/V/100%/a.mp4"]
    assert len(inside["/"]) == len(ODD)
    assert [video.path for video in catalog.videos.all("/v/100%/a_b.mp4")] == ["/v/100%/a_b.mp4"]
    assert catalog.videos.all("/v/100%/aXb.mp4") == []
    assert [failure.path for failure in catalog.failures.all("/v/100%")] == ["/v/100%/a_b.mp4.txt"]
    assert catalog.segments.ids([Filter("within", "/v/100%")]).tolist() == [1, 2]
    assert catalog.segments.ids([Filter("within", "/nowhere")]).tolist() == []
    assert catalog.segments.ids([Filter("within", "/nowhere")]).dtype == np.int64


@pytest.mark.skipif(os.name != "posix", reason="file names are bytes on POSIX only")
def test_a_name_that_is_not_utf8_comes_back_as_it_was(catalog: Catalog) -> None:
    path = os.fsdecode(b"/films/caf\xe9/a.mp4")
    put(catalog, path)
    assert [video.path for video in catalog.videos.all(os.path.dirname(path))] == [path]
    video = catalog.videos.at(path)
    assert video is not None
    assert video.id is not None
    assert catalog.segments.located([1])[0].path == path
    assert catalog.move_video(video.id, a_video(path, size=3)).size == 3
    catalog.failures.put(Failure(path, 1, 2, "open", "x"))
    assert [failure.path for failure in catalog.failures.all()] == [path]
