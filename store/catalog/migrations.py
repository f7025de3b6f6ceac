"""The schema of a library, as numbered steps.

``PRAGMA user_version`` counts the steps that were applied. A released step never changes: a change of the schema is
one more function at the end of ``MIGRATIONS``. All pending steps run in one transaction, and the version is read again
inside it, so two processes that open an old library at once migrate it once.

Columns are named as the fields in ``store.types``. Ids of videos and segments are AUTOINCREMENT: one that was removed
is never reused, so a stale vector index, or a saved link, never shows the wrong video.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from store.catalog.analyzer import TOKENIZER, analyze, name_words
from store.catalog.changes import STARTED, create_triggers
from store.catalog.segment_words import indexed, segment_words, spellings
from store.errors import NewerLibrary, NotALibrary

if TYPE_CHECKING:
    import sqlite3

    from sqlite_utils import Database


def create_library(db: Database) -> None:
    """Step 1: every table of the first release."""
    db.executescript(
        """
        CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);
        CREATE TABLE videos (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            path TEXT NOT NULL UNIQUE,
            size INTEGER NOT NULL,
            mtime_ns INTEGER NOT NULL,
            content_hash TEXT NOT NULL,
            container TEXT NOT NULL,
            codec TEXT NOT NULL,
            duration REAL NOT NULL,
            fps REAL NOT NULL,
            width INTEGER NOT NULL,
            height INTEGER NOT NULL,
            rotation INTEGER NOT NULL,
            subtitles_stamp TEXT NOT NULL,
            added_at TEXT NOT NULL,
            indexed_at TEXT NOT NULL
        );
        CREATE INDEX videos_content_hash ON videos (content_hash);
        CREATE TABLE segments (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            video_id INTEGER NOT NULL REFERENCES videos (id) ON DELETE CASCADE,
            start REAL NOT NULL,
            "end" REAL NOT NULL,
            text TEXT NOT NULL
        );
        CREATE INDEX segments_video_id ON segments (video_id);
        CREATE TABLE embeddings (
            segment_id INTEGER PRIMARY KEY REFERENCES segments (id) ON DELETE CASCADE,
            vector BLOB NOT NULL
        );
        CREATE TABLE frame_features (
            segment_id INTEGER PRIMARY KEY REFERENCES segments (id) ON DELETE CASCADE,
            width INTEGER NOT NULL,
            pts BLOB NOT NULL,
            data BLOB NOT NULL
        );
        CREATE TABLE thumbnails (
            segment_id INTEGER PRIMARY KEY REFERENCES segments (id) ON DELETE CASCADE,
            seconds REAL NOT NULL,
            jpeg BLOB NOT NULL
        );
        CREATE TABLE cues (
            id INTEGER PRIMARY KEY,
            video_id INTEGER NOT NULL REFERENCES videos (id) ON DELETE CASCADE,
            start REAL NOT NULL,
            "end" REAL NOT NULL,
            text TEXT NOT NULL,
            language TEXT NOT NULL,
            words TEXT NOT NULL
        );
        CREATE INDEX cues_video_id ON cues (video_id);
        CREATE TABLE failures (
            path TEXT PRIMARY KEY,
            size INTEGER NOT NULL,
            mtime_ns INTEGER NOT NULL,
            stage TEXT NOT NULL,
            reason TEXT NOT NULL,
            failed_at TEXT NOT NULL
        );
        """
    )
    db.table("cues").enable_fts(["words"], create_triggers=True, tokenize="unicode61 remove_diacritics 2")
    db.table("settings").insert({"name": "library_id", "value": uuid.uuid4().hex})


def add_judgements(db: Database) -> None:
    """Step 2: saved queries with judged answers, and where those stood when they were run."""
    db.executescript(
        """
        CREATE TABLE judgements (
            id INTEGER PRIMARY KEY,
            text TEXT NOT NULL,
            path TEXT NOT NULL,
            "right" INTEGER NOT NULL,
            start REAL,
            "end" REAL
        );
        CREATE INDEX judgements_path ON judgements (path);
        CREATE TABLE judged_runs (
            id INTEGER PRIMARY KEY,
            ran_at TEXT NOT NULL,
            encoder TEXT NOT NULL,
            ranks TEXT NOT NULL
        );
        """
    )


def add_successors(db: Database) -> None:
    """Step 3: embeddings and features of the next encoder, until it takes over (`store.catalog.reindexing`)."""
    db.executescript(
        """
        CREATE TABLE next_embeddings (
            segment_id INTEGER PRIMARY KEY REFERENCES segments (id) ON DELETE CASCADE,
            vector BLOB NOT NULL
        );
        CREATE TABLE next_frame_features (
            segment_id INTEGER PRIMARY KEY REFERENCES segments (id) ON DELETE CASCADE,
            width INTEGER NOT NULL,
            pts BLOB NOT NULL,
            data BLOB NOT NULL
        );
        """
    )


def add_tags(db: Database) -> None:
    """Step 4: labels of segments."""
    db.executescript(
        """
        CREATE TABLE tags (
            segment_id INTEGER NOT NULL REFERENCES segments (id) ON DELETE CASCADE,
            name TEXT NOT NULL COLLATE NOCASE,
            probability REAL NOT NULL,
            origin TEXT NOT NULL,
            PRIMARY KEY (segment_id, origin, name)
        ) WITHOUT ROWID;
        CREATE INDEX tags_name ON tags (name);
        """
    )


def add_words(db: Database) -> None:
    """Step 5: words by segment, with the names of files and folders, in place of words by subtitle line."""
    db.table("cues").disable_fts()
    db.execute("ALTER TABLE cues DROP COLUMN words")
    db.executescript(
        """
        CREATE VIRTUAL TABLE segments_fts USING fts5(
            said, named, tokenize = 'porter unicode61 remove_diacritics 2'
        );
        CREATE TRIGGER segments_fts_forget AFTER DELETE ON segments BEGIN
            DELETE FROM segments_fts WHERE rowid = old.id;
        END;
        """
    )
    _fill_words(db)


def add_searches(db: Database) -> None:
    """Step 6: searches with names, and which segments their answers should be more or less like."""
    db.executescript(
        """
        CREATE TABLE searches (
            name TEXT PRIMARY KEY COLLATE NOCASE,
            "query" TEXT NOT NULL,
            "only" TEXT,
            min_confidence REAL NOT NULL,
            per_video INTEGER
        );
        CREATE TABLE search_feedback (
            name TEXT NOT NULL COLLATE NOCASE REFERENCES searches (name) ON DELETE CASCADE,
            segment_id INTEGER NOT NULL REFERENCES segments (id) ON DELETE CASCADE,
            liked INTEGER NOT NULL,
            PRIMARY KEY (name, segment_id)
        ) WITHOUT ROWID;
        CREATE INDEX search_feedback_segment_id ON search_feedback (segment_id);
        """
    )


def add_scripts(db: Database) -> None:
    """Step 7: the words of every script, in the form of ``store.catalog.analyzer``."""
    db.execute("DROP TABLE segments_fts")
    tokenizer = "porter unicode61 remove_diacritics 2 categories ''L* N* Co M*''"
    db.execute(f"CREATE VIRTUAL TABLE segments_fts USING fts5(said, named, tokenize = '{tokenizer}')")
    _fill_words(db)


def _fill_words(db: Database) -> None:
    for number, path in db.execute("SELECT id, path FROM videos").fetchall():
        rows = db.execute(
            "SELECT id, coalesce((SELECT group_concat(text, char(10)) FROM cues "
            'WHERE video_id = ? AND cues.start < segments."end" AND cues."end" > segments.start), text) '
            "FROM segments WHERE video_id = ?",
            (number, number),
        ).fetchall()
        names = analyze(name_words(path))
        for segment, lines in rows:
            db.execute(
                "INSERT INTO segments_fts (rowid, said, named) VALUES (?, ?, ?)", (segment, analyze(lines), names)
            )


def add_readings(db: Database) -> None:
    """Step 8: text embeddings, in the table `readings`."""
    db.execute("CREATE TABLE readings (text TEXT PRIMARY KEY, encoder TEXT NOT NULL, vector BLOB NOT NULL)")


def add_cue_sources(db: Database) -> None:
    """Step 9: which text source found a cue."""
    db.execute("ALTER TABLE cues ADD COLUMN source TEXT NOT NULL DEFAULT 'subtitles'")


def add_time_eras(db: Database) -> None:
    """Step 10: times of files beyond the years 1677 to 2262; see ``store.times``."""
    db.execute("ALTER TABLE videos ADD COLUMN mtime_era INTEGER NOT NULL DEFAULT 0")
    db.execute("ALTER TABLE failures ADD COLUMN mtime_era INTEGER NOT NULL DEFAULT 0")


def add_attempts(db: Database) -> None:
    """Step 11: files that are being indexed."""
    db.execute("CREATE TABLE attempts (path TEXT PRIMARY KEY)")


def add_mirrored(db: Database) -> None:
    """Step 12: videos that a player mirrors."""
    db.execute("ALTER TABLE videos ADD COLUMN mirrored INTEGER NOT NULL DEFAULT 0")


def add_languages(db: Database) -> None:
    """Step 13: the kind of a cue's track, and the language of the subtitles that a video is embedded with."""
    db.execute("ALTER TABLE cues ADD COLUMN kind TEXT NOT NULL DEFAULT ''")
    db.execute("ALTER TABLE videos ADD COLUMN language TEXT NOT NULL DEFAULT ''")


