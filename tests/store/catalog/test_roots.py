"""Drives that come and go."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from indexer.pipeline import IndexOptions, Report
from model.encoder.contract import Encoder
from search.library import Library
from search.query.request import SearchRequest
from tests.support.media import render


@pytest.fixture
def films(tmp_path: Path) -> Path:
    drive = tmp_path / "media" / "drive"
    (drive / "private").mkdir(parents=True)
    render(drive / "a.mp4", frames=25)
    render(drive / "private" / "b.mp4", frames=30)
    return drive


@pytest.fixture
def library(tmp_path: Path, films: Path, encoder: Encoder) -> Iterator[Library]:
    with Library(tmp_path / "library", encoder=encoder) as library:
        library.index([films])
        yield library


def prune(library: Library, *targets: Path) -> Report:
    return library.index(targets, options=IndexOptions(prune=True))


def taken(films: Path) -> None:
    films.rename(films.parent.parent / "away")


def empty_mount_point(films: Path) -> None:
    taken(films)
    films.mkdir()


@pytest.mark.parametrize("unmount", [taken, empty_mount_point])
def test_videos_of_a_drive_that_is_away_stay(library: Library, films: Path, unmount: Callable[[Path], None]):
    unmount(films)
    for targets in ([films], [films / "private"], [films.parent], [films / "a.mp4"]):
        report = prune(library, *targets)
        assert report.pruned == 0
        assert len(library.videos()) == 2
    report = prune(library, films)
    assert (len(report.offline), report.vanished) == (2, [])
    assert str(films) in report.offline_roots[0]
    if films.exists():
        films.rmdir()
    (films.parent.parent / "away").rename(films)
    report = prune(library, films)
    assert (report.offline, report.pruned, report.unchanged) == ([], 0, 2)


def test_a_drive_mounted_inside_is_missed(library: Library, films: Path):
    library.catalog.database.execute("UPDATE videos SET device = 4242 WHERE path LIKE '%b.mp4'")
    (films / "private" / "b.mp4").unlink()
    report = prune(library, films)
    assert (report.pruned, len(report.offline)) == (0, 1)
    assert "another device" in report.offline_roots[0]


def test_a_drive_that_got_another_number_is_there(library: Library, films: Path):
    library.catalog.database.execute("UPDATE videos SET device = 4242")
    (films / "private" / "b.mp4").unlink()
    assert prune(library, films).pruned == 1


def test_what_was_deleted_is_forgotten(library: Library, films: Path):
    shutil.rmtree(films / "private")
    assert prune(library, films).pruned == 1
    library.remove([films])
    assert library.catalog.roots.all() == []


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("in:drive", ["a.mp4", "b.mp4"]),
        ("in:drive/private", ["b.mp4"]),
        ("in:b.mp4", ["b.mp4"]),
        ("in:PARENT", []),
        ("in:/", ["a.mp4", "b.mp4"]),
        ("in:PARENT/drive", []),
    ],
)
def test_remote_filters_see_what_lies_below_roots(library: Library, films: Path, query: str, names: list[str]):
    text = query.replace("PARENT", films.parent.name)
    found = library.engine.search(SearchRequest(text, remote=True))
    assert sorted(Path(moment.path).name for moment in found) == names
    assert len(library.engine.search(SearchRequest(text))) == 2 or names == ["b.mp4"]


def test_remote_words_are_not_looked_for_in_names_of_folders(library: Library, films: Path):
    word = f'"{films.name}"'
    assert library.engine.search(SearchRequest(word))
    assert not library.engine.search(SearchRequest(word, remote=True))


def test_aliases_are_distinct(library: Library, films: Path, tmp_path: Path):
    other = tmp_path / "other" / "drive"
    other.mkdir(parents=True)
    render(other / "c.mp4", frames=20)
    library.index([other])
    assert [root.alias for root in library.catalog.roots.all()] == ["drive", "drive 2"]
