"""The catalog: what a library knows, in one SQLite file. It is the truth; everything else can be made from it.

``Connection`` opens the file, ``Lexicon`` adds what is asked by words, ``Segments`` what is asked by segment id,
``Succession`` the change to another encoder, ``Judgements`` queries with judged answers, ``Searches`` those with names,
``Tags`` labels, ``Listing`` lists in parts, ``Readings`` texts that are always the same, ``Catalog`` videos, subtitles
and failures: one object, in ten files, because none should be longer than can be read at once.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any

from store.catalog.analyzer import storable
from store.catalog.database import AMONG, PATH, json_ids, within_clause
from store.catalog.judgements import Judgements
from store.catalog.listing import Listing
from store.catalog.reindexing import Succession
from store.catalog.searches import Searches
from store.catalog.tags import Tags
from store.catalog.text_embeddings import Readings
from store.errors import NotInLibrary
from store.types import Cue, Failure, NewSegment, Video

_CUE = 'cues.start, cues."end", cues.text, cues.language, cues.source'


@dataclass(frozen=True)
class Counts:
    """How much a library holds."""

    videos: int
    segments: int
    failures: int
    seconds: float  # of video


class Catalog(Succession, Judgements, Tags, Searches, Listing, Readings):
    """A library: videos with their segments and subtitles, and the files that could not be indexed.

    Usable from several threads. See ``Connection`` for how it is opened and closed.
    """

    def counts(self) -> Counts:
        """Return how much is held."""
        return Counts(
            **self._rows(
                "SELECT count(*) AS videos, coalesce(sum(duration), 0.0) AS seconds, "
                "(SELECT count(*) FROM segments) AS segments, (SELECT count(*) FROM failures) AS failures FROM videos"
            )[0]
        )

    # Videos

    def video(self, path: str) -> Video | None:
        """Return the video at ``path``."""
        return next(iter(self._videos("path = CAST(? AS TEXT)", os.fsencode(path))), None)

    def video_by_id(self, video_id: int) -> Video | None:
        """Return the video with this id."""
        return next(iter(self._videos("id = ?", video_id)), None)

    def videos(self, within: str | None = None) -> list[Video]:
        """Return the videos in order of their paths: all, or those at or below the file or folder ``within``."""
        condition, bounds = within_clause(within)
        return self._videos(condition, *bounds)

    def videos_with_hash(self, content_hash: str) -> list[Video]:
        """Return the videos with this content, in order of their paths."""
        return self._videos("content_hash = ?", content_hash)

    def put_video(self, video: Video, segments: Sequence[NewSegment], cues: Sequence[Cue]) -> Video:
        """Write a video with all it owns in one transaction, and return it with its id and times.

        What was held under the same path is replaced, keeping only ``added_at``; a failure of that path is forgotten.

        Raises:
            ValueError: no encoder was bound through this object, or arrays do not fit each other or the encoder.
            EncoderMismatch: another process bound the library to another encoder meanwhile.
        """
        with self._writing():
            number, stored = self._replace_video(video)
            self._insert_segments(number, segments)
            self._db.table("cues").insert_all(
                {
                    "video_id": number,
                    "start": float(cue.start),
                    "end": float(cue.end),
                    "text": storable(cue.text),
                    "language": storable(cue.language),
                    "source": cue.source,
                }
                for cue in cues
            )
            self._index_words(number)
        return stored

    def copy_video(self, source_id: int, video: Video) -> Video:
        """Write ``video`` with copies, under new ids, of all that the video ``source_id`` owns, in one transaction.

        For a second file with the same content. What was held under its path is replaced as in ``put_video``.

        Raises:
            NotInLibrary: there is no video ``source_id``.
            ValueError: ``video`` has the path of its source.
        """
        with self._writing():
            if self._existing(source_id).path == video.path:
                raise ValueError(f"{video.path!r} cannot be a copy of itself.")
            number, stored = self._replace_video(video)
            self._copy_segments(source_id, number)
            self._db.execute(
                'INSERT INTO cues (video_id, start, "end", text, language, source) '
                'SELECT ?, start, "end", text, language, source FROM cues WHERE video_id = ? ORDER BY id',
                (number, source_id),
            )
            self._index_words(number)
        return stored

    def move_video(self, source_id: int, video: Video) -> Video:
        """Give the video ``source_id`` the path and file facts of ``video``; it keeps its ids, its times of adding
        and indexing, all it owns, and what was judged of it.

        Another video that was held under the new path is removed, a failure of that path forgotten.

        Raises:
            NotInLibrary: there is no video ``source_id``.
        """
        with self._writing():
            source = self._existing(source_id)
            path = os.fsencode(video.path)
            self._db.execute("DELETE FROM videos WHERE path = CAST(? AS TEXT) AND id <> ?", (path, source_id))
            self.forget_failures([video.path])
            self._db.execute(
                "UPDATE judgements SET path = CAST(? AS TEXT) WHERE path = CAST(? AS TEXT)",
                (path, os.fsencode(source.path)),
            )
            moved = replace(video, id=source_id, added_at=source.added_at, indexed_at=source.indexed_at)
            self._db.table("videos").update(source_id, asdict(moved) | {"path": path}, conversions=PATH)
            self._index_words(source_id)
        return moved

    def remove_videos(self, ids: Iterable[int]) -> int:
        """Remove videos with all they own in one transaction; return how many there were."""
        with self._writing():
            return self._db.execute(f"DELETE FROM videos WHERE id {AMONG}", (json_ids(ids),)).rowcount

    # Failures

    def put_failure(self, failure: Failure) -> None:
        """Remember that a file could not be indexed. Rows of an earlier, successful indexing of it stay."""
        row = {"path": os.fsencode(failure.path), "reason": storable(failure.reason), "failed_at": _now()}
        with self._writing():
            self._db.table("failures").insert(asdict(failure) | row, replace=True, conversions=PATH)

    def failure(self, path: str) -> Failure | None:
        """Return the failure of the file at ``path``."""
        return next(iter(self._failures("path = CAST(? AS TEXT)", os.fsencode(path))), None)

    def failures(self, within: str | None = None) -> list[Failure]:
        """Return the failures in order of their paths: all, or those at or below the file or folder ``within``."""
        condition, bounds = within_clause(within)
        return self._failures(condition, *bounds)

    def forget_failures(self, paths: Iterable[str]) -> None:
        """Let the files at ``paths`` be tried again."""
        with self._lock, self._db.atomic():
            for path in paths:
                self._db.execute("DELETE FROM failures WHERE path = CAST(? AS TEXT)", (os.fsencode(path),))

    # Subtitles

    def cues(self, video_id: int) -> list[Cue]:
        """Return the subtitle lines of a video in order of time."""
        rows = self._rows(f'SELECT {_CUE} FROM cues WHERE video_id = ? ORDER BY start, "end", id', video_id)
        return [Cue(**row) for row in rows]

    def _videos(self, condition: str, *parameters: Any) -> list[Video]:
        return [
            Video(**row) for row in self._rows(f"SELECT * FROM videos WHERE {condition} ORDER BY path", *parameters)
        ]

    def _failures(self, condition: str, *parameters: Any) -> list[Failure]:
        rows = self._rows(f"SELECT * FROM failures WHERE {condition} ORDER BY path", *parameters)
        return [Failure(**row) for row in rows]

    def _existing(self, video_id: int) -> Video:
        video = self.video_by_id(video_id)
        if video is None:
            raise NotInLibrary("video", [video_id])
        return video

    def _replace_video(self, video: Video) -> tuple[int, Video]:
        """Insert the row of ``video`` in place of what its path held; return its id and the video as it now stands."""
        held = self.video(video.path)
        now = _now()
        stored = replace(video, id=None, added_at=held.added_at if held else now, indexed_at=now)
        if held is not None:
            self._db.execute("DELETE FROM videos WHERE id = ?", (held.id,))
        self.forget_failures([video.path])
        row = asdict(stored) | {"path": os.fsencode(video.path)}
        number = self._db.table("videos").insert(row, conversions=PATH).last_rowid
        assert number is not None
        return number, replace(stored, id=number)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