def add_windows(db: Database) -> None:
    """Step 14: embeddings of short windows of segments, and how near each segment is to a query bank.

    Libraries of older versions have neither until ``videobert reindex``; searches compute what is missing.
    """
    for table in ("windows", "next_windows"):
        db.execute(
            f"CREATE TABLE {table} (segment_id INTEGER PRIMARY KEY REFERENCES segments (id) ON DELETE CASCADE, "
            "width INTEGER NOT NULL, pts BLOB NOT NULL, data BLOB NOT NULL, hubness BLOB NOT NULL)"
        )
    for table in ("embeddings", "next_embeddings"):
        db.execute(f"ALTER TABLE {table} ADD COLUMN hubness REAL")


def add_labels(db: Database) -> None:
    """Step 15: labels of segments; older videos get theirs at the next `index` or `reindex`."""
    db.executescript(
        """
        ALTER TABLE videos ADD COLUMN labels_stamp TEXT NOT NULL DEFAULT '';
        CREATE TABLE labels (
            segment_id INTEGER NOT NULL REFERENCES segments (id) ON DELETE CASCADE,
            name TEXT NOT NULL,
            "key" TEXT NOT NULL,
            score REAL NOT NULL,
            PRIMARY KEY (segment_id, name)
        ) WITHOUT ROWID;
        CREATE INDEX labels_key ON labels ("key", segment_id);
        """
    )


