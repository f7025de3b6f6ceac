"""/search, /similar and /searches: moments that answer a query, and queries saved under a name."""

from __future__ import annotations

import os
from functools import partial
from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from search.engine.searcher import Searcher
from search.library.library import saved_request
from search.query.request import Only, SearchRequest, SimilarRequest
from search.ranking import moments
from search.ranking.calibration import answer_quality
from search.service.backend.errors import ApiError
from search.service.backend.paging import MOST_OFFSET, Limit, same_from
from search.service.backend.schemas import Id, Moment, Moments, Page
from search.service.backend.state import IsLocal, ServiceState, Shared
from store.catalog import searches

router = APIRouter(tags=["search"])

_DEPTHS = (20, 50)  # moments that are looked for; then twice as many each time, so that pages are parts of few answers

Name = Annotated[str, Path(min_length=1, max_length=200, examples=["beaches"])]
Many = Annotated[list[Id], Field(max_length=100)]


class Question(BaseModel):
    """Parameters of /similar, and those that it shares with /search."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    limit: int = Field(default=20, ge=1, le=100, description="How many moments at most.")
    offset: int = Field(default=0, ge=0, le=MOST_OFFSET, description="How many to leave out before them.")
    top: int | None = Field(
        default=None,
        ge=1,
        le=1000,
        description="How many moments to look for in all; as many as are asked for if not given.",
    )
    within: str | None = Field(
        default=None, max_length=4096, description="Only this video, or the videos of this folder: a path."
    )
    upload: str | None = Field(default=None, max_length=100, description="Token of an upload that it has to look like.")
    segment: Id | None = Field(default=None, description="Segment that it has to look like.")

    @property
    def least(self) -> int:
        """How many moments to look for at least."""
        return 1

    @property
    def depth(self) -> int:
        """How many moments to look for."""
        if self.top is not None:
            return self.top
        needed = max(self.offset + self.limit, self.least)
        depth = next((depth for depth in _DEPTHS if depth >= needed), _DEPTHS[-1])
        while depth < needed:
            depth *= 2
        return depth

    def request(self) -> SearchRequest | SimilarRequest:
        """What is asked; the upload goes beside it."""
        return SimilarRequest.from_parameters(self._parameters())

    def _parameters(self) -> dict[str, Any]:
        return self.model_dump(exclude={"limit", "offset", "upload", "format"}) | {"top": self.depth}


class SearchQuestion(Question):
    """Parameters of /search."""

    q: str = Field(default="", max_length=1000, description="In the query language.", examples=["a dog on the beach"])
    only: Only | None = Field(default=None, description="Look at pictures or at words alone.")
    min_confidence: float = Field(default=0.0, ge=0, le=1, description="Leave out what is less likely.")
    per_video: int | None = Field(default=None, ge=1, le=1000, description="Moments of one video at most.")
    rerank: int = Field(default=0, ge=0, le=1000, description="Read so many of the best again, together with the text.")
    explain: bool = Field(default=False, description="Say why each moment was found.")
    more: Many = Field(default=[], description="Segments to have more like.")
    less: Many = Field(default=[], description="Segments to have less like.")
    tag: str | None = Field(default=None, max_length=200, description="Only what has this tag.")

    @property
    def least(self) -> int:
        """How many moments to look for at least: more where the unlikely ones among them are left out."""
        return _DEPTHS[-1] * 4 if self.min_confidence else 1

    def request(self) -> SearchRequest:
        """What is asked; the upload goes beside it."""
        return SearchRequest.from_parameters(self._parameters())


@router.get("/search", response_model=Moments)
async def search(
    question: Annotated[SearchQuestion, Query()], request: Request, state: Shared, local: IsLocal
) -> Moments:
    """Find moments by what they show or say, by what they look like, or by both."""
    return await answered(question, request, state, local=local)


@router.get("/similar", response_model=Moments)
async def similar(question: Annotated[Question, Query()], request: Request, state: Shared, local: IsLocal) -> Moments:
    """Find moments that look like a segment or an upload, and where in them it matches."""
    if (question.segment is None) == (question.upload is None):
        raise ApiError(422, "say what it should be similar to: either segment or upload")
    return await answered(question, request, state, local=local)


async def answered(question: Question, request: Request, state: ServiceState, *, local: bool) -> Moments:
    """The part of an answer that a client asked for."""
    if question.within is not None and not (local and os.path.isabs(question.within)):
        raise ApiError(422, "within is an absolute path" if local else "paths are not known here; in: narrows a query")
    found = await to_thread.run_sync(partial(find, state, question), limiter=state.searching)
    end = question.offset + question.limit
    more = question.top is None and len(found) >= question.depth  # or none: the next part may be empty
    return Moments(
        items=[Moment.of(moment, local=local) for moment in found[question.offset : end]],
        total=None if more else len(found),
        next=same_from(request, end) if (more or end < len(found)) and end <= MOST_OFFSET else None,
        verdict=answer_quality(found),
    )


def find(state: ServiceState, question: Question) -> list[moments.Moment]:
    """All moments that a question asks for, from the first; kept for its next page."""
    request = question.request()
    clip = None if question.upload is None else state.uploads.clip(question.upload)
    key = (state.engine.data_version(), request, question.upload)
    found = state.answers.get(key)
    if found is None:

        def ask(searcher: Searcher) -> list[moments.Moment]:
            if question.segment is not None and searcher.catalog.segments.get(question.segment) is None:
                raise ApiError(404, f"no segment {question.segment} in this library")
            if isinstance(request, SimilarRequest):
                return searcher.similar(request, clip=clip)
            return searcher.search(request, clips=() if clip is None else [clip])

        found = state.engine.run(ask)
        state.answers.put(key, found)
    return found


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
def list_searches(state: Shared) -> Page[SavedSearch]:
    """List the searches that were kept."""
    items = [_shown(each) for each in state.library.catalog.searches.all()]
    return Page(items=items, total=len(items), next=None)


@router.get("/searches/{name:path}/moments")
async def ask_search(
    name: Name,
    request: Request,
    state: Shared,
    local: IsLocal,
    limit: Limit = 20,
    offset: Annotated[int, Query(ge=0, le=MOST_OFFSET, description="How many to leave out before them.")] = 0,
    explain: Annotated[bool, Query(description="Say why each moment was found.")] = False,
) -> Moments:
    """Ask a saved search again."""
    saved = _held(state, name)
    question = SearchQuestion(**saved_request(saved).to_parameters(), limit=limit, offset=offset, explain=explain)
    return await answered(question, request, state, local=local)


@router.put("/searches/{name:path}")
def keep_search(name: Name, kept: Kept, state: Shared) -> SavedSearch:
    """Keep a search under a name, in place of what was kept under it; what it was taught stays."""
    before = state.library.catalog.searches.get(name)
    feedback = {"more": before.more, "less": before.less} if before else {}
    state.library.save_search(name.strip(), SearchRequest.from_parameters(kept.model_dump() | feedback))
    return _shown(_held(state, name))


@router.delete("/searches/{name:path}", status_code=204)
def forget_search(name: Name, state: Shared) -> None:
    """Forget a search."""
    if not state.library.catalog.searches.remove(name):
        raise ApiError(404, "no search of this name")


def _held(state: ServiceState, name: str) -> searches.SavedSearch:
    saved = state.library.catalog.searches.get(name)
    if saved is None:
        raise ApiError(404, "no search of this name")
    return saved


def _shown(search: searches.SavedSearch) -> SavedSearch:
    return SavedSearch.model_validate({**vars(search), "more": list(search.more), "less": list(search.less)})
