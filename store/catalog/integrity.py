"""Whether the file of a library is sound, copies of it, and what can be saved of one that is not."""

from __future__ import annotations

import json
import math
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from store.arrays import VECTOR
from store.catalog.catalog import Catalog
from store.catalog.changes import STARTED
from store.catalog.database import Connection
from store.catalog.migrations import MIGRATIONS
from store.catalog.sqlite import SqliteDatabase
from store.errors import DamagedLibrary, NoLibrary

_MOST_TOLD = 10  # of one kind of damage
_CHUNK = 500  # rows read at a time
_OWNED = ("embeddings", "frame_features", "thumbnails")
# In order: rows that others refer to come first.
_TABLES = (
    *("settings", "videos", "segments", *_OWNED, "cues", "failures", "tags", "labels", "windows", "judgements"),
    *("judged_runs", "searches", "search_feedback", "readings", "roots", "recognitions", "reels", "selects", "jobs"),
    "dismissals",
)


@dataclass
class Repair:
    """What was saved."""

    saved: dict[str, int] = field(default_factory=dict)  # rows by table
    videos_lost: int = 0  # with a part that could not be read; they are indexed again like new ones
    damaged: Path | None = None  # where the old file is now


def problems(path: Path) -> list[str]:
    """Return what is wrong with the file of a library, in sentences; nothing where it is sound.

    Raises:
        NoLibrary: there is no such file.
    """
    if not path.is_file():
        raise NoLibrary(f"no library at {path.parent}")
    found: list[str] = []
    with closing(_read_only(path)) as db:
        for look in (_structure, _links, _parts, _blobs, _words, _settings):
            try:
                found += look(db)
            except sqlite3.Error as error:
                found.append(f"{look.__name__.strip('_')} cannot be read: {error}")
            except (ValueError, TypeError) as error:
                found.append(f"{look.__name__.strip('_')} make no sense: {error}")
    return found


def problems_on_server(url: str) -> list[str]:
    """Return what is wrong with the rows of a library in PostgreSQL, which sees to its files and links itself."""
    from store.catalog.postgres import PostgresDatabase

    with PostgresDatabase(url) as database:
        return [problem for look in (_parts, _blobs, _settings) for problem in look(database.session)]


def backup(path: Path, target: Path) -> None:
    """Copy a library that may be in use, by SQLite's backup; the copy has its transactions whole.

    Raises:
        NoLibrary: there is no library.
        FileExistsError: something stands under the name of the target.
        DamagedLibrary: it cannot be read.
    """
    if not path.is_file():
        raise NoLibrary(f"no library at {path.parent}")
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o600)
    os.close(descriptor)
    try:
        with closing(_read_only(path)) as source, closing(sqlite3.connect(target)) as copy:
            source.backup(copy)
    except sqlite3.Error as error:
        target.unlink()
        raise DamagedLibrary(f"{path} cannot be copied: {error}") from error
    except BaseException:
        target.unlink()
        raise


