"""/search, /similar and /searches: moments that answer a query, and queries saved under a name."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import takewhile
from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from search.engine.searcher import Searcher
from search.library.library import saved_request
from search.query.request import Only, SearchRequest, SimilarRequest
from search.ranking import moments
from search.ranking.calibration import LEAST, answer_quality
from search.service.backend.errors import ApiError
from search.service.backend.paging import MOST_OFFSET, Limit, same_from
from search.service.backend.schemas import Id, Moment, Moments, Page
from search.service.backend.state import IsLocal, Owner, ServiceState, Shared
from search.service.routes.videos import check_within
from store.catalog import searches

router = APIRouter(tags=["search"])

_DEPTHS = (20, 50)  # moments to search for, then doubling: many pages share one cached answer

Name = Annotated[str, Path(min_length=1, max_length=200, examples=["beaches"])]
Many = Annotated[list[Id], Field(max_length=100)]


class Question(BaseModel):
    """Parameters of /similar, and those that it shares with /search."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    limit: int = Field(default=20, ge=1, le=100, description="Maximum number of moments.")
    offset: int = Field(default=0, ge=0, le=MOST_OFFSET, description="Number of moments to skip.")
    top: int | None = Field(
        default=None,
        ge=1,
        le=1000,
        description="Number of moments to search for; depends on limit and offset if not given.",
    )
    within: str | None = Field(default=None, max_length=4096, description="Path of a video or folder to search in.")
    upload: str | None = Field(default=None, max_length=100, description="Token of an upload to search by.")
    segment: Id | None = Field(default=None, description="Segment to search by.")

    @property
    def least(self) -> int:
        """Minimum number of moments to search for."""
        return 1

    @property
    def depth(self) -> int:
        """Number of moments to search for."""
        if self.top is not None:
            return self.top
        needed = max(self.offset + self.limit, self.least)
        depth = next((depth for depth in _DEPTHS if depth >= needed), _DEPTHS[-1])
        while depth < needed:
            depth *= 2
        return depth

    def request(self) -> SearchRequest | SimilarRequest:
        """Return the request, without the upload."""
        return SimilarRequest.from_parameters(self._parameters())

    def _parameters(self) -> dict[str, Any]:
        return self.model_dump(exclude={"limit", "offset", "upload", "format"}) | {"top": self.depth}


class SearchQuestion(Question):
    """Parameters of /search."""

    q: str = Field(
        default="", max_length=1000, description="A query; see docs/search.md.", examples=["a dog on the beach"]
    )
    only: Only | None = Field(
        default=None, description="Search frames or words only, or of words those said or written."
    )
    min_confidence: float = Field(default=0.0, ge=0, le=1, description="Minimum confidence.")
    per_video: int | None = Field(default=None, ge=1, le=1000, description="Maximum number of moments per video.")
    rerank: int = Field(default=0, ge=0, le=1000, description="Number of best moments to re-rank with the text.")
    explain: bool = Field(default=False, description="Explain why each moment was found.")
    more: Many = Field(default=[], description="Segments to find more like (Rocchio).")
    less: Many = Field(default=[], description="Segments to find less like.")
    tag: str | None = Field(default=None, max_length=200, description="Only segments with this tag.")

    @property
    def least(self) -> int:
        """Minimum number of moments to search for: more if a minimum confidence filters them."""
        return _DEPTHS[-1] * 4 if self.min_confidence else 1

    def request(self) -> SearchRequest:
        """Return the request, without the upload."""
        return SearchRequest.from_parameters(self._parameters())


@router.get("/search", response_model=Moments)
async def search(
    question: Annotated[SearchQuestion, Query()], request: Request, state: Shared, local: IsLocal
) -> Moments:
    """Find moments by what they show or say, or by what they look like."""
    return await answered(question, request, state, local=local)


@router.get("/similar", response_model=Moments)
async def similar(question: Annotated[Question, Query()], request: Request, state: Shared, local: IsLocal) -> Moments:
    """Find moments that look like a segment or an upload, and the times at which they match."""
    if (question.segment is None) == (question.upload is None):
        raise ApiError(422, "Give either segment or upload.")
    return await answered(question, request, state, local=local)


async def answered(question: Question, request: Request, state: ServiceState, *, local: bool) -> Moments:
    """Answer a question: one page of its moments."""
    check_within(question.within, local=local)
    found, note = await to_thread.run_sync(partial(_found, state, question, local=local), limiter=state.searching)
    end = question.offset + question.limit
    more = question.top is None and len(found) >= question.depth  # the next page may be empty
    return Moments(
        items=[Moment.of(moment, local=local) for moment in found[question.offset : end]],
        total=None if more else len(found),
        next=same_from(request, end) if (more or end < len(found)) and end <= MOST_OFFSET else None,
        verdict=answer_quality(found),
        note=note,
    )


