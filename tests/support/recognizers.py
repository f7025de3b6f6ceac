"""A recognizer that hears what it is told to, for tests of the second pass."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from indexer.media.container import MediaError, MediaInfo
from indexer.text.recognizer import Recognized
from store.types import Cue, Video


@dataclass(frozen=True)
class Parrot:
    """Hears one sentence in every video: what its file is called. Of "broken" files it hears nothing."""

    said: str = "a red dog"
    stamp: str = "parrot-1"

    name = "speech"
    memory_bytes = 0

    @property
    def folders(self) -> tuple[Path, ...]:
        return ()

    def wants(self, video: Video, cues: Sequence[Cue], *, asked: bool) -> bool:
        return asked or not any(cue.source == "subtitles" for cue in cues)

    def check(self) -> None:
        pass

    def load(self) -> None:
        pass

    def read(self, path: Path, info: MediaInfo) -> Iterator[Recognized]:
        if "broken" in path.name:
            raise MediaError("its sound cannot be decoded", stage="decode")
        yield Recognized(0.5)
        if "endless" in path.name:
            while True:
                time.sleep(0.01)
                yield Recognized(0.5)
        yield Recognized(1.0, (Cue(0.25, 1.0, f"{self.said} {path.stem}", "en"),))