def repair(path: Path) -> Repair:
    """Make the file of a library anew from the rows that can be read; the old one stays beside it.

    A video of which something is missing is left out: it is not known by then, and indexed again.

    Raises:
        NoLibrary: there is no such file.
        DamagedLibrary: nothing of it can be read.
    """
    if not path.is_file():
        raise NoLibrary(f"no library at {path.parent}")
    fresh = path.with_name(f"{path.name}.repaired")
    _remove(fresh)
    done = Repair()
    database = SqliteDatabase(fresh)
    with Catalog(database) as catalog, closing(_read_only(path)) as source:
        db = database.sqlite.conn
        with catalog.database.transaction():
            for table in _TABLES:
                done.saved[table] = _salvaged(source, db, table)
            if not done.saved["videos"] and not done.saved["settings"]:
                raise DamagedLibrary(f"nothing of {path} can be read; restore a backup, or index into a new library")
            done.videos_lost = _drop_broken(db)
            for (number,) in db.execute("SELECT id FROM videos").fetchall():
                catalog.fulltext.index(number)
            # What was lost is not in the log.
            catalog.database.set_setting(STARTED, str(catalog.database.generation + 1))
        done.saved["videos"] = catalog.counts().videos
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    number = 1
    while (damaged := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    for suffix in ("", "-wal", "-shm"):
        with suppress(FileNotFoundError):
            os.replace(f"{path}{suffix}", f"{damaged}{suffix}")
    os.replace(fresh, path)
    _remove(fresh)
    done.damaged = damaged
    return done


def _read_only(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
    db.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
    return db


def _structure(db: sqlite3.Connection) -> Iterator[str]:
    for (said,) in db.execute(f"PRAGMA integrity_check({_MOST_TOLD})"):
        if said != "ok":
            yield f"the file is damaged: {said}"
    (version,) = db.execute("PRAGMA user_version").fetchone()
    tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if version == len(MIGRATIONS) and (missing := [name for name in _TABLES if name not in tables]):
        yield f"tables are missing: {', '.join(missing)}"


def _links(db: sqlite3.Connection) -> Iterator[str]:
    broken = db.execute("PRAGMA foreign_key_check").fetchmany(_MOST_TOLD)
    for table, row, parent, _ in broken:
        yield f"row {row} of {table} belongs to nothing in {parent}"


def _parts(db: Connection) -> Iterator[str]:
    for table in _OWNED:
        sql = f"SELECT count(*) FROM segments WHERE NOT EXISTS (SELECT 1 FROM {table} WHERE segment_id = segments.id)"
        (count,) = db.execute(sql).fetchone()
        if count:
            yield f"{count} segments have no row in {table}"
    (count,) = db.execute("SELECT count(*) FROM videos WHERE id NOT IN (SELECT video_id FROM segments)").fetchone()
    if count:
        yield f"{count} videos have no segments"


def _blobs(db: Connection) -> Iterator[str]:
    for name, count in _bad_blobs(db).items():
        if count:
            yield f"{count} {name} cannot be read"


def _bad_blobs(db: Connection, broken: set[int] | None = None) -> dict[str, int]:
    """How many values of each kind are no values; the segments that they are of go into `broken`."""
    dim = _dim(db)
    bad = {"vectors": 0, "frame features": 0, "pictures": 0}

    def note(kind: str, segment: int) -> None:
        bad[kind] += 1
        if broken is not None:
            broken.add(segment)

    for segment, blob in db.execute("SELECT segment_id, vector FROM embeddings"):
        if not _is_unit(blob, dim):
            note("vectors", segment)
    sql = "SELECT segment_id, width, length(pts), length(data) FROM frame_features"
    for segment, width, times, data in db.execute(sql):
        if not width or width < 0 or times is None or data is None or times % 8 or data != 2 * width * (times // 8):
            note("frame features", segment)
    for segment, head in db.execute("SELECT segment_id, substr(jpeg, 1, 2) FROM thumbnails"):
        if head not in (b"\xff\xd8", b"jp", b""):
            note("pictures", segment)
    return bad


def _is_unit(blob: Any, dim: int | None) -> bool:
    if not isinstance(blob, bytes) or len(blob) % VECTOR.itemsize or (dim and len(blob) != dim * VECTOR.itemsize):
        return False
    with np.errstate(all="ignore"):
        length = float(np.linalg.norm(np.frombuffer(blob, VECTOR).astype(np.float64)))
    return math.isfinite(length) and abs(length - 1) < 1e-2


def _dim(db: Connection) -> int | None:
    row = db.execute("SELECT value FROM settings WHERE name = 'encoder'").fetchone()
    return None if row is None else int(json.loads(row[0])[1])


def _words(db: sqlite3.Connection) -> Iterator[str]:
    (lost,) = db.execute("SELECT count(*) FROM segments WHERE id NOT IN (SELECT rowid FROM segments_fts)").fetchone()
    if lost:
        yield f"{lost} segments are not in the full-text index"


def _settings(db: Connection) -> Iterator[str]:
    held = dict(db.execute("SELECT name, value FROM settings"))
    if not held.get("library_id"):
        yield "the library has no id"
    (videos,) = db.execute("SELECT count(*) FROM videos").fetchone()
    if "encoder" in held:
        json.loads(held["encoder"])
    elif videos:
        yield "nobody knows which encoder made the vectors"


def _salvaged(source: sqlite3.Connection, target: sqlite3.Connection, table: str) -> int:
    """Copy the rows of a table that can be read; columns that only one of the files has are left out."""
    theirs = [name for _, name, *_ in target.execute(f"PRAGMA table_info({table})")]
    try:
        ours = {name for _, name, *_ in source.execute(f"PRAGMA table_info({table})")}
    except sqlite3.Error:
        return 0
    columns = ", ".join(f'"{name}"' for name in theirs if name in ours)
    if not columns:
        return 0
    places = ", ".join("?" for name in theirs if name in ours)
    count = 0
    for row in _rows(source, table, columns):
        with suppress(sqlite3.Error):
            values = [
                os.fsencode(value).decode("utf-8", "surrogateescape") if isinstance(value, str) else value
                for value in row
            ]
            texts = [value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value for value in values]
            casts = ", ".join(
                f"CAST({place} AS TEXT)" if isinstance(value, str) else place
                for place, value in zip(places.split(", "), values, strict=True)
            )
            target.execute(f"INSERT OR REPLACE INTO {table} ({columns}) VALUES ({casts})", texts)
            count += 1
    return count


def _rows(source: sqlite3.Connection, table: str, columns: str) -> Iterator[tuple[Any, ...]]:
    """All rows that can be read, from both ends where there is a break in the middle."""
    last: int | None = None
    try:
        (most,) = source.execute(f"SELECT max(rowid) FROM {table}").fetchone()
    except sqlite3.OperationalError:  # a table without ids: what stands before a break
        with suppress(sqlite3.Error):
            yield from source.execute(f"SELECT {columns} FROM {table}")
        return
    except sqlite3.Error:
        most = None
    at = -(2**62)
    while True:
        sql = f"SELECT rowid, {columns} FROM {table} WHERE rowid > ? ORDER BY rowid LIMIT {_CHUNK}"
        count = 0
        try:
            for row in source.execute(sql, (at,)):
                at, count = row[0], count + 1
                yield row[1:]
        except sqlite3.Error:
            if most is None or last == at:
                break
            last = at
            at = max(at, 0)
            for number in range(at + 1, min(most, at + _MOST_SKIPPED) + 1):
                with suppress(sqlite3.Error):
                    row = source.execute(f"SELECT {columns} FROM {table} WHERE rowid = ?", (number,)).fetchone()
                    if row is not None:
                        yield row
                at = number
            continue
        if count < _CHUNK:
            break


_MOST_SKIPPED = 100_000  # rows that are tried one by one after a break


def _drop_broken(db: sqlite3.Connection) -> int:
    """Delete videos of which a part is missing; return how many."""
    broken: set[int] = set()
    _bad_blobs(db, broken)
    for table in _OWNED:
        sql = f"SELECT id FROM segments WHERE id NOT IN (SELECT segment_id FROM {table})"
        broken |= {number for (number,) in db.execute(sql)}
    videos = {
        video for number in broken for (video,) in db.execute("SELECT video_id FROM segments WHERE id = ?", (number,))
    }
    videos |= {
        number for (number,) in db.execute("SELECT id FROM videos WHERE id NOT IN (SELECT video_id FROM segments)")
    }
    for number in videos:
        db.execute("DELETE FROM videos WHERE id = ?", (number,))
    db.execute("DELETE FROM segments WHERE video_id NOT IN (SELECT id FROM videos)")
    db.execute("DELETE FROM cues WHERE video_id NOT IN (SELECT id FROM videos)")
    for table in (*_OWNED, "tags"):
        db.execute(f"DELETE FROM {table} WHERE segment_id NOT IN (SELECT id FROM segments)")
    db.execute("DELETE FROM search_feedback WHERE segment_id NOT IN (SELECT id FROM segments)")
    return len(videos)


def _remove(path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)
