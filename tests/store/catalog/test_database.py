"""The file: how it is made, migrated, refused and shared."""

from __future__ import annotations

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlite_utils import Database

import store.catalog.sqlite
from store.catalog import migrations
from store.catalog.catalog import Catalog
from store.errors import BusyLibrary, EncoderMismatch, NewerLibrary, NotALibrary, NotInLibrary, StoreError
from store.types import Cue, EncoderInfo
from tests.support.catalog import DIM, a_video, found, lines, put, some_segments


def test_settings(catalog: Catalog) -> None:
    assert catalog.database.setting("interval") is None
    catalog.database.set_setting("interval", "1")
    catalog.database.set_setting("interval", "2")
    assert catalog.database.setting("interval") == "2"


def test_the_file_and_its_folder_are_made_and_used_again(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "library.db"
    with Catalog.open(str(path), EncoderInfo("mini@1", DIM)) as catalog:
        name = catalog.library_id
        lines(catalog, "hello")
        assert catalog.database.sqlite.journal_mode == "wal"
    with Catalog.open(path) as catalog:
        assert catalog.library_id == name
        assert len(name) == 32
        assert found(catalog, "hello") == ["hello"]
    with Catalog.open(tmp_path / "other.db") as catalog:
        assert catalog.library_id != name


def test_an_empty_file_is_migrated_through_every_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "library.db"
    path.touch()
    with Catalog.open(path) as catalog:
        assert migrations.version(catalog.database.sqlite) == len(migrations.MIGRATIONS)

    def add_stars(db: Database) -> None:
        db.execute("ALTER TABLE settings ADD COLUMN stars INTEGER")

    def fail(db: Database) -> None:
        db.execute("ALTER TABLE settings ADD COLUMN other INTEGER")
        raise RuntimeError("no")

    monkeypatch.setattr(migrations, "MIGRATIONS", (*migrations.MIGRATIONS, add_stars, fail))
    with pytest.raises(RuntimeError, match="no"):
        Catalog.open(path)
    monkeypatch.setattr(migrations, "MIGRATIONS", migrations.MIGRATIONS[:-1])
    with Catalog.open(path) as catalog:
        assert migrations.version(catalog.database.sqlite) == len(migrations.MIGRATIONS)
        assert list(catalog.database.sqlite.table("settings").columns_dict) == ["name", "value", "stars"]


def test_a_library_of_the_first_release_keeps_what_it_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as before:
        before.setattr(migrations, "MIGRATIONS", migrations.MIGRATIONS[:1])
        with Catalog.open(tmp_path / "library.db") as catalog:
            row = ("/films/broken.mp4", 1, 1, "open", "no video", "2026-01-31T12:00:00+00:00")
            catalog.database.execute("INSERT INTO failures VALUES (?, ?, ?, ?, ?, ?)", *row)
            assert "judgements" not in catalog.database.sqlite.table_names()
    with Catalog.open(tmp_path / "library.db") as catalog:
        (failure,) = catalog.failures.all()
        assert (failure.path, failure.mtime_ns) == ("/films/broken.mp4", 1)
        assert catalog.judgements.all() == []


def test_a_library_of_a_newer_version_is_refused_untouched(tmp_path: Path) -> None:
    path = tmp_path / "library.db"
    with Catalog.open(path) as catalog:
        catalog.database.sqlite.execute("PRAGMA user_version = 99")
    before = path.read_bytes()
    with pytest.raises(
        NewerLibrary,
        match=rf"newer version of this program: its schema is 99, this version knows {len(migrations.MIGRATIONS)}",
    ):
        Catalog.open(path)
    assert path.read_bytes() == before


def test_files_that_are_no_library_are_refused_untouched(tmp_path: Path) -> None:
    text, foreign = tmp_path / "text.db", tmp_path / "foreign.db"
    text.write_text("not a database, but long enough to have a header " * 20)
    with Database(foreign) as db:
        db.table("bookmarks").insert({"url": "x"})
    for path, message in ((text, "no SQLite database"), (foreign, "it holds bookmarks")):
        before = path.read_bytes()
        with pytest.raises(NotALibrary, match=message):
            Catalog.open(path)
        assert path.read_bytes() == before


def test_a_folder_is_no_library(tmp_path: Path) -> None:
    with pytest.raises(sqlite3.OperationalError):
        Catalog.open(tmp_path)


def test_every_refusal_is_a_store_error() -> None:
    assert all(issubclass(kind, StoreError) for kind in (EncoderMismatch, NewerLibrary, NotALibrary, NotInLibrary))


def test_another_connection_reads_the_old_rows_while_one_writes(tmp_path: Path) -> None:
    path = tmp_path / "library.db"
    with Catalog.open(path, EncoderInfo("mini@1", DIM)) as writer, Catalog.open(path) as reader:
        put(writer)
        with writer.database.transaction():
            writer.database.sqlite.execute("DELETE FROM videos")
            assert writer.videos.all() == []
            assert reader.counts().videos == 1
            assert reader.segments.ids().tolist() == [1, 2]
            with Catalog.open(path) as late:
                assert late.fulltext.search(["onions"], limit=5) == [1, 2]
        assert reader.counts().videos == 0


def test_making_a_library_waits_for_another_who_makes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "library.db"
    path.touch()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        other.execute("ROLLBACK")

    monkeypatch.setattr("time.sleep", wait)
    with Catalog.open(path) as catalog:
        assert catalog.counts().videos == 0
    other.close()
    assert len(waits) == 1


def test_a_library_that_stays_locked_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store.catalog.sqlite, "_BUSY_SECONDS", 0)
    path = tmp_path / "library.db"
    path.touch()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(BusyLibrary, match="locked: another process"):
        Catalog.open(path)
    other.close()


