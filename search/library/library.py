"""A library: a folder with a catalog and a vector index, and everything one does with it.

Opening one is quick: the encoder and the vector index are loaded when first needed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

import platformdirs

from search.library.films import Films
from search.query.language import parse
from search.query.request import Only, SearchRequest, SimilarRequest, absolute
from search.ranking.moments import Moment
from store.catalog.catalog import Catalog
from store.catalog.searches import SavedSearch
from store.types import Segment, Video

if TYPE_CHECKING:  # these bring torch, FAISS and the decoders with them
    from indexer.pipeline import IndexOptions, Progress, Report
    from indexer.reindex import Report as ReindexReport
    from model.encoder.contract import Encoder
    from search.clips.duplicates import Duplicates
    from search.engine.searcher import SearchEngine
    from store.vectors.index import VectorIndex

LIBRARY_VARIABLE = "VIDEOBERT_LIBRARY"


def default_folder() -> Path:
    """`$VIDEOBERT_LIBRARY`, or a folder of this user's data directory."""
    chosen = os.environ.get(LIBRARY_VARIABLE)
    return Path(chosen).expanduser() if chosen else Path(platformdirs.user_data_dir("videobert")) / "library"


class Library(Films):
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
        super().__init__(Catalog.open(self.folder / "catalog.sqlite"), model)
        self._engine: SearchEngine | None = None
        self._asked: tuple[int, int] | None = None  # the catalog's stamp when the engine was brought up to date
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
    def vectors(self) -> VectorIndex:
        """The vector index, brought up to date with the catalog."""
        from store.vectors.faiss_index import FaissIndex

        held = self.catalog.encoder()
        dim = held.dim if held else self.encoder.dim
        return FaissIndex.open(self.folder / "vectors.faiss", dim, resolve=self.catalog.segments.ids)

    @property
    def engine(self) -> SearchEngine:
        """The search over what the catalog holds now."""
        from search.engine.searcher import SearchEngine

        if self._engine is None or self._asked != self.catalog.stamp():
            catalog = self.catalog_of_encoder()
            if self._refresh_vectors() or self._engine is None:  # it remembers what the library looks like as a whole
                self._engine = SearchEngine(catalog, self.vectors, self.encoder)
            self._asked = self.catalog.stamp()
        return self._engine

    def duplicates(self, *, min_seconds: float = 2.0, within: str | Path | None = None) -> list[Duplicates]:
        """Clusters of videos that show the same, and what could be deleted of them; nothing is deleted.

        Args:
            min_seconds: what two videos share has to be so long.
            within: only videos at this path or under this folder.

        Raises:
            ValueError: `min_seconds` is not positive.
        """
        from search.clips.duplicates import find

        engine = self.engine
        return find(
            self.catalog,
            self.vectors,
            engine.normalizer,
            min_seconds=min_seconds,
            within=None if within is None else absolute(within),
        )

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
        from model.encoder.load import load

        if model is not None:
            self._model, self.encoder = model, load(model)
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
            query: in the language of `search.query.language`; it may be empty where clips, images or `more` are given.
            clips: what the moment has to look like as well, each as in `similar`.
            images: files of pictures that it has to look like as well.
            within: only videos at this path or under this folder.
            tag: only what has this tag; see `tag`.

        The other arguments are those of `search.query.request.SearchRequest`.

        Raises:
            QueryError: the query cannot be understood; a ValueError that knows the character.
            ValueError: a number is out of its range, or clips come with a query of several steps.
            NotInLibrary: a segment to have more or less like is unknown.
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

    def similar(self, clip: str | Path | int, *, top: int = 10, within: str | Path | None = None) -> list[Moment]:
        """Moments that look like a clip, best first, each with where in it the clip matches.

        Args:
            clip: a file from anywhere, `PATH@START-END` for a part of it, or the id of a segment of this library.

        Raises:
            ValueError: no such segment, or times that make no sense.
            MediaError: the file cannot be read as video.
        """
        return self.engine.similar(SimilarRequest.from_parameters({"clip": clip, "top": top, "within": within}))

    def save_search(self, name: str, request: SearchRequest) -> None:
        """Save a search under a name, in place of another of that name.

        Raises:
            QueryError: it has no query.
            ValueError: the name is empty, or the search has clips, a folder or a tag beside its query.
            NotInLibrary: a segment it refers to is unknown.
        """
        if request.segments or request.clips or request.images or request.within or request.tag:
            raise ValueError("a saved search has no clips, and names folders and tags in its query (in: and tag:)")
        parse(request.query)
        kept = {field.name: getattr(request, field.name) for field in fields(SavedSearch) if field.name != "name"}
        self.catalog.searches.put(SavedSearch(name, **kept))

    def run_search(
        self, name: str, *, more: Sequence[int] = (), less: Sequence[int] = (), top: int = 10, explain: bool = False
    ) -> list[Moment]:
        """Run a saved search again; feedback on its moments is saved with it.

        Args:
            more: segments to have more like from now on.
            less: segments to have less like from now on.

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

    def show(self, what: str | Path | int) -> tuple[Video, list[Segment]]:
        """One video with its segments, by its path or by the id of one of its segments.

        Raises:
            ValueError: the library holds no such thing.
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
        """Forget the videos at these paths or under these folders, and their failures; files are not touched.

        Returns:
            how many videos were forgotten.
        """
        ids = {video.id for target in targets for video in self.videos(within=target) if video.id is not None}
        for target in targets:
            self.catalog.failures.remove([failure.path for failure in self.catalog.failures.all(absolute(target))])
        removed = self.catalog.videos.remove(ids)
        self._refresh_vectors()
        return removed

    def status(self) -> dict[str, str | int | float]:
        """What the library holds, as names and values."""
        counts, held = self.catalog.counts(), self.catalog.encoder()
        return {
            "library": str(self.folder),
            "model": held.fingerprint if held else "none yet",
            "tier": (held.tier or "comes with the program") if held else "none yet",
            **vars(counts),
            "bytes": sum(file.stat().st_size for file in self.folder.iterdir() if file.is_file()),
        }

    def write_thumbnails(self, moments: Sequence[Moment], folder: Path) -> list[Path]:
        """Write the picture of each moment as `RANK-SEGMENT.jpg` into a folder, which is made when missing."""
        folder.mkdir(parents=True, exist_ok=True)
        paths = [folder / f"{rank:03}-{moment.segment_id}.jpg" for rank, moment in enumerate(moments, start=1)]
        for path, moment in zip(paths, moments, strict=True):
            path.write_bytes(self.catalog.segments.thumbnail(moment.segment_id)[0])
        return paths

    def _refresh_vectors(self) -> bool:
        from store.vectors.sync import sync

        changed = any(sync(self.vectors, self.catalog))
        if changed:
            self.vectors.save()
            self._engine = None
        return changed


def saved_request(saved: SavedSearch) -> SearchRequest:
    """Return what is asked under a name."""
    return SearchRequest.from_parameters({name: value for name, value in vars(saved).items() if name != "name"})