def _found(state: ServiceState, question: Question, *, local: bool) -> tuple[list[moments.Moment], str]:
    """The moments of a question, and a note on its language."""
    request = question.request()
    texts = request.descriptions() if isinstance(request, SearchRequest) else []
    return find(state, question, local=local), state.library.unread(texts)


def find(state: ServiceState, question: Question, *, local: bool) -> list[moments.Moment]:
    """Return all moments of a question, cached for its next pages; without `top` they end where none is likely."""
    request = question.request()
    if isinstance(request, SearchRequest):
        request = replace(request, remote=not local)
    clip = None if question.upload is None else state.uploads.clip(question.upload)
    key = (state.engine.data_version(), request, question.upload)
    found = state.answers.get(key)
    if found is None:

        def ask(searcher: Searcher) -> list[moments.Moment]:
            if question.segment is not None and searcher.catalog.segments.get(question.segment) is None:
                raise ApiError(404, f"No segment {question.segment} in this library.")
            if isinstance(request, SimilarRequest):
                return searcher.similar(request, clip=clip)
            return searcher.search(request, clips=() if clip is None else [clip])

        found = state.engine.run(ask)
        state.answers.put(key, found)
    if question.top is not None or question.upload is not None or isinstance(request, SimilarRequest):
        return found  # so many, or whatever is nearest
    if request.min_confidence:
        return found  # whoever asks says where the answer ends
    return list(takewhile(_worth, found))


def _worth(moment: moments.Moment) -> bool:
    """Whether a moment is of an answer at all: confidences fall, so that an answer ends with the first that is not."""
    return moment.confidence is None or moment.confidence >= LEAST


class Kept(BaseModel):
    """A search without its name."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"query": "a beach NOT people"}]})

    query: str = Field(max_length=1000, description="A query; see docs/search.md.")
    only: Only | None = None
    min_confidence: float = Field(default=0.0, ge=0, le=1)
    per_video: int | None = Field(default=None, ge=1, le=1000)


class SavedSearch(Kept):
    """A saved search."""

    name: str
    more: list[int] = Field(default=[], description="Segments to find more like.")
    less: list[int] = Field(default=[], description="Segments to find less like.")


@router.get("/searches")
def list_searches(state: Shared, owner: Owner) -> Page[SavedSearch]:
    """List saved searches."""
    items = [_shown(each) for each in state.library.catalog.searches.of(owner).all()]
    return Page(items=items, total=len(items), next=None)


@router.get("/searches/{name:path}/moments")
async def ask_search(
    name: Name,
    request: Request,
    state: Shared,
    local: IsLocal,
    owner: Owner,
    limit: Limit = 20,
    offset: Annotated[int, Query(ge=0, le=MOST_OFFSET, description="Number of moments to skip.")] = 0,
    explain: Annotated[bool, Query(description="Explain why each moment was found.")] = False,
) -> Moments:
    """Run a saved search."""
    saved = _held(state, name, owner)
    question = SearchQuestion(**saved_request(saved).to_parameters(), limit=limit, offset=offset, explain=explain)
    return await answered(question, request, state, local=local)


@router.put("/searches/{name:path}")
def keep_search(name: Name, kept: Kept, state: Shared, owner: Owner) -> SavedSearch:
    """Save a search under a name, replacing another of that name; its feedback stays."""
    before = state.library.catalog.searches.of(owner).get(name)
    feedback = {"more": before.more, "less": before.less} if before else {}
    request = SearchRequest.from_parameters(kept.model_dump() | feedback)
    state.library.save_search(name.strip(), request, owner=owner)
    return _shown(_held(state, name, owner))


@router.delete("/searches/{name:path}", status_code=204)
def forget_search(name: Name, state: Shared, owner: Owner) -> None:
    """Delete a saved search."""
    if not state.library.catalog.searches.of(owner).remove(name):
        raise ApiError(404, "No saved search of this name.")


def _held(state: ServiceState, name: str, owner: str) -> searches.SavedSearch:
    saved = state.library.catalog.searches.of(owner).get(name)
    if saved is None:
        raise ApiError(404, "No saved search of this name.")
    return saved


def _shown(search: searches.SavedSearch) -> SavedSearch:
    return SavedSearch.model_validate({**vars(search), "more": list(search.more), "less": list(search.less)})
