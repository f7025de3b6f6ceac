"""Libraries that are damaged, copied and saved."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from store.catalog.catalog import Catalog
from store.catalog.integrity import backup, problems, repair
from store.errors import DamagedLibrary, NoLibrary, NotALibrary
from store.types import EncoderInfo
from tests.support.catalog import DIM, put

DAMAGE = {
    "a vector": "UPDATE embeddings SET vector = x'00' WHERE segment_id = 1",
    "a vector that is none": "UPDATE embeddings SET vector = zeroblob(length(vector)) WHERE segment_id = 1",
    "frame features": "UPDATE frame_features SET data = substr(data, 2) WHERE segment_id = 1",
    "times": "UPDATE frame_features SET pts = x'0102' WHERE segment_id = 1",
    "a picture": "UPDATE thumbnails SET jpeg = 'text' WHERE segment_id = 1",
    "a missing row": "DELETE FROM embeddings WHERE segment_id = 1",
    "an orphan": "PRAGMA foreign_keys = OFF; UPDATE segments SET video_id = 99 WHERE id = 1",
    "a video without segments": "DELETE FROM segments WHERE video_id = 1",
    "words": "DELETE FROM segments_fts WHERE rowid = 1",
    "an encoder": "UPDATE settings SET value = '{' WHERE name = 'encoder'",
    "an id": "DELETE FROM settings WHERE name = 'library_id'",
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "catalog.sqlite"
    with Catalog.open(path, EncoderInfo("mini@1", DIM)) as catalog:
        for number in range(5):
            put(catalog, f"/films/{number}.mp4")
    return path


def test_a_sound_library_has_no_problems(path: Path):
    assert problems(path) == []


@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_is_told(path: Path, kind: str):
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.executescript(DAMAGE[kind])
    assert problems(path)


@pytest.mark.parametrize("kind", [kind for kind in DAMAGE if kind not in ("an encoder", "an id")])
def test_a_repaired_library_is_sound_and_keeps_the_rest(path: Path, kind: str):
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.executescript(DAMAGE[kind])
    done = repair(path)
    assert problems(path) == []
    assert done.saved["videos"] >= 4
    assert done.damaged is not None
    assert done.damaged.exists()


def test_a_repaired_library_keeps_the_rows_of_every_table(path: Path):
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.executescript(
            """
            INSERT INTO tags VALUES (2, 'dog', 0.9, 'zero-shot'), (3, 'cat', 0.8, 'zero-shot');
            INSERT INTO labels VALUES (2, 'dog', 'dog', 0.9), (3, 'cat', 'cat', 0.8);
            INSERT INTO jobs VALUES ('1', '{}');
            INSERT INTO reels (name, changed_at) VALUES ('best', '2026-01-01');
            """
        )
        derived = ("segments_fts", "terms", "sqlite_", "next_", "attempts", "changes", "tracks")
        names = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        names = [name for name in names if not name.startswith(derived)]
        before = {name: db.execute(f"SELECT count(*) FROM {name}").fetchone() for name in names}
    repair(path)
    with closing(sqlite3.connect(path)) as db:
        assert {name: db.execute(f"SELECT count(*) FROM {name}").fetchone() for name in names} == before


def test_pages_that_are_overwritten_are_told_and_the_rest_is_saved(path: Path):
    content = bytearray(path.read_bytes())
    for page in range(12, len(content) // 4096, 5):
        content[page * 4096 : page * 4096 + 300] = b"\xff" * 300
    path.write_bytes(content)
    assert problems(path)
    try:
        repair(path)
    except DamagedLibrary:
        return
    assert problems(path) == []


def test_a_copy_is_whole_and_replaces_nothing(path: Path, tmp_path: Path):
    with Catalog.open(path, EncoderInfo("mini@1", DIM)) as catalog:
        put(catalog, "/films/late.mp4")
        backup(path, tmp_path / "copy.sqlite")
    assert problems(tmp_path / "copy.sqlite") == []
    with Catalog.open(tmp_path / "copy.sqlite") as copy:
        assert copy.counts().videos == 6
    with pytest.raises(FileExistsError):
        backup(path, tmp_path / "copy.sqlite")


def test_looking_at_nothing_makes_nothing(tmp_path: Path):
    for look in (problems, repair):
        with pytest.raises(NoLibrary, match="no library at"):
            look(tmp_path / "typo" / "catalog.sqlite")
    assert not (tmp_path / "typo").exists()


@pytest.mark.parametrize("content", [b"no database", b"SQLite format 3\x00" + b"\xff" * 5000])
def test_what_is_no_library_says_so(tmp_path: Path, content: bytes):
    (tmp_path / "catalog.sqlite").write_bytes(content)
    with pytest.raises((NotALibrary, DamagedLibrary), match=r"catalog\.sqlite"):
        Catalog.open(tmp_path / "catalog.sqlite")
