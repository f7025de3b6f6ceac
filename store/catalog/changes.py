"""The log of changed segments, from which caches of vectors are brought up to date: by video, the ids of segments that
were added, removed or given other words, and in which transaction that was last.

Triggers write it, so that no way to change segments goes past it. There is one row for every video that ever was.
"""

from __future__ import annotations

from store.catalog.database import Connection

_NOTE = """
CREATE TRIGGER changes_{name} AFTER {event} ON segments BEGIN
    INSERT INTO changes (video_id, first, last, generation) VALUES (
        {row}.video_id, {row}.id, {row}.id,
        1 + coalesce((SELECT CAST(value AS INTEGER) FROM settings WHERE name = 'generation'), 0)
    ) ON CONFLICT (video_id) DO UPDATE SET
        first = min(first, excluded.first), last = max(last, excluded.last), generation = excluded.generation;
END
"""
_NOTE_ON_SERVER = """
CREATE FUNCTION note_changes() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO changes (video_id, first, last, generation) SELECT video_id, min(id), max(id),
        1 + coalesce((SELECT CAST(value AS bigint) FROM settings WHERE name = 'generation'), 0)
    FROM changed GROUP BY video_id
    ON CONFLICT (video_id) DO UPDATE SET first = least(changes.first, excluded.first),
        last = greatest(changes.last, excluded.last), generation = excluded.generation;
    RETURN NULL;
END $$
"""
_TRIGGER_ON_SERVER = """
CREATE TRIGGER changes_{name} AFTER {event} ON segments REFERENCING {row} TABLE AS changed
FOR EACH STATEMENT EXECUTE FUNCTION note_changes()
"""
_EVENTS = (("add", "INSERT", "new"), ("revise", "UPDATE", "new"), ("remove", "DELETE", "old"))

STARTED = "changes_since"  # the setting: of what came before this generation the log may lack something


def create_triggers(connection: Connection, dialect: str) -> None:
    """Make what writes the log. A step of the schema."""
    if dialect == "postgresql":
        connection.execute(_NOTE_ON_SERVER)
    for name, event, row in _EVENTS:
        statement = _NOTE if dialect == "sqlite" else _TRIGGER_ON_SERVER
        connection.execute(statement.format(name=name, event=event, row=row))
