"""Lines of text on the time axis of videos: subtitles, and what was recognized in sound and pictures."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence

from store.catalog.analyzer import storable
from store.catalog.database import AMONG_TEXTS, Database
from store.types import Cue


class Cues:
    """The lines of a catalog. They belong to a video and go with it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, video_id: int) -> list[Cue]:
        """Return the lines of a video, of all text sources, in order of time."""
        rows = self._database.rows(
            'SELECT start, "end", text, language, source, kind FROM cues WHERE video_id = ? ORDER BY start, "end", id',
            video_id,
        )
        return [Cue(**row) for row in rows]

    def between(self, video_id: int, start: float, end: float) -> list[Cue]:
        """Return the subtitle lines of a video that are on screen between two seconds, in order of time."""
        rows = self._database.rows(
            'SELECT start, "end", text, language, source, kind FROM cues '
            'WHERE video_id = ? AND start < ? AND "end" > ? ORDER BY start, "end", id',
            *(video_id, end, start),
        )
        return [Cue(**row) for row in rows]

    def insert(self, video_id: int, cues: Sequence[Cue]) -> None:
        """Add lines to a video. For ``Catalog.put_video``."""
        self._database.insert_all(
            "cues",
            (
                {
                    "video_id": video_id,
                    "start": float(cue.start),
                    "end": float(cue.end),
                    "text": storable(cue.text),
                    "language": storable(cue.language),
                    "source": cue.source,
                    "kind": cue.kind,
                }
                for cue in cues
            ),
        )

    def remove(self, video_id: int, sources: Collection[str]) -> None:
        """Remove the lines that some text sources found in a video. For ``Catalog.put_cues``."""
        names = json.dumps(list(sources))
        self._database.execute(f"DELETE FROM cues WHERE video_id = ? AND source {AMONG_TEXTS}", video_id, names)

    def copy(self, source_id: int, video_id: int) -> None:
        """Copy the lines of a video to another one. For ``Catalog.copy_video``."""
        self._database.execute(
            'INSERT INTO cues (video_id, start, "end", text, language, source, kind) '
            'SELECT ?, start, "end", text, language, source, kind FROM cues WHERE video_id = ? ORDER BY id',
            video_id,
            source_id,
        )