def add_identities(db: Database) -> None:
    """Step 16: which file a video was, how much of it is missing, and the roots that were indexed."""
    for column in ("device", "inode", "ctime_ns"):
        db.execute(f"ALTER TABLE videos ADD COLUMN {column} INTEGER NOT NULL DEFAULT 0")
    db.execute("ALTER TABLE videos ADD COLUMN missing_seconds REAL NOT NULL DEFAULT 0")
    db.execute("CREATE TABLE roots (path TEXT PRIMARY KEY, alias TEXT NOT NULL, device INTEGER, files INTEGER)")


def add_recognitions(db: Database) -> None:
    """Step 17: which text source has read which video, and segments whose vectors changed after they were added."""
    db.executescript(
        """
        ALTER TABLE videos ADD COLUMN audio_streams INTEGER;
        CREATE TABLE recognitions (
            video_id INTEGER NOT NULL REFERENCES videos (id) ON DELETE CASCADE,
            source TEXT NOT NULL,
            stamp TEXT NOT NULL,
            problem TEXT NOT NULL,
            PRIMARY KEY (video_id, source)
        );
        CREATE TABLE revisions (
            segment_id INTEGER PRIMARY KEY REFERENCES segments (id) ON DELETE CASCADE,
            generation INTEGER NOT NULL
        );
        CREATE INDEX revisions_generation ON revisions (generation);
        """
    )


