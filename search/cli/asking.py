"""Searches of the command line: by a running service of the library where there is one, by the library otherwise."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from search.query.times import ClipRange
from search.service.client import Upload, running
from store.types import Moment

if TYPE_CHECKING:
    from search.library import Library


class Options(TypedDict, total=False):
    """What `Library.search` takes beside the query."""

    within: Path | None
    tag: str | None
    only: Literal["visual", "words"] | None
    min_confidence: float
    per_video: int | None
    more: Sequence[int]
    less: Sequence[int]
    rerank: int
    explain: bool


def search(
    held: Library, query: str, *, top: int, clips: Sequence[str | int], images: Sequence[Path], options: Options
) -> list[Moment]:
    """What `Library.search` finds."""
    found = None
    if len(clips) + len(images) <= 1 and (service := running(held.folder, held.catalog)):  # it takes one at a time
        question: dict[str, Any] = {"q": query, **options, "within": _absolute(options.get("within"))}
        upload = Upload("picture", images[0].expanduser()) if images else None
        if clips:
            question["segment"], upload = _segment_or_file(clips[0])
        found = service.moments("search", question, top=top, upload=upload)
    return held.search(query, top=top, clips=clips, images=images, **options) if found is None else found


def similar(held: Library, clip: str | int, *, top: int, within: Path | None) -> list[Moment]:
    """What `Library.similar` finds."""
    found = None
    if service := running(held.folder, held.catalog):
        segment, upload = _segment_or_file(clip)
        question = {"segment": segment, "within": _absolute(within)}
        found = service.moments("similar", question, top=top, upload=upload)
    return held.similar(clip, top=top, within=within) if found is None else found


def _segment_or_file(clip: str | int) -> tuple[int | None, Upload | None]:
    if isinstance(clip, int):
        return clip, None
    try:
        part = ClipRange.parse(clip)
    except ValueError:  # told by the library, in its words
        return None, Upload("clip", Path(clip))
    return None, Upload("clip", part.path.expanduser(), part.start, part.end)


def _absolute(path: Path | None) -> str | None:
    return None if path is None else os.path.abspath(path.expanduser())
