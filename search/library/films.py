"""What is asked about one video at a time, in the library or not: summaries, labels, missing words."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from search.query.request import absolute
from search.query.times import ClipRange
from store.catalog.catalog import Catalog
from store.types import EncoderInfo, FileStamp, Video

if TYPE_CHECKING:  # these bring torch and the decoders with them
    from indexer.features.video import VideoFeatures
    from model.encoder.classifier import Classifier
    from model.encoder.contract import Encoder
    from model.encoder.fill_mask import Guess
    from search.tasks.classification import Classification, Labels
    from search.tasks.summarization import Summary


class Films:
    """Videos of a catalog, or any files, as the model saw them.

    Args:
        catalog: holds what is known of videos already.
        model: name or folder of the encoder; that of the catalog if not given.
    """

    def __init__(self, catalog: Catalog, model: str | Path | None = None) -> None:
        self.catalog, self._model = catalog, model

    @cached_property
    def encoder(self) -> Encoder:
        """The loaded model."""
        from model.encoder.load import load

        held = self.catalog.encoder()
        chosen = self._model or (held.model if held else "")
        return load(chosen) if chosen else load()

    def catalog_of_encoder(self) -> Catalog:
        """Return the catalog for reading and writing vectors of the encoder.

        Raises:
            EncoderMismatch: it holds vectors of another encoder.
        """
        return self.catalog.with_encoder(EncoderInfo(self.encoder.fingerprint, self.encoder.dim))

    def videos(self, *, within: str | Path | None = None) -> list[Video]:
        """The videos held, ordered by path."""
        return self.catalog.videos.all(within=None if within is None else absolute(within))

    def summarize(
        self,
        video: str | Path,
        *,
        frames: int = 12,
        seconds: float | None = None,
        about: str | None = None,
        chapters: int | None = None,
    ) -> Summary:
        """Keyframes, chapters and highlights of a video of this library, or of any file.

        Args:
            frames: keyframes at most.
            seconds: highlights at most; none where not given.
            about: what to show more of; whatever the video shows where not given.
            chapters: at most; by the length of the video where not given.

        Raises:
            ValueError: a number is not positive, or `about` has no word in it.
            MediaError: a file that the library does not hold cannot be read as video.
        """
        from search.tasks.summarization import summarize

        film = self.film(video)
        return summarize(film, self.encoder, frames=frames, seconds=seconds, about=about, chapters=chapters)

    def classify(self, video: str | Path, by: Labels | Classifier) -> Classification:
        """How likely labels are in a video of this library, or of any file.

        Raises:
            MediaError: a file that the library does not hold cannot be read as video.
        """
        from search.tasks.classification import classify

        return classify(self.film(video), by)

    def tag(
        self,
        by: Labels | Classifier,
        *,
        origin: str,
        least: float = 0.5,
        within: str | Path | None = None,
        tell: Callable[[Classification], None] = lambda found: None,
    ) -> None:
        """Give every segment of the library the labels that are at least so probable, for searches to filter by.

        What the same origin said of these videos before is replaced, video by video.

        Args:
            origin: who says so, such as a classifier's name.
            least: probability, 0 to 1.
            within: only videos at this path or under this folder.
            tell: called with what was found in each video.
        """
        from indexer.features.video import stored_video
        from search.tasks.classification import NONE, classify
        from store.catalog.tags import Tag

        self.catalog_of_encoder()
        for video in self.videos(within=within):
            found = classify(stored_video(self.catalog, video), by)
            assert video.id is not None  # it came from the catalog
            rows = zip(self.catalog.segments.of(video.id), found.probabilities, strict=True)
            tags = [
                Tag(segment.id, name, float(share), origin)
                for segment, row in rows
                for name, share in zip(found.names, row, strict=True)
                if share >= least and name != NONE and segment.id is not None
            ]
            self.catalog.tags.put(tags, origin=origin, video_ids=[video.id])
            tell(found)

    def fill(self, video: str | Path, text: str, *, top: int = 5) -> list[list[Guess]]:
        """Guess the words that are missing from a sentence about a video.

        Args:
            video: of this library or any other file, `PATH@START-END` for a part of it.
            text: with `[MASK]` for each word to guess.
            top: guesses for each blank.

        Raises:
            ValueError: the text has no blank, no frame lies in the part, or the model cannot predict words.
            MediaError: a file that the library does not hold cannot be read as video.
        """
        from model.encoder.fill_mask import fill
        from model.encoder.videobert import VideoBertEncoder

        if not isinstance(self.encoder, VideoBertEncoder):
            raise ValueError(  # noqa: TRY004 - of what the user chose, not of an argument
                f"only VideoBERT can fill in words; this library uses {self.encoder.fingerprint}"
            )
        part = ClipRange.parse(str(video))
        film = self.film(part.path)
        shown = film.pts_seconds >= (part.start or 0.0)
        if part.end is not None:
            shown &= film.pts_seconds < part.end
        if not shown.any():
            raise ValueError(f"{video} has no frame between these times; it lasts {film.duration:.1f} s")
        return fill(self.encoder, film.features[shown], text, top=top)

    def film(self, video: str | Path) -> VideoFeatures:
        """A video as the model saw it: from the library where it holds it unchanged, looked at now otherwise.

        Raises:
            MediaError: it cannot be read as video.
        """
        from indexer.features.video import read_video, stored_video

        path = Path(absolute(video))
        held = self.catalog.videos.at(str(path))
        if held and not _changed(held):
            return stored_video(self.catalog_of_encoder(), held)
        return read_video(path, self.encoder)


def _changed(video: Video) -> bool:
    """Whether the file of a video is another one now than when it was indexed; one that is gone has not changed."""
    try:
        return FileStamp.of(os.stat(video.path)) != video.file_stamp
    except OSError:
        return False