def add_filming(db: Database) -> None:
    """Step 18: when, where and with what videos were filmed; older ones are asked at the next `index`."""
    for column in ("filmed_at", "filmed_by", "camera"):
        db.execute(f"ALTER TABLE videos ADD COLUMN {column} TEXT NOT NULL DEFAULT ''")
    for column in ("latitude", "longitude"):
        db.execute(f"ALTER TABLE videos ADD COLUMN {column} REAL")


def add_streams(db: Database) -> None:
    """Step 19: which of the video streams of a file is read."""
    db.execute("ALTER TABLE videos ADD COLUMN stream INTEGER NOT NULL DEFAULT 0")


def add_reels(db: Database) -> None:
    """Step 20: moments that a person collected."""
    db.executescript(
        """
        CREATE TABLE reels (id INTEGER PRIMARY KEY, name TEXT NOT NULL COLLATE NOCASE UNIQUE, changed_at TEXT NOT NULL);
        CREATE TABLE selects (
            id INTEGER PRIMARY KEY,
            reel_id INTEGER NOT NULL REFERENCES reels (id) ON DELETE CASCADE,
            position INTEGER NOT NULL,
            path TEXT NOT NULL,
            content_hash TEXT NOT NULL,
            start REAL NOT NULL,
            "end" REAL NOT NULL,
            note TEXT NOT NULL,
            star INTEGER NOT NULL,
            tags TEXT NOT NULL
        );
        CREATE INDEX selects_reel_id ON selects (reel_id, position);
        CREATE INDEX selects_path ON selects (path);
        """
    )


def add_fields(db: Database) -> None:
    """Step 21: words by what they come from, distinct words with the trigrams of their spelling, and which sources and
    languages cues ever had.
    """
    tokenizer = TOKENIZER.replace("'", "''")
    db.execute("DROP TABLE segments_fts")
    db.execute(f"CREATE VIRTUAL TABLE segments_fts USING fts5(said, named, heard, written, tokenize = '{tokenizer}')")
    db.execute('CREATE TABLE terms (id INTEGER PRIMARY KEY, term TEXT NOT NULL, "key" TEXT NOT NULL)')
    db.execute('CREATE UNIQUE INDEX terms_term_key ON terms (term, "key")')
    db.execute('CREATE INDEX terms_key ON terms ("key")')
    db.execute(
        "CREATE VIRTUAL TABLE terms_fts USING "
        "fts5(\"key\", content = 'terms', content_rowid = 'id', tokenize = 'trigram')"
    )
    db.execute(
        "CREATE TRIGGER terms_fts_add AFTER INSERT ON terms BEGIN "
        'INSERT INTO terms_fts (rowid, "key") VALUES (new.id, new."key"); END'
    )
    db.execute("DROP INDEX cues_video_id")
    db.execute("CREATE INDEX cues_video_id_source ON cues (video_id, source)")
    db.execute("CREATE TABLE tracks (source TEXT NOT NULL, language TEXT NOT NULL, PRIMARY KEY (source, language))")
    db.execute("INSERT INTO tracks SELECT DISTINCT source, language FROM cues")
    db.execute(
        "CREATE TRIGGER cues_tracks AFTER INSERT ON cues BEGIN "
        "INSERT OR IGNORE INTO tracks VALUES (new.source, new.language); END"
    )
    for number, path in db.execute("SELECT id, path FROM videos").fetchall():
        segments = db.execute('SELECT id, start, "end", text FROM segments WHERE video_id = ?', (number,)).fetchall()
        cues = db.execute(
            'SELECT id, start, "end", text, language, source FROM cues WHERE video_id = ? ORDER BY id', (number,)
        ).fetchall()
        for segment, words in segment_words(path, segments, cues):
            row = [indexed(words, column) for column in ("said", "named", "heard", "written")]
            db.execute(
                "INSERT INTO segments_fts (rowid, said, named, heard, written) VALUES (?, ?, ?, ?, ?)",
                (segment, *row),
            )
            db.conn.executemany('INSERT OR IGNORE INTO terms (term, "key") VALUES (?, ?)', sorted(spellings(words)))