def test_threads_share_a_catalog(tmp_path: Path) -> None:
    with (
        Catalog.open(tmp_path / "library.db", EncoderInfo("mini@1", DIM)) as catalog,
        ThreadPoolExecutor(4) as pool,
    ):
        written = [pool.submit(put, catalog, f"/films/{i}.mp4") for i in range(12)]
        seen = [pool.submit(lambda: (len(catalog.segments.ids()), catalog.counts())) for _ in range(12)]
        assert sorted(future.result() for future in written) == list(range(1, 13))
        assert all(future.result()[0] % 2 == 0 for future in seen)
        assert catalog.counts().segments == 24


def test_writers_wait_for_each_other(tmp_path: Path) -> None:
    path, start = tmp_path / "library.db", threading.Barrier(4)

    def index(name: int) -> None:
        start.wait()
        with Catalog.open(path, EncoderInfo("mini@1", DIM)) as catalog:
            for i in range(5):
                put(catalog, f"/films/{name}-{i}.mp4")

    with ThreadPoolExecutor(4) as pool:
        for future in [pool.submit(index, name) for name in range(4)]:
            future.result()
    with Catalog.open(path) as catalog:
        assert catalog.counts().videos == 20
        assert catalog.segments.ids().tolist() == list(range(1, 41))


def test_cues_keep_their_source_and_older_ones_are_subtitles(tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as before:
        before.setattr(migrations, "MIGRATIONS", migrations.MIGRATIONS[:8])
        db = Database(tmp_path / "library.db")
        migrations.migrate(db)
        db.execute("INSERT INTO videos SELECT 1, '/v/beach.mp4', 1, 1, '', '', '', 9, 25, 1, 1, 0, '', '', '' ")
        db.execute("INSERT INTO cues VALUES (1, 1, 0, 2, 'the onions', 'en')")
        db.conn.commit()
        db.close()
    with Catalog.open(tmp_path / "library.db", EncoderInfo("mini@1", DIM)) as catalog:
        assert catalog.cues.of(1) == [Cue(0, 2, "the onions", "en", "subtitles")]
        heard = [Cue(0, 1, "the onions", "en"), Cue(1, 2, "a door shuts", "en", "sounds")]
        stored = catalog.put_video(a_video("/v/other.mp4"), some_segments(), heard)
        assert stored.id is not None
        assert catalog.cues.of(stored.id) == heard
        copied = catalog.copy_video(stored.id, a_video("/v/copy.mp4"))
        assert copied.id is not None
        assert catalog.cues.of(copied.id) == heard
