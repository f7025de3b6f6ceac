"""Later versions print, offer and find what version 0.1.0 did; see `tests.support.golden`."""

import json
import shutil
from contextlib import closing
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from indexer.pipeline import IndexOptions
from model.encoder.contract import Encoder
from search.library import Library
from tests.support import golden
from tests.support.golden import GOLDEN

TOLERANCE = 1e-6


def read(name: str) -> Any:
    return json.loads((GOLDEN / name).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def golden_encoder() -> Encoder:
    return golden.golden_encoder()


@pytest.fixture
def old(tmp_path: Path) -> Path:
    return shutil.copytree(GOLDEN / "library", tmp_path / "library")


def test_help():
    assert golden.help_text() == (GOLDEN / "help.txt").read_text(encoding="utf-8")


def test_openapi(tmp_path: Path):
    assert golden.openapi(tmp_path / "library") == read("openapi.json")


def test_an_old_library_answers_the_same(old: Path, golden_encoder: Encoder):
    with Library(old, encoder=golden_encoder) as library:
        golden.same(golden.answers(library), read("answers.json"), tolerance=TOLERANCE)
    golden.same(golden.rows(old), read("rows.json"), tolerance=TOLERANCE)


def test_videos_of_an_old_library_are_known(tmp_path: Path, old: Path, golden_encoder: Encoder):
    """Files that were moved are recognised by what is in them and not looked at again."""
    videos = shutil.copytree(GOLDEN / "videos", tmp_path / "videos")
    with Library(old, encoder=golden_encoder) as library:
        with patch.object(type(golden_encoder), "features", side_effect=AssertionError("looked at again")):
            report = library.index([videos])
        assert (report.relocated + report.resubtitled, report.indexed) == (
            3,
            0,
        )  # by when the file of subtitles was written
        assert {Path(video.path).name for video in library.videos()} == {"first.mp4", "second.mp4", "third.mp4"}


def test_indexing_makes_the_same_library(tmp_path: Path, golden_encoder: Encoder):
    pytest.importorskip("decord")
    videos = shutil.copytree(GOLDEN / "videos", tmp_path / "videos")
    with closing(Library(tmp_path / "library", encoder=golden_encoder)) as library:
        library.index([videos], options=IndexOptions(reader="decord"))  # whose pixels those of version 0.1.0 are
    golden.same(golden.rows(tmp_path / "library"), read("rows.json"), tolerance=1e-4)
