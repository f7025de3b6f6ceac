"""What is PostgreSQL's own; that all parts of a catalog do on it what they do on SQLite is tested with each of them."""

from __future__ import annotations

import threading

import psycopg
import pytest

import store.catalog.postgres
from store.catalog.address import connection_string, local_name, without_password, without_secrets
from store.catalog.catalog import Catalog
from store.catalog.migrations import MIGRATIONS
from store.catalog.postgres import PostgresDatabase, escaped, unescaped
from store.catalog.sqlite import SqliteDatabase
from store.errors import BusyLibrary, LibraryError, NewerLibrary, NotALibrary, ReadOnlyLibrary
from store.types import EncoderInfo
from tests.support.catalog import DIM, put
from tests.support.postgres import new_library

FIRST = 22  # migrations when PostgreSQL came; a library on it never had fewer


@pytest.fixture
def url(postgres: str) -> str:
    return new_library(postgres)


def schema(database: PostgresDatabase) -> list[tuple[object, ...]]:
    """Everything about columns and indexes, but for the order of columns and the name of the schema."""
    ((place,),) = database.tuples("SELECT current_schema()")
    return database.tuples(
        "SELECT table_name, column_name, data_type, is_nullable, coalesce(column_default, ''), collation_name "
        "FROM information_schema.columns WHERE table_schema = current_schema() ORDER BY 1, 2"
    ) + [
        (name, definition.replace(f"{place}.", ""))
        for name, definition in database.tuples(
            "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = current_schema() ORDER BY 1"
        )
    ]


def test_a_new_library_has_the_tables_of_sqlite(url: str) -> None:
    with PostgresDatabase(url) as here, SqliteDatabase(":memory:") as there:
        columns = {
            (table, name)
            for (table,) in there.tuples("SELECT name FROM sqlite_master WHERE type = 'table'")
            if not table.startswith(("sqlite_", "segments_fts", "terms_fts"))
            for _, name, *_ in there.tuples(f"PRAGMA table_info({table})")
        }
        assert columns == {
            row[:2] for row in schema(here) if len(row) == 6 and row[0] != "segments_fts" and row[1] != "rowid"
        }
        assert here.library_id
        assert here.generation == 1


