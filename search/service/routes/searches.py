"""/searches: queries that were kept under a name."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from search.library.library import saved_request
from search.query.request import Only, SearchRequest
from search.service.backend.errors import Refusal
from search.service.backend.paging import MOST_OFFSET, Limit
from search.service.backend.schemas import Moments, Page
from search.service.backend.state import IsLocal, Parts, Shared
from search.service.routes.search import SearchQuestion, answered
from store.catalog import searches

router = APIRouter(tags=["search"])

Name = Annotated[str, Path(min_length=1, max_length=200, examples=["beaches"])]


class Kept(BaseModel):
    """What is asked under a name."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"query": "a beach NOT people"}]})

    query: str = Field(max_length=1000, description="In the query language.")
    only: Only | None = None
    min_confidence: float = Field(default=0.0, ge=0, le=1)
    per_video: int | None = Field(default=None, ge=1, le=1000)


class SavedSearch(Kept):
    """A search under a name."""

    name: str
    more: list[int] = Field(default=[], description="Segments that its answers should be more like.")
    less: list[int] = Field(default=[], description="Segments that its answers should be less like.")


@router.get("/searches")
def list_searches(parts: Shared) -> Page[SavedSearch]:
    """List the searches that were kept."""
    items = [_shown(each) for each in parts.live.library.catalog.searches()]
    return Page(items=items, total=len(items), next=None)


@router.get("/searches/{name:path}/moments")
async def ask_search(
    name: Name,
    request: Request,
    parts: Shared,
    local: IsLocal,
    limit: Limit = 20,
    offset: Annotated[int, Query(ge=0, le=MOST_OFFSET, description="How many to leave out before them.")] = 0,
    explain: Annotated[bool, Query(description="Say why each moment was found.")] = False,
) -> Moments:
    """Ask a saved search again."""
    kept = _held(parts, name)
    question = SearchQuestion(**saved_request(kept).to_parameters(), limit=limit, offset=offset, explain=explain)
    return await answered(question, request, parts, local=local)


@router.put("/searches/{name:path}")
def keep_search(name: Name, kept: Kept, parts: Shared) -> SavedSearch:
    """Keep a search under a name, in place of what was kept under it; what it was taught stays."""
    before = parts.live.library.catalog.search_named(name)
    taught = {"more": before.more, "less": before.less} if before else {}
    parts.live.library.save_search(name.strip(), SearchRequest.from_parameters(kept.model_dump() | taught))
    return _shown(_held(parts, name))


@router.delete("/searches/{name:path}", status_code=204)
def forget_search(name: Name, parts: Shared) -> None:
    """Forget a search."""
    if not parts.live.library.catalog.remove_search(name):
        raise Refusal(404, "no search of this name")


def _held(parts: Parts, name: str) -> searches.SavedSearch:
    held = parts.live.library.catalog.search_named(name)
    if held is None:
        raise Refusal(404, "no search of this name")
    return held


def _shown(search: searches.SavedSearch) -> SavedSearch:
    return SavedSearch.model_validate({**vars(search), "more": list(search.more), "less": list(search.less)})
