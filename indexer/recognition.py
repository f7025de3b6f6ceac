"""The second pass of a run: words that have to be recognized, in sound or pictures.

All pictures are indexed by then and can be searched. Recognizers take turns, each with a child process of its own; a
video is committed with all that one of them found in it, or nothing, so that a run goes on where another was
interrupted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from indexer.features.rewording import reworded
from indexer.media.container import MediaError
from indexer.text.cues import CueTrack, bounded
from indexer.text.recognizer import Recognizer
from indexer.workers.decoders import Decoders
from model.encoder.contract import Encoder
from store.catalog.catalog import Catalog
from store.catalog.recognitions import Recognition
from store.types import Cue, Video, row_id

_SILENT_SECONDS = 300.0  # of a child, before it is killed: a large model takes long for half a minute of sound


@dataclass(frozen=True)
class Reading:
    """How far one recognizer has come."""

    source: str  # its name
    path: str
    done: int  # videos
    total: int
    video_seconds: float  # read so far


class SecondPass:
    """Reads videos of a catalog with one recognizer.

    Args:
        catalog: with the encoder of its vectors.
        asked: whether a person asked for this recognizer by name.
        retry_failed: whether videos are read again that could not be read before.
        memory_bytes: address space of a decoder.
        tell: called after every stretch of a video and after every video.
        check: called twice a second; what it raises ends the run.
    """

    def __init__(
        self,
        catalog: Catalog,
        encoder: Encoder,
        recognizer: Recognizer,
        *,
        asked: bool,
        retry_failed: bool,
        memory_bytes: int,
        tell: Callable[[Reading], None],
        check: Callable[[], None],
    ) -> None:
        self.catalog, self.encoder, self.recognizer = catalog, encoder, recognizer
        self.asked, self.retry_failed, self.memory_bytes = asked, retry_failed, memory_bytes
        self.tell, self.check = tell, check
        self.done, self.total = 0, 0  # videos
        self.video_seconds = 0.0  # of those done

    def run(self, paths: Sequence[Path]) -> Iterator[tuple[Video, str]]:
        """Read those of the files that are in the catalog and have not been read.

        Yields:
            Each video with why it could not be read, "" where it could.

        Raises:
            ValueError: the model of the recognizer is not what it should be, or cannot be loaded.
        """
        todo = self._unread(paths)
        self.total = len(todo)
        if not todo:
            return
        self.recognizer.check()
        with Decoders(
            timeout_seconds=_SILENT_SECONDS,
            memory_bytes=self.memory_bytes + self.recognizer.memory_bytes,
            recognizer=self.recognizer,
            stream_of={Path(video.path): video.stream for video in todo}.__getitem__,
            check=self.check,
        ) as decoders:
            for video in todo:
                self.catalog.attempts.begin(video.path)
                try:
                    problem = self._read(video, decoders)
                finally:
                    self.catalog.attempts.end(video.path)
                self.done += 1
                self.video_seconds += video.duration
                self._tell(video, 0.0)
                yield video, problem

    def _tell(self, video: Video, seconds: float) -> None:
        self.tell(Reading(self.recognizer.name, video.path, self.done, self.total, self.video_seconds + seconds))

    def _unread(self, paths: Sequence[Path]) -> list[Video]:
        read = self.catalog.recognitions.of(self.recognizer.name)

        def is_read(video: Video) -> bool:
            known = read.get(row_id(video))
            settled = known is not None and not (known.problem and self.retry_failed)
            return settled and known is not None and known.stamp == self.recognizer.stamp

        held = (self.catalog.videos.at(str(path)) for path in paths)
        return [
            video
            for video in held
            if video is not None
            and not is_read(video)
            and self.recognizer.wants(video, self.catalog.cues.of(row_id(video)), asked=self.asked)
        ]

    def _read(self, video: Video, decoders: Decoders) -> str:
        """Read one video and commit what is found; return why it cannot be read, which leaves what it had."""
        name = self.recognizer.name
        found = self._of_twin(video)
        if found is None:
            try:
                found = self._recognized(video, decoders)
            except MediaError as error:
                if error.stage == "load":
                    raise ValueError(f"{name} cannot be recognized: {error}") from error
                if error.stage != "open":  # a file that is not there now is tried again
                    failed = Recognition(self.recognizer.stamp, str(error))
                    self.catalog.recognitions.put(row_id(video), name, failed)
                return str(error)
        others = [cue for cue in self.catalog.cues.of(row_id(video)) if cue.source != name]
        texts = reworded(self.catalog, self.encoder, video, [*others, *found])
        self.catalog.put_cues(video, found, texts, sources=[name], recognition=Recognition(self.recognizer.stamp))
        return ""

    def _recognized(self, video: Video, decoders: Decoders) -> list[Cue]:
        cues: list[Cue] = []
        words = decoders.recognize(Path(video.path))
        try:
            if words.identity is not None and words.identity.stamp != video.file_stamp:
                raise MediaError("the file has changed since it was indexed", stage="open")
            for stretch in words:
                cues += stretch.cues
                self._tell(video, stretch.end_seconds)
        finally:
            words.close()
        owned = [replace(cue, source=self.recognizer.name) for cue in cues]
        return bounded(CueTrack(owned), Path(video.path).name).cues

    def _of_twin(self, video: Video) -> list[Cue] | None:
        """The words of another video with the same content, where one has been read."""
        read = self.catalog.recognitions.of(self.recognizer.name)
        for twin in self.catalog.videos.with_hash(video.content_hash):
            known = read.get(row_id(twin))
            if twin.id != video.id and known == Recognition(self.recognizer.stamp):
                return [cue for cue in self.catalog.cues.of(row_id(twin)) if cue.source == self.recognizer.name]
        return None
