"""A library: a folder with a catalog and a vector index, and everything one does with it.

Opening one is quick: the encoder and the vector index are loaded when first needed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

import platformdirs

from search.clip_range import ClipRange
from store.catalog import Catalog
from store.filters import Filter
from store.types import Moment, Segment, Video

if TYPE_CHECKING:  # these bring torch, FAISS and the decoders with them
    from indexer.clip import Clip
    from indexer.film import Film
    from indexer.pipeline import IndexOptions, Progress, Report
    from indexer.reindex import Report as ReindexReport
    from model.classification import Classifier
    from model.encoder import Encoder
    from model.fill import Guess
    from search.classification import Classification
    from search.clause import Only
    from search.engine import SearchEngine
    from search.labels import Labels
    from search.summary import Summary
    from store.vectors import FaissIndex

LIBRARY_VARIABLE = "VIDEOBERT_LIBRARY"


def default_folder() -> Path:
    """`$VIDEOBERT_LIBRARY`, or a folder of this user's data directory."""
    chosen = os.environ.get(LIBRARY_VARIABLE)
    return Path(chosen).expanduser() if chosen else Path(platformdirs.user_data_dir("videobert")) / "library"


class Library:
    """Videos that were indexed, and the search over them.

    Args:
        folder: where the library lives; `default_folder()` if not given. It is made when missing.
        encoder: the model to index and search with; loaded by `model` if not given.
        model: its name or folder; that of the library if not given, and for a new one what comes with the program.
    """

    def __init__(
        self, folder: str | Path | None = None, *, encoder: Encoder | None = None, model: str | Path | None = None
    ) -> None:
        self.folder = Path(folder).expanduser() if folder is not None else default_folder()
        self.catalog = Catalog(self.folder / "catalog.sqlite")
        self._model = model
        self._engine: SearchEngine | None = None
        if encoder is not None:
            self.encoder = encoder

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        """Release the files; what was committed is safe without it."""
        self.catalog.close()

    @cached_property
    def encoder(self) -> Encoder:
        """The loaded model."""
        from model.encoder import Encoder

        origin = self.catalog.origin()
        chosen = self._model or (origin.model if origin else None)
        return Encoder.load(chosen) if chosen else Encoder.load()

    @cached_property
    def vectors(self) -> FaissIndex:
        """The vector index, brought up to date with the catalog."""
        from store.vectors import FaissIndex

        held = self.catalog.encoder()
        return FaissIndex.open(self.folder / "vectors.faiss", held[1] if held else self.encoder.dim)

    @property
    def engine(self) -> SearchEngine:
        """The search over what the catalog holds now."""
        from search.engine import SearchEngine

        self.catalog.bind_encoder(self.encoder.fingerprint, self.encoder.dim)
        if self._refresh_vectors() or self._engine is None:  # it remembers what the library looks like as a whole
            self._engine = SearchEngine(self.catalog, self.vectors, self.encoder)
        return self._engine

    def index(
        self,
        targets: Sequence[str | Path],
        *,
        options: IndexOptions | None = None,
        tell: Callable[[Progress], None] = lambda progress: None,
    ) -> Report:
        """Index files, folders and globs; what is already known and unchanged is skipped.

        Raises:
            EncoderMismatch: the library was made with another encoder.
        """
        from indexer.pipeline import Indexer, IndexOptions

        try:
            return Indexer(self.catalog, self.encoder, options or IndexOptions()).run(targets, tell=tell)
        finally:
            self._refresh_vectors()  # after an interruption too: what was committed can be found at once

    def reindex(
        self,
        model: str | Path | None = None,
        *,
        options: IndexOptions | None = None,
        forget_missing: bool = False,
        tell: Callable[[Progress], None] = lambda progress: None,
    ) -> ReindexReport:
        """Move the library to another encoder, or to newer weights of its own; the old one serves until all is done.

        It can be interrupted, and goes on when it is called again with the same model.

        Args:
            model: name or folder; the library's own if not given.
            options: of decoding, for videos whose frames have to be looked at again.
            forget_missing: let videos go that cannot be read any more; without it they keep the old encoder in place.
        """
        from indexer.pipeline import IndexOptions
        from indexer.reindex import Reindexer
        from model.encoder import Encoder

        if model is not None:
            self._model, self.encoder = model, Encoder.load(model)
        report = Reindexer(self.catalog, self.encoder, options or IndexOptions()).run(
            forget_missing=forget_missing, tell=tell
        )
        if report.done:
            self.__dict__.pop("vectors", None)  # of the old encoder, and maybe of another length
            (self.folder / "vectors.faiss").unlink(missing_ok=True)
            self._refresh_vectors()
        return report

    def search(
        self,
        query: str = "",
        *,
        top: int = 10,
        clips: Sequence[str | Path | int] = (),
        images: Sequence[str | Path] = (),
        within: str | Path | None = None,
        tag: str | None = None,
        only: Only | None = None,
        min_confidence: float = 0.0,
        per_video: int | None = None,
        more: Sequence[int] = (),
        less: Sequence[int] = (),
        rerank: int = 0,
        explain: bool = False,
    ) -> list[Moment]:
        """Moments that a query describes, best first.

        Args:
            query: in the language of `search.query`; it may be empty where clips, images or `more` are given.
            clips: what the moment has to look like as well, each as in `similar`.
            images: files of pictures that it has to look like as well.
            within: only videos at this path or under this folder.
            tag: only what has this tag; see `tag`.

        The other arguments are those of `search.request.Request`.

        Raises:
            QueryError: the query cannot be understood; a ValueError that knows the character.
            ValueError: a number is out of its range, or clips come with a query of several steps.
            NotInLibrary: a segment to have more or less like is unknown.
            MediaError: a clip or picture cannot be read.
        """
        from search.query import Query, Step, parse
        from search.request import Request

        others = bool(clips or images or more)
        asked = parse(query) if query.strip() or not others else Query((Step(),))
        request = Request(
            asked,
            clips=(*map(self._clip, clips), *(self._picture(image) for image in images)),
            top=top,
            only=only,
            min_confidence=min_confidence,
            per_video=per_video,
            more=tuple(more),
            less=tuple(less),
            rerank=rerank,
            explain=explain,
        )
        if within is not None:
            request = request.limited(Filter("within", _absolute(within) or ""))
        if tag is not None:
            request = request.limited(Filter("tag", tag))
        return self.engine.ask(request)

    def similar(self, clip: str | Path | int, *, top: int = 10, within: str | Path | None = None) -> list[Moment]:
        """Moments that look like a clip, best first, each with where in it the clip matches.

        Args:
            clip: a file from anywhere, `PATH@START-END` for a part of it, or the id of a segment of this library.

        Raises:
            ValueError: no such segment, or times that make no sense.
            MediaError: the file cannot be read as video.
        """
        if isinstance(clip, int):
            return self.engine.by_segment(clip, top=top, within=_absolute(within))
        return self.engine.by_clip(self._look_at(ClipRange.parse(str(clip))), top=top, within=_absolute(within))

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
        from search.summary import summarize

        film = self.film(video)
        return summarize(film, self.encoder, frames=frames, seconds=seconds, about=about, chapters=chapters)

    def classify(self, video: str | Path, by: Labels | Classifier) -> Classification:
        """How likely labels are in a video of this library, or of any file.

        Raises:
            MediaError: a file that the library does not hold cannot be read as video.
        """
        from search.classification import classify

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
        from indexer.film import stored_film
        from search.classification import classify
        from search.labels import NONE
        from store.tags import Tag

        self.catalog.bind_encoder(self.encoder.fingerprint, self.encoder.dim)
        for video in self.videos(within=within):
            found = classify(stored_film(self.catalog, video), by)
            assert video.id is not None  # it came from the catalog
            rows = zip(self.catalog.segments(video.id), found.probabilities, strict=True)
            tags = [
                Tag(segment.id, name, float(share), origin)
                for segment, row in rows
                for name, share in zip(found.names, row, strict=True)
                if share >= least and name != NONE and segment.id is not None
            ]
            self.catalog.put_tags(tags, origin=origin, video_ids=[video.id])
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
        from model.encoder import VideoBertEncoder
        from model.fill import fill

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

    def film(self, video: str | Path) -> Film:
        """A video as the model saw it: from the library where it holds it unchanged, looked at now otherwise.

        Raises:
            MediaError: it cannot be read as video.
        """
        from indexer.film import read_film, stored_film

        path = Path(os.path.abspath(os.path.expanduser(video)))
        held = self.catalog.video(str(path))
        if held and not _changed(held):
            self.catalog.bind_encoder(self.encoder.fingerprint, self.encoder.dim)
            return stored_film(self.catalog, held)
        return read_film(path, self.encoder)

    def videos(self, *, within: str | Path | None = None) -> list[Video]:
        """The videos held, ordered by path."""
        return self.catalog.videos(within=_absolute(within))

    def show(self, what: str | Path | int) -> tuple[Video, list[Segment]]:
        """One video with its segments, by its path or by the id of one of its segments.

        Raises:
            ValueError: the library holds no such thing.
        """
        if isinstance(what, int):
            segment = self.catalog.segment(what)
            video = self.catalog.video_by_id(segment.video_id) if segment else None
        else:
            video = self.catalog.video(str(_absolute(what)))
        if video is None or video.id is None:
            raise ValueError(f"this library holds no {'segment' if isinstance(what, int) else 'video'} {what}")
        return video, self.catalog.segments(video.id)

    def remove(self, targets: Sequence[str | Path]) -> int:
        """Forget the videos at these paths or under these folders, and their failures; files are not touched.

        Returns:
            how many videos were forgotten.
        """
        ids = {video.id for target in targets for video in self.videos(within=target) if video.id is not None}
        for target in targets:
            self.catalog.forget_failures([failure.path for failure in self.catalog.failures(_absolute(target))])
        removed = self.catalog.remove_videos(ids)
        self._refresh_vectors()
        return removed

    def status(self) -> dict[str, str | int | float]:
        """What the library holds, as names and values."""
        counts, held, origin = self.catalog.counts(), self.catalog.encoder(), self.catalog.origin()
        return {
            "library": str(self.folder),
            "model": held[0] if held else "none yet",
            "tier": origin.tier if origin else "comes with the program" if held else "none yet",
            **vars(counts),
            "bytes": sum(file.stat().st_size for file in self.folder.iterdir() if file.is_file()),
        }

    def write_thumbnails(self, moments: Sequence[Moment], folder: Path) -> list[Path]:
        """Write the picture of each moment as `RANK-SEGMENT.jpg` into a folder, which is made when missing."""
        folder.mkdir(parents=True, exist_ok=True)
        paths = [folder / f"{rank:03}-{moment.segment_id}.jpg" for rank, moment in enumerate(moments, start=1)]
        for path, moment in zip(paths, moments, strict=True):
            path.write_bytes(self.catalog.thumbnail(moment.segment_id)[0])
        return paths

    def _refresh_vectors(self) -> bool:
        from store.vectors import bring_up_to_date

        changed = any(bring_up_to_date(self.vectors, self.catalog))
        if changed:
            self.vectors.save()
            self._engine = None
        return changed

    def _clip(self, clip: str | Path | int) -> Clip:
        return self.engine.segment(clip) if isinstance(clip, int) else self._look_at(ClipRange.parse(str(clip)))

    def _picture(self, image: str | Path) -> Clip:
        from indexer.clip import read_picture

        return read_picture(Path(image).expanduser(), self.encoder)

    def _look_at(self, clip: ClipRange) -> Clip:
        from indexer.clip import read_clip

        return read_clip(clip.path.expanduser(), self.encoder, start=clip.start, end=clip.end)


def _changed(video: Video) -> bool:
    """Whether the file of a video is another one now than when it was indexed; one that is gone has not changed."""
    try:
        state = os.stat(video.path)
    except OSError:
        return False
    return (state.st_size, state.st_mtime_ns) != (video.size, video.mtime_ns)


def _absolute(path: str | Path | None) -> str | None:
    return None if path is None else os.path.abspath(os.path.expanduser(path))
