"""Copying a library into another database, of whatever dialect; it can be stopped, and goes on where it was.

Rows keep their ids. A video is copied with all it owns in one transaction, and compared afterwards by a checksum of
both sides. Which tables there are is read from the schema, so a new table is copied without a word here. Left out is
what is made again or is of one machine: full text, a change to another encoder that is under way, runs of indexing.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from store.catalog.catalog import Catalog
from store.catalog.changes import STARTED
from store.catalog.database import Database
from store.catalog.sqlite import SqliteDatabase
from store.errors import LibraryError
from store.paths import path_bytes

_FROM = "copied_from"  # the setting of an unfinished copy: of which library
_LEFT_OUT = (
    "sqlite_",
    "segments_fts",
    "terms",
    "tracks",
    "next_",
    "attempts",
    "jobs",
    "changes",
    "settings",
)  # beginnings of names of tables
_OWN_SETTINGS = (
    "generation",
    "library_id",
    "schema_version",
    "successor",
    "successor_origin",
    "vectors",
    STARTED,
    _FROM,
)


@dataclass(frozen=True)
class Copied:
    """What a copy holds, counted on both sides."""

    videos: int
    segments: int
    rows: int  # of all tables
    checksum: str  # BLAKE2b of them all, hex; the same on both sides


@dataclass(frozen=True)
class _Table:
    name: str
    columns: tuple[str, ...]

    @property
    def of_video(self) -> str | None:
        """The condition on the rows that one video owns, None where a table is not of videos."""
        if self.name == "videos":
            return "id = ?"
        if "video_id" in self.columns:
            return "video_id = ?"
        return "segment_id IN (SELECT id FROM segments WHERE video_id = ?)" if "segment_id" in self.columns else None


def copy(source: Catalog, target: Catalog, tell: Callable[[int, int], None] = lambda done, of: None) -> Copied:
    """Make an empty library, or an unfinished copy of the same source, equal to the source.

    Args:
        tell: is called with how many videos were copied or compared, and how many there are.

    Raises:
        LibraryError: the target holds another library, or the source changed meanwhile.
        ReadOnlyLibrary: the target cannot be written to.
    """
    _begin(source.database, target.database)
    tables = _tables()
    for table in tables:
        if table.of_video is None and _rows(source.database, table) != _rows(target.database, table):
            _replace(source.database, target.database, table)
    copied = _copy_videos(source, target, [table for table in tables if table.of_video], tell)
    with target.database.transaction():
        for table in tables:
            if "id" in table.columns:
                _keep_last_id(source.database, target.database, table.name)
        target.database.execute("DELETE FROM settings WHERE name = ?", _FROM)
    return copied


def _begin(source: Database, target: Database) -> None:
    started = target.setting(_FROM)
    if target.library_id == source.library_id:
        raise LibraryError(f"{target.name} is the library itself, or a copy of its files")
    if started != source.library_id and (started or target.rows("SELECT 1 FROM videos LIMIT 1")):
        raise LibraryError(f"{target.name} holds another library; a copy needs a new place")
    settings = source.rows("SELECT name, value FROM settings")
    with target.transaction():
        target.set_setting(_FROM, source.library_id)
        for row in settings:
            if row["name"] not in _OWN_SETTINGS:
                target.set_setting(row["name"], row["value"])


def _tables() -> list[_Table]:
    """All tables that are copied; those that others refer to come first, and those of videos last."""
    with SqliteDatabase(":memory:") as plan:
        names = [name for (name,) in plan.tuples("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY rowid")]
        tables = [
            _Table(name, tuple(column for _, column, *_ in plan.tuples(f"PRAGMA table_info({name})")))
            for name in names
            if not name.startswith(_LEFT_OUT)
        ]
    return sorted(tables, key=lambda table: table.of_video is not None)


def _copy_videos(source: Catalog, target: Catalog, tables: list[_Table], tell: Callable[[int, int], None]) -> Copied:
    videos = tables[[table.name for table in tables].index("videos")]
    wanted, held = _digests(source.database, videos), _digests(target.database, videos)
    target.videos.remove(number for number, digest in held.items() if wanted.get(number) != digest)
    total, rows = hashlib.blake2b(digest_size=16), 0
    for done, number in enumerate(wanted, 1):
        theirs, count = _digest(source.database, tables, number)
        fresh = held.get(number) != wanted[number]
        if fresh or _digest(target.database, tables, number)[0] != theirs:
            _copy_video(source, target, tables, number)
            if not fresh:  # its vectors were another's under the same ids: no cache of them may be believed
                target.database.set_setting("library_id", uuid.uuid4().hex)
            if _digest(target.database, tables, number)[0] != theirs:
                raise LibraryError(f"{source.database.name} changes while it is copied; copy it again to go on")
        total.update(theirs)
        rows += count
        tell(done, len(wanted))
    counts, ours = target.counts(), source.counts()
    if (counts.videos, counts.segments) != (ours.videos, ours.segments):
        raise LibraryError(f"{source.database.name} changes while it is copied; copy it again to go on")
    return Copied(counts.videos, counts.segments, rows, total.hexdigest())


def _copy_video(source: Catalog, target: Catalog, tables: list[_Table], number: int) -> None:
    with target.database.transaction():
        target.videos.remove([number])
        for table in tables:
            found = source.database.rows(f"SELECT * FROM {table.name} WHERE {table.of_video}", number)
            target.database.insert_all(table.name, map(_as_held, found))
        target.fulltext.index(number)


def _replace(source: Database, target: Database, table: _Table) -> None:
    with target.transaction():
        target.execute(f"DELETE FROM {table.name}")
        target.insert_all(table.name, map(_as_held, source.rows(f"SELECT * FROM {table.name}")))


def _as_held(row: dict[str, Any]) -> dict[str, Any]:
    return row | {"path": path_bytes(row["path"])} if "path" in row else row


def _keep_last_id(source: Database, target: Database, table: str) -> None:
    """Let no id be given again that the source ever gave."""
    ((greatest,),) = source.tuples(f"SELECT coalesce(max(id), 0) FROM {table}")
    if table in ("videos", "segments"):
        target.set_last_id(table, max(greatest, source.last_id(table)))
    elif target.dialect == "postgresql":
        target.set_last_id(table, greatest)


def _digests(database: Database, videos: _Table) -> dict[int, bytes]:
    """The checksum of each row of videos by its id, in order."""
    rows = database.rows("SELECT * FROM videos ORDER BY id")
    return {row["id"]: hashlib.blake2b(_text(row), digest_size=8).digest() for row in rows}


def _digest(database: Database, tables: list[_Table], number: int) -> tuple[bytes, int]:
    """The checksum of all that a video owns, and how many rows that is."""
    total, count = hashlib.blake2b(digest_size=16), 0
    for table in tables:
        for text in _rows(database, table, number):
            total.update(text)
            count += 1
    return total.digest(), count


def _rows(database: Database, table: _Table, *owner: int) -> list[bytes]:
    condition = f" WHERE {table.of_video}" if owner else ""
    return sorted(map(_text, database.rows(f"SELECT * FROM {table.name}{condition}", *owner)))


def _text(row: dict[str, Any]) -> bytes:
    """A row as bytes, whatever the order of its columns; PostgreSQL holds no NUL in texts."""
    values = {name: value.replace("\0", "\ufffd") if isinstance(value, str) else value for name, value in row.items()}
    return repr(sorted(values.items())).encode("utf-8", "surrogatepass")
