"""Recognizer: a text source that finds words in the sound or the pictures of a video, which takes long.

So `indexer.recognition` asks recognizers in a second pass, when all pictures are indexed. They are listed in
`indexer.text.recognizers`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from indexer.media.container import MediaInfo
from store.types import Cue, Video


@dataclass(frozen=True)
class Recognized:
    """What a recognizer found in the next stretch of a video."""

    end_seconds: float  # of the stretch, for whoever watches
    cues: tuple[Cue, ...] = ()  # in order of time; their `source` is the recognizer's name


class Recognizer(Protocol):
    """Finds words in a video. Made in the process that indexes, and sent from there to a worker process, which reads.

    So an instance is small and can be pickled; models are loaded by `load`.
    """

    @property
    def name(self) -> str:
        """What the catalog knows its cues by: "speech", "screen"."""

    @property
    def stamp(self) -> str:
        """Which model and method it is. Videos are read again where it differs from what they were read with."""

    @property
    def folders(self) -> tuple[Path, ...]:
        """Files and folders that the worker has to read beside those of the interpreter, such as models."""

    @property
    def memory_bytes(self) -> int:
        """Address space that it takes beside that of a decoder."""

    def wants(self, video: Video, cues: Sequence[Cue], *, asked: bool) -> bool:
        """Whether there is something to read; what the catalog knows has to do.

        Args:
            cues: that the catalog holds of the video.
            asked: whether a person asked for this source by name.
        """

    def check(self) -> None:
        """Raise ValueError where a model is not what it should be; asked once, before the worker is started."""

    def load(self) -> None:
        """Load the models, in the worker, before it gives up opening files; once more does nothing."""

    def read(self, path: Path, info: MediaInfo) -> Iterator[Recognized]:
        """Read a video from its beginning to its end, in the worker.

        Yields:
            Something every few seconds of work, with words or without: a worker that is silent for long is killed.

        Raises:
            MediaError: the file cannot be read.
        """


class NotInstalled(ValueError):  # noqa: N818 - the name says the state found
    """A recognizer, or its model, is not on this machine; the message says how to get it."""
