"""/vocabulary: filters, operators and names, for completion of queries."""

from __future__ import annotations

from datetime import date

from fastapi import APIRouter
from pydantic import BaseModel, Field

from search.service.backend.schemas import shown_path
from search.service.backend.state import IsLocal, Shared
from store.fields import FIELDS
from store.filters import TYPED_FILTERS, FilterSpec

router = APIRouter(tags=["search"])

_MAX_NAMES = 200  # of each kind


class Term(BaseModel):
    """A filter, field or operator."""

    name: str
    help: str
    example: str
    values: list[str] = Field(default=[], description="Values to offer for completion.")


class Vocabulary(BaseModel):
    """Filters, fields, operators and names; docs/search.md describes the query language."""

    filters: list[Term]
    fields: list[Term] = Field(description="Where words are looked for: said:, written:.")
    operators: list[Term]
    folders: list[str] = Field(description="After in:")
    tags: list[str] = Field(description="After tag:, most frequent first.")
    types: list[str] = Field(description="After type:, most frequent first.")


_OPERATORS = [
    Term(name="NOT", help="excludes what follows, up to the next operator", example="a cat NOT dog"),
    Term(name="AND", help="both in one moment", example="a lake AND a boat"),
    Term(name="THEN", help="one after the other, in one video", example="cutting THEN frying"),
    Term(name="THEN WITHIN", help="the same, within a time", example="rain THEN WITHIN 20s sun"),
    Term(name='"…"', help="exact phrase in what is said or written, or in names", example='"happy birthday"'),
]


@router.get("/vocabulary")
def vocabulary(state: Shared, local: IsLocal) -> Vocabulary:
    """List filters, fields and operators of the query language, and names for completion."""
    catalog = state.library.catalog
    folders = dict.fromkeys(shown_path(each.path, local=local) for each in catalog.videos.folders())
    names = {
        "folders": list(folders)[:_MAX_NAMES],
        "tags": list(dict.fromkeys([*catalog.tags.counts(), *catalog.reels.tags()]))[:_MAX_NAMES],
        "labels": list(catalog.labels.counts()),  # at most the whole vocabulary
        "suffixes": catalog.videos.suffixes()[:_MAX_NAMES],
        "dates": [month.month for month in catalog.videos.months()][:_MAX_NAMES] or _dates(date.today()),
        "days": [date.today().isoformat()],
        "cameras": catalog.videos.cameras()[:_MAX_NAMES],
    }
    return Vocabulary(
        filters=[_term(spec, names) for spec in TYPED_FILTERS],
        fields=[Term(name=f"{field.name}:", help=field.help, example=field.example) for field in FIELDS],
        operators=_OPERATORS,
        folders=names["folders"],
        tags=names["tags"],
        types=names["suffixes"],
    )


def _term(spec: FilterSpec, names: dict[str, list[str]]) -> Term:
    values = names[spec.values] if isinstance(spec.values, str) else list(spec.values)
    return Term(name=f"{spec.name}:", help=spec.help, example=spec.example, values=values)


def _dates(today: date) -> list[str]:
    """Return this year, this month and last year."""
    return [f"{today.year}", f"{today:%Y-%m}", f"{today.year - 1}"]
