"""The catalog: what a library knows, in one SQLite file. It is the truth; all else is made from it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

from store.catalog.address import is_url
from store.catalog.attempts import Attempts
from store.catalog.cues import Cues
from store.catalog.database import Database
from store.catalog.dismissals import Dismissals
from store.catalog.failures import Failures
from store.catalog.fulltext import FullText
from store.catalog.jobs import Jobs
from store.catalog.judgements import Judgements
from store.catalog.labels import Labels
from store.catalog.recognitions import Recognition, Recognitions
from store.catalog.reels import Reels
from store.catalog.roots import Roots
from store.catalog.searches import Searches
from store.catalog.tags import Tags
from store.catalog.videos import Videos
from store.errors import LibraryError
from store.types import Cue, EncoderInfo, NewSegment, SegmentText, Video, row_id

if TYPE_CHECKING:
    from store.catalog.reindexing import Reindexing
    from store.catalog.segments import Segments
    from store.catalog.text_embeddings import TextEmbeddings


@dataclass(frozen=True)
class Counts:
    """How much a library holds."""

    videos: int
    segments: int
    failures: int
    seconds: float  # of video


class Catalog:
    """The parts of a library's database, and what writes to several of them in one transaction.

    Usable from several threads; a context manager that closes the database.

    Args:
        database: may be shared by several catalogs.
        encoder: makes the vectors that will be written; without one segments cannot be stored.

    Attributes:
        videos: files, one row each.
        cues: lines of subtitles, speech and on-screen text of videos.
        recognitions: which of these videos a recognizer of words has read.
        fulltext: words that are said in segments or stand in their paths.
        tags: labels that a person asked for.
        labels: what a model recognised in segments.
        judgements: judged answers to queries.
        searches: queries with names.
        reels: moments that a person collected.
        dismissals: pairs of videos that are not the same.
        failures: files that could not be indexed.
        attempts: files that are being indexed.
        roots: folders that were indexed.
        jobs: indexing runs of the service.
    """

    def __init__(self, database: Database, encoder: EncoderInfo | None = None) -> None:
        self.database = database
        self._encoder = encoder
        self.videos = Videos(database)
        self.cues = Cues(database)
        self.recognitions = Recognitions(database)
        self.fulltext = _fulltext(database)
        self.tags = Tags(database)
        self.labels = Labels(database)
        self.judgements = Judgements(database)
        self.searches = Searches(database)
        self.reels = Reels(database)
        self.dismissals = Dismissals(database)
        self.failures = Failures(database)
        self.attempts = Attempts(database)
        self.roots = Roots(database)
        self.jobs = Jobs(database)

    # These know arrays. NumPy takes longer to import than most commands take that only list something.

    @cached_property
    def segments(self) -> Segments:
        """Stretches of videos with their vectors, frame features and thumbnails."""
        from store.catalog.segments import Segments

        return Segments(self.database, self._encoder)

    @cached_property
    def text_embeddings(self) -> TextEmbeddings:
        """Vectors of constant texts, such as the query bank."""
        from store.catalog.text_embeddings import TextEmbeddings

        return TextEmbeddings(self.database)

    @cached_property
    def reindexing(self) -> Reindexing:
        """Vectors of the next encoder, until it takes over."""
        from store.catalog.reindexing import Reindexing

        return Reindexing(self.database)

    @classmethod
    def open(cls, path: str | Path, encoder: EncoderInfo | None = None) -> Self:
        """Open the file at ``path``, which is made with its folder where missing; ":memory:" for one without a file.

        Args:
            path: or the URL of a PostgreSQL database, "postgresql://user@host/name".

        Raises:
            LibraryError: the file or the server cannot be used now.
            NotALibrary: the file is something else.
            NewerLibrary: a newer version of the program made it.
            EncoderMismatch: it holds vectors of another encoder.
        """
        catalog = cls(_database(path))
        if encoder is None:
            return catalog
        try:
            return catalog.with_encoder(encoder)
        except BaseException:
            catalog.close()
            raise

    def with_encoder(self, encoder: EncoderInfo) -> Self:
        """Return a catalog over the same database that takes the vectors of ``encoder``.

        A library without videos takes any encoder, one with videos only its own.

        Args:
            encoder: is written to the library; its origin only if ``model`` is given.

        Raises:
            EncoderMismatch: the library holds vectors of another encoder.
        """
        if self.database.read_only:
            self.database.require_encoder(encoder)
            return type(self)(self.database, encoder)
        with self.database.transaction():
            if self.database.rows("SELECT 1 FROM videos LIMIT 1"):
                self.database.require_encoder(encoder)
            self.database.set_encoder(encoder)
        return type(self)(self.database, encoder)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the database. Everything written is already safe."""
        self.database.close()

    @property
    def library_id(self) -> str:
        """See ``Database.library_id``."""
        return self.database.library_id

    def encoder(self) -> EncoderInfo | None:
        """Return the encoder whose vectors are held, None before the first one."""
        return self.database.encoder()

    def stamp(self) -> tuple[int, int]:
        """Return a pair that differs after every change of the database, by this process or another one."""
        return self.database.stamp()

    def counts(self) -> Counts:
        """Return how much is held."""
        (row,) = self.database.rows(
            "SELECT count(*) AS videos, coalesce(sum(duration), 0.0) AS seconds, "
            "(SELECT count(*) FROM segments) AS segments, (SELECT count(*) FROM failures) AS failures FROM videos"
        )
        return Counts(**row)

    def put_video(self, video: Video, segments: Sequence[NewSegment], cues: Sequence[Cue]) -> Video:
        """Write a video with all it owns in one transaction, and return it with its id and times.

        What was held under the same path is replaced, keeping only ``added_at``; a failure of that path is removed.

        Args:
            segments: in order of time.

        Raises:
            ValueError: the catalog was opened without an encoder, or arrays do not fit each other or the encoder.
            EncoderMismatch: another process gave the library another encoder meanwhile.
        """
        with self.database.transaction():
            stored = self.videos.insert(video)
            self.failures.remove([video.path])
            assert stored.id is not None
            self.segments.insert(stored.id, segments)
            self.cues.insert(stored.id, cues)
            self.fulltext.index(stored.id)
        return stored

    def put_cues(
        self,
        video: Video,
        cues: Sequence[Cue],
        texts: Sequence[SegmentText],
        *,
        sources: Collection[str],
        recognition: Recognition | None = None,
    ) -> bool:
        """Write the cues that some text sources found in a video in place of those that they had found before, with
        what these make of its segments, in one transaction. Segments keep their ids; cues of other sources stay.

        Args:
            video: as it was when it was read; its language and the stamp of its subtitles are written.
            texts: the segments whose words change.
            recognition: of each of the sources, where these are recognizers.

        Returns:
            Whether that was written: not where another process has removed the video, or indexed it anew, since.

        Raises:
            ValueError: the catalog was opened without an encoder, or an embedding does not fit it.
            EncoderMismatch: another process gave the library another encoder meanwhile.
        """
        number = row_id(video)
        with self.database.transaction():
            held = self.videos.get(number)
            if held is None or held.content_hash != video.content_hash or not self.segments.revise(number, texts):
                return False
            self.videos.set_subtitles(number, video.language, video.subtitles_stamp)
            self.failures.remove([held.path])
            self.cues.remove(number, sources)
            self.cues.insert(number, cues)
            self.fulltext.index(number)
            if recognition is not None:
                for source in sources:
                    self.recognitions.put(number, source, recognition)
        return True

    def copy_video(self, source_id: int, video: Video) -> Video:
        """Write ``video`` with copies, under new ids, of all that the video ``source_id`` owns, in one transaction.

        For a second file with the same content. What was held under its path is replaced as in ``put_video``.

        Raises:
            NotInLibrary: there is no video ``source_id``.
            ValueError: ``video`` has the path of its source.
        """
        with self.database.transaction():
            if self.videos.existing(source_id).path == video.path:
                raise ValueError(f"{video.path!r} cannot be a copy of itself.")
            stored = self.videos.insert(video)
            self.failures.remove([video.path])
            assert stored.id is not None
            self.segments.copy(source_id, stored.id)
            self.cues.copy(source_id, stored.id)
            self.recognitions.copy(source_id, stored.id)
            self.fulltext.index(stored.id)
        return stored

    def move_video(self, source_id: int, video: Video) -> Video:
        """Give the video ``source_id`` the path and file facts of ``video``; it keeps its ids, its times of adding
        and indexing, all it owns, and what was judged of it.

        Another video that was held under the new path is removed, a failure of that path too.

        Raises:
            NotInLibrary: there is no video ``source_id``.
        """
        with self.database.transaction():
            source = self.videos.existing(source_id)
            moved = self.videos.move(source, video)
            self.failures.remove([video.path])
            self.judgements.move(source.path, video.path)
            self.fulltext.index(source_id)
        return moved


def _database(address: str | Path) -> Database:
    # Neither driver is imported for the other.
    if is_url(address):
        try:
            from store.catalog.postgres import PostgresDatabase
        except ModuleNotFoundError as error:
            raise LibraryError(
                f"a library on PostgreSQL needs the package {error.name}: pip install 'videobert-search[postgres]'"
            ) from error
        return PostgresDatabase(str(address))
    from store.catalog.sqlite import SqliteDatabase

    return SqliteDatabase(address)


def _fulltext(database: Database) -> FullText:
    if database.dialect == "postgresql":
        from store.catalog.tsvector import TsvectorFullText

        return TsvectorFullText(database)
    return FullText(database)
