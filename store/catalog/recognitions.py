"""Which videos a recognizer of words has read, and with what, so that each is read once.

A row belongs to a video and goes with it: a file that is decoded again is read again.
"""

from __future__ import annotations

from dataclasses import dataclass

from store.catalog.database import Database


@dataclass(frozen=True)
class Recognition:
    """A video that a recognizer has read."""

    stamp: str  # of the recognizer: its model and method
    problem: str = ""  # why it could not read it, "" where it could


class Recognitions:
    """What recognizers have read of the videos of a catalog."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, source: str) -> dict[int, Recognition]:
        """Return what the text source ``source`` has read, by id of the video."""
        rows = self._database.tuples("SELECT video_id, stamp, problem FROM recognitions WHERE source = ?", source)
        return {number: Recognition(stamp, problem) for number, stamp, problem in rows}

    def put(self, video_id: int, source: str, recognition: Recognition) -> None:
        """Note that ``source`` has read a video, if that is still held."""
        self._database.execute(
            "INSERT OR REPLACE INTO recognitions (video_id, source, stamp, problem) "
            "SELECT id, ?, ?, ? FROM videos WHERE id = ?",
            source,
            recognition.stamp,
            recognition.problem,
            video_id,
        )

    def copy(self, source_id: int, video_id: int) -> None:
        """Note for a copy of a video what was read of that. For ``Catalog.copy_video``."""
        self._database.execute(
            "INSERT INTO recognitions (video_id, source, stamp, problem) "
            "SELECT ?, source, stamp, problem FROM recognitions WHERE video_id = ?",
            video_id,
            source_id,
        )
