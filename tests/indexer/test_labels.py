"""Labels of a library: made with the index, for libraries of before, and anew for another encoder."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from model.encoder import labels
from model.encoder.contract import Encoder
from search import Library
from search.cli.app import app
from tests.support.media import render

CUES = "1\n00:00:00,500 --> 00:00:01,500\na red dog\n"


@pytest.fixture(autouse=True)
def all_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tiny random model is sure of nothing."""
    monkeypatch.setattr(labels, "SHOWN", 0.0)


@pytest.fixture
def films(tmp_path: Path) -> Path:
    folder = tmp_path / "films"
    folder.mkdir()
    render(folder / "one.mp4", frames=75)
    render(folder / "two.mp4", frames=50)
    return folder


@pytest.fixture
def library(films: Path, encoder: Encoder, tmp_path: Path):
    with Library(tmp_path / "library", encoder=encoder) as opened:
        opened.index([films])
        yield opened


def held(library: Library) -> dict[int, list[str]]:
    found = library.catalog.labels.of(library.catalog.segments.ids().tolist())
    return {number: [label.name for label in own] for number, own in found.items()}


def forget_labels(library: Library) -> None:
    """What a library of an earlier version is like."""
    with library.catalog.database.transaction():
        library.catalog.database.execute("DELETE FROM labels")
        library.catalog.database.execute("UPDATE videos SET labels_stamp = ''")


def test_every_segment_is_labelled_and_found_by_its_labels(library: Library) -> None:
    names = held(library)
    assert set(names) == set(library.catalog.segments.ids().tolist())
    name = names[1][0]
    moments = library.search(f'shows:"{name}"')
    assert 1 in {hit.segment_id for moment in moments for hit in moment.hits}
    assert name in moments[0].labels
    assert name in moments[0].as_dict()["labels"]
    assert library.similar(2)[0].labels
    assert library.search("shows:nothing") == []


def test_libraries_of_before_are_labelled_without_decoding(library: Library, films: Path) -> None:
    before = held(library)
    forget_labels(library)
    shutil.rmtree(films)
    films.mkdir()
    report = library.index([films])
    assert (report.labelled, report.indexed) == (2, 0)
    assert held(library) == before
    assert library.index([films]).labelled == 0
    forget_labels(library)
    assert library.reindex().labelled == 2
    assert held(library) == before


def test_words_change_no_label(library: Library, films: Path) -> None:
    before = held(library)
    for name in ("one", "two"):
        (films / f"{name}.srt").write_text(CUES)
    assert library.index([films]).resubtitled == 2
    after = held(library)
    assert list(after.values()) == list(before.values())
    forget_labels(library)
    assert library.index([films]).labelled == 2
    assert held(library) == after


def test_copies_are_not_labelled_again(library: Library, films: Path) -> None:
    shutil.copy(films / "one.mp4", films / "three.mp4")
    report = library.index([films])
    assert (report.relocated, report.labelled) == (1, 0)
    assert len(held(library)) == library.catalog.counts().segments


def test_another_vocabulary_labels_anew(library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stamps = {video.labels_stamp for video in library.videos()}
    monkeypatch.setattr(labels, "MOST", 3)  # as a new version of the program might
    assert library.index([tmp_path / "films"]).labelled == 2
    assert {len(names) for names in held(library).values()} == {3}
    assert stamps.isdisjoint(video.labels_stamp for video in library.videos())


def test_the_command_line_shows_labels(library: Library) -> None:
    name, folder = held(library)[1][0], str(library.folder)
    said = CliRunner().invoke(app, ["search", f'shows:"{name}"', "--library", folder, "--json"])
    assert name in json.loads(said.stdout)[0]["labels"]
    said = CliRunner().invoke(app, ["search", f'shows:"{name}"', "--library", folder])
    assert f"shows {name}" in said.stdout
    said = CliRunner().invoke(app, ["show", "1", "--library", folder])
    assert f"shows {name}" in said.stdout
    assert (
        name
        in json.loads(CliRunner().invoke(app, ["show", "1", "--library", folder, "--json"]).stdout)["segments"][0][
            "labels"
        ]
    )
