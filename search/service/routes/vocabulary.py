"""/vocabulary: what a query can be made of, for those who complete it while it is typed."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel, Field

from search.service.backend.schemas import shown_path
from search.service.backend.state import IsLocal, Shared

router = APIRouter(tags=["search"])

_MOST = 200  # names of one kind


class Term(BaseModel):
    """A word of the query language."""

    name: str
    help: str
    example: str


class Vocabulary(BaseModel):
    """What a query can be made of; the language itself is in docs/search.md."""

    filters: list[Term]
    operators: list[Term]
    folders: list[str] = Field(description="After in:")
    tags: list[str] = Field(description="After tag:, the most frequent first.")
    types: list[str] = Field(description="After type:, the most frequent first.")


_FILTERS = [
    Term(name="in:", help="a part of the path", example="in:holidays"),
    Term(name="tag:", help="a tag that a classification gave", example="tag:dog"),
    Term(name="type:", help="the suffix of the file", example="type:mp4"),
    Term(name="has:", help="only videos with subtitles", example="has:subtitles"),
    Term(name="after:", help="changed on this day, month or year, or later", example="after:2024-01"),
    Term(name="before:", help="changed before this day, month or year", example="before:2024-03-15"),
    Term(name="longer:", help="videos at least so long", example="longer:10s"),
    Term(name="shorter:", help="videos shorter than this", example="shorter:5m"),
]
_OPERATORS = [
    Term(name="NOT", help="what must not be there, up to the next operator", example="a cat NOT dog"),
    Term(name="AND", help="both in one moment", example="a lake AND a boat"),
    Term(name="THEN", help="one after the other in one video", example="cutting THEN frying"),
    Term(name="THEN WITHIN", help="at most so long after", example="rain THEN WITHIN 20s sun"),
    Term(name='"…"', help="words that are said, or stand in a name, just so", example='"happy birthday"'),
]


@router.get("/vocabulary")
def vocabulary(parts: Shared, local: IsLocal) -> Vocabulary:
    """List the filters and operators of the query language, and the names they can be used with."""
    catalog = parts.live.library.catalog
    folders = dict.fromkeys(shown_path(each.path, local=local) for each in catalog.videos.folders())
    return Vocabulary(
        filters=_FILTERS,
        operators=_OPERATORS,
        folders=list(folders)[:_MOST],
        tags=list(catalog.tags.counts())[:_MOST],
        types=catalog.videos.suffixes()[:_MOST],
    )
