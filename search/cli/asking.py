"""Searches of the command line: by a running service of the library where there is one, by the library otherwise."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from search.query.request import SearchRequest, SimilarRequest
from search.query.times import ClipRange
from search.ranking.moments import Moment
from search.service.client import Upload, running

if TYPE_CHECKING:
    from search.library import Library


def search(held: Library, request: SearchRequest) -> list[Moment]:
    """Run a search."""
    found = None
    uploads = [*map(_upload, request.clips), *(Upload("picture", Path(image).expanduser()) for image in request.images)]
    if len(request.segments) + len(uploads) <= 1 and (service := running(held.folder, held.catalog)):
        found = service.moments(request, upload=uploads[0] if uploads else None)  # it takes one at a time
    return held.engine.search(request) if found is None else found


def similar(held: Library, request: SimilarRequest) -> list[Moment]:
    """Search by a clip."""
    found = None
    if service := running(held.folder, held.catalog):
        found = service.moments(request, upload=None if request.clip is None else _upload(request.clip))
    return held.engine.similar(request) if found is None else found


def _upload(clip: str) -> Upload:
    try:
        part = ClipRange.parse(clip)
    except ValueError:  # told by the library, in its words
        return Upload("clip", Path(clip))
    return Upload("clip", part.path.expanduser(), part.start, part.end)