def add_jobs(db: Database) -> None:
    """Step 22: indexing runs of the service."""
    db.execute("CREATE TABLE jobs (id TEXT PRIMARY KEY, record TEXT NOT NULL)")


def add_dismissals(db: Database) -> None:
    """Step 23: pairs of contents that a person said are not the same."""
    db.execute(
        "CREATE TABLE dismissals (id INTEGER PRIMARY KEY AUTOINCREMENT, first_hash TEXT NOT NULL, "
        "second_hash TEXT NOT NULL, dismissed_at TEXT NOT NULL, UNIQUE (first_hash, second_hash))"
    )


def add_changes(db: Database) -> None:
    """Step 24: a log of the segments that were added, removed and revised. On PostgreSQL triggers are made apart."""
    db.execute(
        "CREATE TABLE changes (video_id INTEGER PRIMARY KEY, first INTEGER NOT NULL, last INTEGER NOT NULL, "
        "generation INTEGER NOT NULL)"
    )
    db.execute("CREATE INDEX changes_generation ON changes (generation)")
    db.execute(
        f"INSERT INTO settings (name, value) SELECT '{STARTED}', "
        "coalesce((SELECT value FROM settings WHERE name = 'generation'), '0')"
    )
    db.execute(
        "INSERT INTO changes (video_id, first, last, generation) SELECT video_id, min(segment_id), max(segment_id), "
        "max(generation) FROM revisions JOIN segments ON segments.id = segment_id GROUP BY video_id"
    )
    db.execute("DROP TABLE revisions")
    if hasattr(db, "conn"):
        create_triggers(db.conn, "sqlite")


MIGRATIONS = (
    create_library,
    add_judgements,
    add_successors,
    add_tags,
    add_words,
    add_searches,
    add_scripts,
    add_readings,
    add_cue_sources,
    add_time_eras,
    add_attempts,
    add_mirrored,
    add_languages,
    add_windows,
    add_labels,
    add_identities,
    add_recognitions,
    add_filming,
    add_streams,
    add_reels,
    add_fields,
    add_jobs,
    add_dismissals,
    add_changes,
)


def schema(steps: Sequence[Callable[[Database], None]] = MIGRATIONS) -> list[str]:
    """Return the statements that make the tables and indexes of a new library, but for full text."""
    import sqlite_utils

    db = sqlite_utils.Database(memory=True, execute_plugins=False)
    for step in steps:
        step(db)
    made = db.execute(
        "SELECT sql FROM sqlite_master WHERE type IN ('table', 'index') AND sql NOT NULL AND "
        "name NOT GLOB 'sqlite_*' AND name NOT GLOB '*_fts*' ORDER BY rowid"
    ).fetchall()
    db.close()
    return [sql for (sql,) in made]


def version(db: Database | sqlite3.Connection) -> int:
    """Return how many migrations the file has been through, 0 for a new one."""
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def is_newest(db: Database | sqlite3.Connection) -> bool:
    """Return whether no migration is pending."""
    return version(db) == len(MIGRATIONS)


def check(db: sqlite3.Connection, path: str) -> None:
    """Raise, having changed nothing, if the database is not one this program may write to.

    Raises:
        NewerLibrary: it was made by a newer version of the program.
        NotALibrary: it holds the tables of something else.
    """
    # Before the version: a library that is being made elsewhere gets both in one transaction.
    tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    found = version(db)
    if found > len(MIGRATIONS):
        raise NewerLibrary(
            f"{path} was made by a newer version of this program: its schema is {found}, this version knows "
            f"{len(MIGRATIONS)}. Update the program, or use another library folder."
        )
    if found == 0 and tables:
        raise NotALibrary(f"{path} is the database of another program: it holds {', '.join(tables[:3])}.")


def migrate(db: Database) -> None:
    """Apply the pending migrations in order, all of them or none."""
    if is_newest(db):
        return  # without the write lock, which another process may hold for long
    db.execute("BEGIN IMMEDIATE")
    try:
        for step in MIGRATIONS[version(db) :]:
            step(db)
        db.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
        db.commit()
    except BaseException:
        db.rollback()
        raise
