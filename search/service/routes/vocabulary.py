"""/vocabulary: what a query can be made of, for those who complete it while it is typed."""

from __future__ import annotations

from datetime import date

from fastapi import APIRouter
from pydantic import BaseModel, Field

from search.service.backend.schemas import shown_path
from search.service.backend.state import IsLocal, Shared
from store.filters import TYPED_FILTERS, FilterSpec

router = APIRouter(tags=["search"])

_MOST = 200  # names of one kind


class Term(BaseModel):
    """A word of the query language."""

    name: str
    help: str
    example: str
    values: list[str] = Field(default=[], description="What it can be used with, to be offered while it is typed.")


class Vocabulary(BaseModel):
    """What a query can be made of; the language itself is in docs/search.md."""

    filters: list[Term]
    operators: list[Term]
    folders: list[str] = Field(description="After in:")
    tags: list[str] = Field(description="After tag:, the most frequent first.")
    types: list[str] = Field(description="After type:, the most frequent first.")


_OPERATORS = [
    Term(name="NOT", help="what must not be there, up to the next operator", example="a cat NOT dog"),
    Term(name="AND", help="both in one moment", example="a lake AND a boat"),
    Term(name="THEN", help="one after the other in one video", example="cutting THEN frying"),
    Term(name="THEN WITHIN", help="at most so long after", example="rain THEN WITHIN 20s sun"),
    Term(name='"…"', help="words that are said, or stand in a name, just so", example='"happy birthday"'),
]


@router.get("/vocabulary")
def vocabulary(state: Shared, local: IsLocal) -> Vocabulary:
    """List the filters and operators of the query language, and the names they can be used with."""
    catalog = state.library.catalog
    folders = dict.fromkeys(shown_path(each.path, local=local) for each in catalog.videos.folders())
    names = {
        "folders": list(folders)[:_MOST],
        "tags": list(catalog.tags.counts())[:_MOST],
        "suffixes": catalog.videos.suffixes()[:_MOST],
        "dates": _dates(date.today()),
    }
    return Vocabulary(
        filters=[_term(spec, names) for spec in TYPED_FILTERS],
        operators=_OPERATORS,
        folders=names["folders"],
        tags=names["tags"],
        types=names["suffixes"],
    )


def _term(spec: FilterSpec, names: dict[str, list[str]]) -> Term:
    values = names[spec.values] if isinstance(spec.values, str) else list(spec.values)
    return Term(name=f"{spec.name}:", help=spec.help, example=spec.example, values=values)


def _dates(today: date) -> list[str]:
    """This year, this month and the year before, as filters take them."""
    return [f"{today.year}", f"{today:%Y-%m}", f"{today.year - 1}"]
