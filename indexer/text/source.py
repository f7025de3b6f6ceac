"""TextSource: where the cues of a video come from. `SOURCES` is the only list of them."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from indexer.media.container import MediaInfo
from indexer.text.cues import CueTrack
from indexer.text.subtitles import Subtitles


class TextSource(Protocol):
    """Reads the cues of a video. Only worker processes call `read`, for it opens untrusted media."""

    @property
    def name(self) -> str:
        """What the catalog knows its cues by: "subtitles"."""

    def stamp(self, path: Path) -> str:
        """Return a short hash that changes when cues would though the video file did not, "" for none.

        Nothing is decoded: it is asked of every file of a library, in the process that indexes.
        """

    def read(self, path: Path, info: MediaInfo) -> CueTrack:
        """Read the cues of a video.

        Args:
            path: of the video.
            info: what `probe` said of it.

        Raises:
            MediaError: the file cannot be opened as media.
        """


SOURCES: tuple[TextSource, ...] = (Subtitles(),)


def stamp(path: Path) -> str:
    """Return the stamps of all sources as one, "" where none has any."""
    return "".join(source.stamp(path) for source in SOURCES)


def read(path: Path, info: MediaInfo) -> CueTrack:
    """Read the cues of a video from all sources, one after the other; arguments and errors as in `TextSource.read`."""
    tracks = [source.read(path, info) for source in SOURCES]
    return CueTrack(
        [cue for track in tracks for cue in track.cues],
        malformed=sum(track.malformed for track in tracks),
        problems=[problem for track in tracks for problem in track.problems],
    )
