"""Queries that are not English, in every interface."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from model.encoder import multilingual
from model.encoder.contract import ReadAsEnglish
from model.encoder.load import load
from search import Library
from search.cli.app import app
from search.query.request import SearchRequest
from search.tasks.classification import Labels
from tests.support.media import render
from tests.support.service import get, serving, tiny_encoder

NOT_ENGLISH = (
    "一只狗在海滩上奔跑",
    "ein Hund läuft am Strand",
    "un perro corre por la playa",
    "собака бежит по пляжу",
    "كلب يجري على الشاطئ",
)
INSTALL = "videobert-search[languages]"


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Library]:
    """Of a model with a map of languages, on a machine without a tower that it leads from."""
    folder = tmp_path / "model"
    tiny_encoder(folder)
    (folder / multilingual.MAP_FILE).touch()
    monkeypatch.setattr(multilingual, "installed", lambda: False)
    render(tmp_path / "film.mp4", frames=25)
    with Library(tmp_path / "library", encoder=load(folder)) as library:
        library.index([tmp_path / "film.mp4"])
        yield library


def test_what_was_read_as_english_is_said_in_every_door(library: Library, tmp_path: Path):
    film = tmp_path / "film.mp4"
    with pytest.warns(ReadAsEnglish, match="pip install"):
        library.search(NOT_ENGLISH[0])
    with pytest.warns(ReadAsEnglish):
        library.summarize(film, about=NOT_ENGLISH[1])
    with pytest.warns(ReadAsEnglish):
        Labels.of(["Straßenbahn", "fährt auf der Straße"], library.encoder)
    library.save_search("dogs", SearchRequest(NOT_ENGLISH[2]))
    with pytest.warns(ReadAsEnglish):
        library.run_search("dogs")
    for command in (
        ("search", NOT_ENGLISH[0]),
        ("searches", "run", "dogs"),
        ("summarize", str(film), "--about", NOT_ENGLISH[3], "--folder", str(tmp_path)),
    ):
        printed = CliRunner().invoke(app, [*command, "--library", str(library.folder), "--json"])
        assert printed.exit_code == 0, (command, printed.stderr, printed.exception)
        assert printed.stderr.count(INSTALL) == 1, command
        json.loads(printed.stdout)

    with pytest.warns(ReadAsEnglish):
        served(library, film)


def served(library: Library, film: Path) -> None:
    pytest.importorskip("mcp", reason="the extra mcp is not installed")
    from search.service.mcp import Tools

    tools = Tools(library)
    assert INSTALL in tools.search(NOT_ENGLISH[0])["note"]
    assert "note" not in tools.search("a dog on a beach")
    assert INSTALL in tools.storyboard(str(film), about=NOT_ENGLISH[1])[0]
    with serving(library.folder, library.encoder) as client:
        for text in NOT_ENGLISH:
            assert INSTALL in get(client, "search", q=text)["note"]
        assert INSTALL in get(client, "searches/dogs/moments")["note"]
        for text in ("a dog on a beach", "type:mp4", "said:Straßenbahn", ""):
            assert get(client, "search", q=text, within=str(film))["note"] == ""
        assert get(client, "search", q=NOT_ENGLISH[0], only="words")["note"] == ""