@pytest.mark.parametrize("first", range(FIRST, len(MIGRATIONS)) or [FIRST])
def test_every_migration_makes_on_it_what_a_new_library_has(
    postgres: str, first: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, fresh = new_library(postgres), new_library(postgres)
    with monkeypatch.context() as past:
        past.setattr(store.catalog.postgres, "MIGRATIONS", MIGRATIONS[:first])
        PostgresDatabase(old).close()
    with PostgresDatabase(old) as migrated, PostgresDatabase(fresh) as new:
        assert schema(migrated) == schema(new)


def test_what_is_no_library_is_refused_and_left_alone(url: str) -> None:
    with psycopg.connect(connection_string(url), autocommit=True) as connection:
        connection.execute("CREATE TABLE people (name TEXT)")
        with pytest.raises(NotALibrary, match="it holds people"):
            PostgresDatabase(url)
        connection.execute("DROP TABLE people")
        with PostgresDatabase(url) as database:
            database.set_setting("schema_version", "99")
        with pytest.raises(NewerLibrary, match="its schema is 99"):
            PostgresDatabase(url)


def test_a_reader_reads_and_cannot_write(url: str) -> None:
    with Catalog.open(url, EncoderInfo("mini@1", DIM)) as catalog:
        put(catalog)
        ((place,),) = catalog.database.tuples("SELECT current_schema()")
    with psycopg.connect(connection_string(url), autocommit=True) as connection:
        role = f"reader_of_{place}"
        for statement in (
            f"CREATE ROLE {role} LOGIN",
            f"GRANT USAGE ON SCHEMA {place} TO {role}",
            f"GRANT SELECT ON ALL TABLES IN SCHEMA {place} TO {role}",
            f"GRANT SELECT ON ALL SEQUENCES IN SCHEMA {place} TO {role}",
        ):
            connection.execute(statement)  # type: ignore[arg-type]
    with Catalog.open(url.replace("postgres:@", f"{role}:@"), EncoderInfo("mini@1", DIM)) as catalog:
        assert catalog.database.read_only
        assert catalog.counts().segments == 2
        with pytest.raises(ReadOnlyLibrary):
            catalog.videos.remove([1])


def test_writers_wait_for_each_other_and_not_for_ever(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with PostgresDatabase(url) as one:
        monkeypatch.setattr(store.catalog.postgres, "_BUSY_SECONDS", 0.1)
        with PostgresDatabase(url) as other:
            with one.transaction():
                one.set_setting("a", "1")
                assert other.setting("a") is None  # reads wait for nobody
                with pytest.raises(BusyLibrary, match="another process writes"), other.transaction():
                    pass
            with other.transaction():
                other.set_setting("a", "2")
            assert one.setting("a") == "2"


def test_many_threads_write_whole_videos(url: str) -> None:
    with Catalog.open(url, EncoderInfo("mini@1", DIM)) as one, Catalog.open(url, EncoderInfo("mini@1", DIM)) as other:
        threads = [
            threading.Thread(target=put, args=(catalog, f"/films/{number}.mp4", 3))
            for number in range(6)
            for catalog in (one, other)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (one.counts().videos, one.counts().segments) == (6, 18)
        for video in other.videos.all():
            ids = [segment.id or 0 for segment in other.segments.of(video.id or 0)]
            assert ids == list(range(ids[0], ids[0] + 3))


def test_it_goes_on_after_the_server_dropped_the_connections(url: str) -> None:
    with PostgresDatabase(url) as database, psycopg.connect(connection_string(url), autocommit=True) as connection:
        drop = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND query <> ''"
        database.set_setting("a", "1")
        connection.execute(drop)
        assert database.setting("a") == "1"
        with database.transaction():
            database.set_setting("a", "2")

        def half() -> None:
            with database.transaction():
                database.set_setting("a", "3")
                connection.execute(drop)
                database.set_setting("b", "3")

        with pytest.raises(LibraryError):
            half()
        assert (database.setting("a"), database.setting("b")) == ("2", None)


@pytest.mark.parametrize(
    "name", [b"/films/a.mp4", "/films/é 日本.mp4".encode(), b"/f/\xff\xfe.mp4", "/f/\U0010f7ff\U0010f780.mp4".encode()]
)
def test_every_name_of_a_file_can_be_held(name: bytes) -> None:
    escaped(name).encode()
    assert unescaped(escaped(name)).encode("utf-8", "surrogateescape") == name


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://ann:s3cret@db:5432/films", "postgresql://ann@db:5432/films"),
        ("postgresql://ann:s3@cret/x@db/films", "postgresql://ann@db/films"),
        ("postgresql://db/films?user=ann&password=s3cret", "postgresql://db/films?user=ann"),
        ("postgresql:///films?host=/run/pg", "postgresql:///films?host=/run/pg"),
        ("postgres://ann@db/films?vectors=pgvector", "postgres://ann@db/films?vectors=pgvector"),
    ],
)
def test_passwords_are_not_shown(url: str, shown: str) -> None:
    assert without_password(url) == shown
    assert local_name(url) == local_name(shown)


def test_messages_are_shown_without_passwords() -> None:
    said = without_secrets('host name "s3@cret"\nis not known (s3%40cret)', "postgresql://ann:s3%40cret@db/films")
    assert said == 'host name "***" is not known (***)'


def test_a_server_that_is_not_there_is_named_without_the_password() -> None:
    with pytest.raises(LibraryError, match="postgresql://ann@localhost:1/films cannot be reached") as told:
        PostgresDatabase("postgresql://ann:hunter2@localhost:1/films")
    assert "hunter2" not in str(told.value)
    with pytest.raises(LibraryError) as told:
        PostgresDatabase("postgresql://ann:hunter2/x@lo cal:port/films")
    assert "hunter2" not in str(told.value)
