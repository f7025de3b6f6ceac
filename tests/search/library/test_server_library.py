"""A library on a PostgreSQL server, from the command line and from Python, as one in a folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from model.encoder.contract import Encoder
from search.cli import app
from search.library import Library
from search.library.library import LIBRARY_VARIABLE
from store.errors import LibraryError
from tests.support.media import render
from tests.support.postgres import new_library


@pytest.fixture
def url(postgres: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return new_library(postgres).replace("postgres:@", "postgres:hunter2@")


def test_it_is_filled_searched_checked_and_copied(url: str, encoder: Encoder, tmp_path: Path) -> None:
    (tmp_path / "films").mkdir()
    film = render(tmp_path / "films" / "a.mp4")
    with Library(url, encoder=encoder) as library:
        assert library.index([film.parent]).indexed == 1
        assert [moment.path for moment in library.search("red")] == [str(film)]
        assert "hunter2" not in library.name
        assert "hunter2" not in str(library.folder)
        assert library.status()["bytes"] > 100_000
    with Library(url, encoder=encoder) as again:
        assert again.index([film.parent]).unchanged == 1

    def run(*arguments: str, code: int = 0) -> str:
        done = CliRunner().invoke(app, arguments, env={LIBRARY_VARIABLE: url})
        assert done.exit_code == code, done.output
        assert "hunter2" not in done.output
        return done.output

    assert str(film) in run("list")
    assert json.loads(run("status", "--json"))["videos"] == 1
    assert "sound" in run("library", "check")
    assert "pg_dump" in run("library", "backup", str(tmp_path / "copy"), code=1)
    assert "on both sides" in run("library", "copy", url, str(tmp_path / "copied"))
    assert "holds another library" in run("library", "copy", str(tmp_path / "copied"), url, code=1)
    assert str(film) in run("list", "--library", str(tmp_path / "copied"))
    assert run("remove", str(film)).startswith("Removed 1 video")
    assert "cannot be reached" in run("list", "--library", "postgresql://ann:hunter2@localhost:1/films", code=1)


def test_pgvector_is_the_index_of_all_processes(url: str, encoder: Encoder, tmp_path: Path) -> None:
    (tmp_path / "films").mkdir()
    first = render(tmp_path / "films" / "a.mp4")
    with Library(f"{url}&vectors=pgvector", encoder=encoder) as library, Library(url, encoder=encoder) as plain:
        assert library.search("red") == []
        plain.index([first.parent])  # without the parameter; the table is there
        moments = library.search("red", within=tmp_path / "films")
        assert [moment.path for moment in moments] == [str(first)]
        assert library.search("red in:b.mp4") == []
        assert [moment.path for moment in library.search("red in:a.mp4 THEN red")] == [
            moment.path for moment in plain.search("red in:a.mp4 THEN red")
        ]
        assert library.engine.index.ids().tolist() == plain.engine.index.ids().tolist()
        second = render(tmp_path / "films" / "b.mp4", frames=30)
        plain.index([second])
        assert {moment.path for moment in library.search("red")} == {str(first), str(second)}
        assert not (library.folder / "vectors.faiss").exists()
    with pytest.raises(LibraryError, match="vectors= takes pgvector, got 'chroma'"):
        Library(f"{url}&vectors=chroma")
