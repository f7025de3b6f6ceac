"""Library, the Python API: a folder with a catalog and a vector index.

Opening a library is fast: the encoder and the vector index are loaded when first needed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Self

import platformdirs

from search.engine.engine import Engine
from search.export.targets import write
from search.query.language import parse
from search.query.request import Only, SearchRequest, SimilarRequest, absolute
from search.query.times import ClipRange
from search.ranking.moments import Moment
from store.catalog.address import is_url
from store.catalog.reels import Select
from store.catalog.searches import SavedSearch
from store.catalog.videos import Order
from store.types import FileIdentity, FileStamp, Segment, Video

if TYPE_CHECKING:  # these import torch, FAISS and the decoders
    from indexer.features.video import VideoFeatures
    from indexer.media.files import OpenFile
    from indexer.pipeline import IndexOptions, Progress, Report
    from indexer.reindex import Report as ReindexReport
    from model.encoder.classifier import Classifier
    from model.encoder.contract import Encoder
    from model.encoder.fill_mask import Guess
    from search.clips.duplicates import Duplicates
    from search.tasks.classification import Classification, Labels
    from search.tasks.summarization import Summary
    from store.catalog.dismissals import Dismissal

LIBRARY_VARIABLE = "VIDEOBERT_LIBRARY"


def library_address(given: str | Path | None = None) -> str | Path:
    """Return where a library is: the folder or URL that is given or stands in `$VIDEOBERT_LIBRARY`, or else a folder of
    this user's data directory.
    """
    chosen = given if given is not None else os.environ.get(LIBRARY_VARIABLE)
    if not chosen:
        return Path(platformdirs.user_data_dir("videobert")) / "library"
    return chosen if is_url(chosen) else Path(chosen).expanduser()


class Library:
    """Indexed videos, and search over them.

    Args:
        folder: of the library, or the URL of a PostgreSQL database, "postgresql://user@host/name"; `library_address()`
            by default. It is created if missing.
        encoder: to index and search with; loaded from `model` by default.
        model: name or folder of the encoder; by default that of the library, or the bundled model for a new library.

    Attributes:
        folder: of the library, or of what this machine keeps of one on a server.
        name: the folder, or the URL without a password.
        engine: catalog, vector index and encoder, shared by all threads.
        catalog: the database of the library.
    """

    def __init__(
        self, folder: str | Path | None = None, *, encoder: Encoder | None = None, model: str | Path | None = None
    ) -> None:
        self.engine = Engine(library_address(folder), encoder=encoder, model=model)
        self.folder, self.name = self.engine.folder, self.engine.name
        self.catalog = self.engine.catalog

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        """Release the files; committed data is safe without it."""
        self.engine.close()

    @property
    def encoder(self) -> Encoder:
        """The encoder, loaded when first needed."""
        return self.engine.encoder

    def duplicates(
        self,
        *,
        min_seconds: float = 2.0,
        within: str | Path | None = None,
        tell: Callable[[int, int], None] = lambda done, count: None,
    ) -> list[Duplicates]:
        """Find clusters of duplicate videos and the files that could be deleted; nothing is deleted.

        Pairs that were dismissed are left out.

        Args:
            min_seconds: least duration that two videos share.
            within: only videos at this path or under this folder.
            tell: called with how much is done, and how much there is to do.

        Raises:
            ValueError: `min_seconds` is not positive.
        """
        from search.clips.duplicates import find

        folder = None if within is None else absolute(within)
        return self.engine.run(
            lambda searcher: find(
                searcher.catalog,
                searcher.index,
                searcher.normalizer,
                min_seconds=min_seconds,
                within=folder,
                tell=tell,
            )
        )

    def trash(self, paths: Sequence[str | Path]) -> list[Video]:
        """Move copies to the system's trash and forget them; return them.

        Only copies go that `duplicates` need not keep, whose sound and words the one to keep has too as far as the
        library knows, and of which no reel has moments. All are checked before the first is moved.

        Raises:
            ValueError: one is no such copy, or a link; or it or the one to keep is gone or was replaced.
            OSError: the system has no trash for this file.
        """
        from search.library.trash import move_to_trash

        return move_to_trash(self.catalog, self.duplicates(), [absolute(path) for path in paths])

    def dismiss(self, one: str | Path, other: str | Path) -> Dismissal:
        """Write that two videos are not the same, so that `duplicates` leaves them out, wherever they move.

        Of two files with the same content it says that both are wanted. `catalog.dismissals` lists and forgets.

        Raises:
            ValueError: one of them is not in the library, or both are one.
        """
        videos = []
        for path in (one, other):
            video = self.catalog.videos.at(absolute(path))
            if video is None:
                raise ValueError(f"this library holds no video {path}")
            videos.append(video)
        if videos[0].id == videos[1].id:
            raise ValueError(f"two videos can differ, got {one} twice")
        return self.catalog.dismissals.add(videos[0].content_hash, videos[1].content_hash)

    def index(
        self,
        targets: Sequence[str | Path],
        *,
        options: IndexOptions | None = None,
        tell: Callable[[Progress], None] = lambda progress: None,
    ) -> Report:
        """Index files, folders and globs; unchanged files are skipped.

        Args:
            targets: paths or glob patterns; folders are searched recursively.
            options: of indexing.
            tell: called with the progress.

        Raises:
            EncoderMismatch: the library was made with another encoder.
        """
        from indexer.pipeline import Indexer, IndexOptions

        try:
            return Indexer(self.catalog, self.encoder, options or IndexOptions()).run(targets, tell=tell)
        finally:
            self.engine.refresh(save=True)  # after an interruption too, so that committed videos can be found

    def reindex(
        self,
        model: str | Path | None = None,
        *,
        options: IndexOptions | None = None,
        forget_missing: bool = False,
        tell: Callable[[Progress], None] = lambda progress: None,
    ) -> ReindexReport:
        """Move the library to another encoder, or to newer weights of its own. Searches use the old one until the end.

        After an interruption, a call with the same model resumes.

        Args:
            model: name or folder of the encoder; the library's own by default.
            options: of decoding, for videos whose features must be computed again.
            forget_missing: remove videos that can no longer be read; otherwise they prevent the move.
            tell: called with the progress.
        """
        from indexer.pipeline import IndexOptions
        from indexer.reindex import Reindexer

        if model is not None:
            self.engine.use_model(model)
        report = Reindexer(self.catalog, self.encoder, options or IndexOptions()).run(
            forget_missing=forget_missing, tell=tell
        )
        if report.done:
            self.engine.rebuild_index()  # its vectors are of the old encoder and may have another dimension
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
        """Return the moments for a query, best first.

        Args:
            query: in the language of `search.query.language`; may be empty if clips, images or `more` are given.
            clips: clips that moments must match, each as in `similar`.
            images: paths of pictures that moments must match.
            within: only videos at this path or under this folder.
            tag: only segments with this tag; see `tag`.

        The other arguments are those of `search.query.request.SearchRequest`.

        Raises:
            QueryError: the query has a syntax error; a ValueError with its position.
            ValueError: a number is out of its range, or clips are combined with a query of several steps.
            NotInLibrary: a segment of `more` or `less` is unknown.
            MediaError: a clip or picture cannot be read.
        """
        request = SearchRequest.from_parameters(
            {
                "query": query,
                "top": top,
                "clips": clips,
                "images": images,
                "within": within,
                "tag": tag,
                "only": only,
                "min_confidence": min_confidence,
                "per_video": per_video,
                "more": more,
                "less": less,
                "rerank": rerank,
                "explain": explain,
            }
        )
        return self.engine.search(request)

    def unread(self, texts: Sequence[str]) -> str:
        """One line that says what to install for texts in other languages than the model reads; "" where nothing is
        missing. Methods that read texts warn `ReadAsEnglish` with it.
        """
        from model.encoder.multilingual import unread
        from model.registry.registry import DEFAULT_MODEL

        known = self.catalog.encoder()
        return unread(known.model or DEFAULT_MODEL, texts) if known and texts else ""

    def similar(self, clip: str | Path | int, *, top: int = 10, within: str | Path | None = None) -> list[Moment]:
        """Return the moments similar to a clip, best first, each with the matching part.

        Args:
            clip: path of any video file, `PATH@START-END` for a part of it, or the id of a segment of this library.
            top: largest number of moments.
            within: only videos at this path or under this folder.

        Raises:
            ValueError: the segment is unknown, or the times are invalid.
            MediaError: the file cannot be read as video.
        """
        return self.engine.similar(SimilarRequest.from_parameters({"clip": clip, "top": top, "within": within}))

    def save_search(self, name: str, request: SearchRequest, *, owner: str = "") -> None:
        """Save a search under a name, replacing an earlier one of that name.

        Raises:
            QueryError: the search has no query.
            ValueError: the name is empty, or the search has clips, a folder or a tag besides its query.
            NotInLibrary: a segment it refers to is unknown.
        """
        if request.segments or request.clips or request.images or request.within or request.tag:
            raise ValueError("a saved search has no clips, and names folders and tags in its query (in: and tag:)")
        parse(request.query)
        values = {field.name: getattr(request, field.name) for field in fields(SavedSearch) if field.name != "name"}
        self.catalog.searches.of(owner).put(SavedSearch(name, **values))

    def run_search(
        self, name: str, *, more: Sequence[int] = (), less: Sequence[int] = (), top: int = 10, explain: bool = False
    ) -> list[Moment]:
        """Run a saved search; relevance feedback is saved with it.

        Args:
            name: of the search.
            more: segments that are relevant, added to the saved feedback.
            less: segments that are not relevant, added to the saved feedback.
            top: largest number of moments.
            explain: whether to explain the scores.

        Raises:
            ValueError: there is no search of this name.
            NotInLibrary: a segment is unknown.
        """
        saved = self.catalog.searches.get(name)
        if saved is None:
            known = ", ".join(each.name for each in self.catalog.searches.all()) or "none"
            raise ValueError(f"no saved search {name!r}; there are: {known}")
        request = saved_request(saved)
        if more or less:
            request = request.with_feedback(more, less)
            self.save_search(saved.name, request)
        return self.engine.search(replace(request, top=top, explain=explain))

    def select(self, what: str | Path | int, *, start: float | None = None, end: float | None = None) -> Select:
        """A moment to collect with `catalog.reels.add`: a part of a video of this library, or a segment.

        Args:
            what: path of a video, or id of a segment.
            start: in point in seconds; the beginning of what is named where not given.
            end: out point; the end of what is named where not given.

        Raises:
            ValueError: the library holds no such video, or the moment lies outside of it.
            NotInLibrary: there is no such segment.
        """
        from search.export.reels import select

        if isinstance(what, int):
            return select(self.catalog, segment=what, start=start, end=end)
        return select(self.catalog, video=self.show(what)[0], start=start, end=end)

    def reel(self, name: str) -> list[Moment]:
        """The moments of a reel in their order, each with its note, star and tags as `select`.

        Raises:
            ValueError: there is no such reel.
        """
        from search.export.reels import located

        return located(self.catalog, self.catalog.reels.moments(name))

    def export_moments(
        self, moments: Sequence[Moment], target: Path, *, title: str = "videobert", force: bool = False
    ) -> list[str]:
        """Write moments to a file: a list, a timeline, a ZIP file with a film of each, or one film.

        Args:
            target: its suffix says what: one of `search.export.formats`, .zip, or .mp4, .mov or .mkv.
            title: of timelines.
            force: whether a file may be replaced; no link is, and no video.

        Returns:
            What could not be written, with reasons; only for .zip.

        Raises:
            ValueError: the suffix is another one, or the format cannot hold them.
            MediaError: a film cannot be made.
            FileExistsError: the target may not be replaced.
        """
        from search.export.cuts import JOINED_SUFFIXES, join, zipped
        from search.export.formats import export, format_of

        suffix = target.suffix.lower()
        if suffix == ".zip":
            results = zipped(moments, target, source_of=self.open_original, force=force, protected=self.is_indexed)
            return [f"{each.moment.path}: {each.note}" for each in results if each.path is None]
        if suffix in JOINED_SUFFIXES:
            join(moments, target, source_of=self.open_original, force=force, protected=self.is_indexed)
            return []
        try:
            kind = format_of(target)
        except ValueError as error:
            raise ValueError(f"{error}; films are named .zip, {', '.join(JOINED_SUFFIXES)}") from None
        content = export(moments, kind, video_of=self.catalog.videos.at, title=title)
        write(content, target, force=force, protected=self.is_indexed)
        return []

    def show(self, what: str | Path | int) -> tuple[Video, list[Segment]]:
        """Return a video and its segments, by its path or the id of one of its segments.

        Raises:
            ValueError: the video or segment is not in the library.
        """
        if isinstance(what, int):
            segment = self.catalog.segments.get(what)
            video = self.catalog.videos.get(segment.video_id) if segment else None
        else:
            video = self.catalog.videos.at(absolute(what))
        if video is None or video.id is None:
            raise ValueError(f"this library holds no {'segment' if isinstance(what, int) else 'video'} {what}")
        return video, self.catalog.segments.of(video.id)

    def remove(self, targets: Sequence[str | Path]) -> int:
        """Remove the videos at these paths or under these folders, and their failures; files are not touched.

        Returns:
            The number of removed videos.
        """
        ids = {video.id for target in targets for video in self.videos(within=target) if video.id is not None}
        for target in targets:
            self.catalog.failures.remove([failure.path for failure in self.catalog.failures.all(absolute(target))])
            self.catalog.roots.remove(absolute(target))
        removed = self.catalog.videos.remove(ids)
        self.engine.refresh(save=True)
        return removed

    def status(self) -> dict[str, str | int | float]:
        """Return counts and settings of the library, by name."""
        counts, encoder = self.catalog.counts(), self.catalog.encoder()
        return {
            "library": self.name,
            "model": encoder.fingerprint if encoder else "none yet",
            "tier": (encoder.tier or "comes with the program") if encoder else "none yet",
            **vars(counts),
            "bytes": self.catalog.database.size(),
        }

    def write_thumbnails(self, moments: Sequence[Moment], folder: Path) -> list[Path]:
        """Write the thumbnail of each moment as `RANK-SEGMENT.jpg` into a folder, which is created if missing."""
        folder.mkdir(parents=True, exist_ok=True)
        paths = [folder / f"{rank:03}-{moment.segment_id}.jpg" for rank, moment in enumerate(moments, start=1)]
        for path, moment in zip(paths, moments, strict=True):
            write(self.catalog.segments.thumbnail(moment.segment_id)[0], path, force=True, protected=self.is_indexed)
        return paths

    def videos(self, *, within: str | Path | None = None, order: Order = "path") -> list[Video]:
        """Return the videos by path, or by the time they were added or filmed ("date"), latest first."""
        return self.catalog.videos.all(None if within is None else absolute(within), order=order)

    def summarize(
        self,
        video: str | Path,
        *,
        frames: int = 12,
        seconds: float | None = None,
        about: str | None = None,
        chapters: int | None = None,
    ) -> Summary:
        """Return keyframes, chapters and highlights of a video of this library, or of any file.

        Args:
            video: path of the video.
            frames: largest number of keyframes.
            seconds: longest duration of highlights; no highlights by default.
            about: text that the summary should show more of.
            chapters: largest number of chapters; by default it depends on the duration.

        Raises:
            ValueError: a number is not positive, or `about` has no word.
            MediaError: the video is not in the library and cannot be read.
        """
        from search.tasks.summarization import summarize

        features = self.film(video)
        return summarize(features, self.encoder, frames=frames, seconds=seconds, about=about, chapters=chapters)

    def classify(self, video: str | Path, by: Labels | Classifier) -> Classification:
        """Return the probabilities of labels in a video of this library, or in any file.

        Raises:
            MediaError: the video is not in the library and cannot be read.
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
        """Tag every segment of the library with its likely labels, for searches to filter by.

        Earlier tags of the same origin are replaced, video by video.

        Args:
            by: labels or a trained classifier.
            origin: source of the tags, such as a classifier's name.
            least: lowest probability of a tag, 0 to 1.
            within: only videos at this path or under this folder.
            tell: called with the classification of each video.
        """
        from indexer.features.video import stored_video
        from search.tasks.classification import NONE, classify
        from store.catalog.tags import Tag

        catalog = self.engine.writable_catalog()
        for video in self.videos(within=within):
            found = classify(stored_video(catalog, video), by)
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
        """Predict the masked words of a sentence about a video.

        Args:
            video: path of any video file, `PATH@START-END` for a part of it.
            text: with `[MASK]` for each word to predict.
            top: number of predictions per mask.

        Returns:
            The predictions for each mask, best first.

        Raises:
            ValueError: the text has no mask, the part has no frame, or the model cannot predict words.
            MediaError: the video is not in the library and cannot be read.
        """
        from model.encoder.fill_mask import fill
        from model.encoder.graph import GraphEncoder
        from model.encoder.load import load_videobert
        from model.encoder.multilingual import english
        from model.encoder.videobert import VideoBertEncoder

        encoder = english(self.encoder)
        if isinstance(encoder, GraphEncoder):  # graphs predict no words
            encoder = load_videobert(encoder.name)
        if not isinstance(encoder, VideoBertEncoder):
            raise ValueError(  # noqa: TRY004 - of what the user chose, not of an argument
                f"only VideoBERT can fill in words; this library uses {encoder.fingerprint}"
            )
        part = ClipRange.parse(str(video))
        features = self.film(part.path)
        inside = features.pts_seconds >= (part.start or 0.0)
        if part.end is not None:
            inside &= features.pts_seconds < part.end
        if not inside.any():
            raise ValueError(f"{video} has no frame between these times; it lasts {features.duration:.1f} s")
        return fill(encoder, features.features[inside], text, top=top)

    def open_original(self, path: str | Path) -> OpenFile:
        """Open the file of a video of this library, provided it is the one that was indexed.

        Raises:
            MediaError: the video is not in the library, or its file is missing or was replaced.
        """
        from indexer.media.container import MediaError
        from indexer.media.original import open_original

        video = self.catalog.videos.at(absolute(path))
        if video is None:
            raise MediaError(f"{path} is no video of this library", stage="open")
        return open_original(self.catalog, video)

    def open_video(self, path: str | Path) -> OpenFile:
        """Open a video: as in `open_original` if it is in this library, any other file directly.

        Raises:
            MediaError: it cannot be opened.
        """
        from search.export.cuts import open_source

        stored = self.catalog.videos.at(absolute(path))
        return self.open_original(path) if stored and not _changed(stored) else open_source(str(path))

    def is_indexed(self, path: Path) -> bool:
        """Return whether a file is a video of this library, under any name, which must never be replaced."""
        if self.catalog.videos.at(absolute(path)) is not None:
            return True
        try:
            return self.catalog.videos.is_file(FileIdentity.of(os.stat(path)))
        except OSError:
            return False

    def film(self, video: str | Path) -> VideoFeatures:
        """Return the features of a video: from the library if it is there unchanged, computed now otherwise.

        Raises:
            MediaError: it cannot be read as video.
        """
        from indexer.features.video import read_video, stored_video

        path = Path(absolute(video))
        stored = self.catalog.videos.at(str(path))
        if stored and not _changed(stored):
            return stored_video(self.engine.writable_catalog(), stored)
        return read_video(path, self.encoder)


def saved_request(saved: SavedSearch) -> SearchRequest:
    """Return the request of a saved search."""
    return SearchRequest.from_parameters({name: value for name, value in vars(saved).items() if name != "name"})


def _changed(video: Video) -> bool:
    """Return whether the file of a video has changed since it was indexed; a missing file has not."""
    try:
        return FileStamp.of(os.stat(video.path)) != video.file_stamp
    except OSError:
        return False
