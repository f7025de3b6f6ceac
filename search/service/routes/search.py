"""/search and /similar: moments that answer a query."""

from __future__ import annotations

import os
from functools import partial
from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from search.engine.searcher import SearchEngine
from search.query.request import Only, SearchRequest, SimilarRequest
from search.ranking.calibration import verdict
from search.service.backend.errors import Refusal
from search.service.backend.paging import MOST_OFFSET, same_from
from search.service.backend.schemas import Id, Moment, Moments
from search.service.backend.state import IsLocal, Parts, Shared
from store import types

router = APIRouter(tags=["search"])

_DEPTHS = (20, 50)  # moments that are looked for; then twice as many each time, so that pages are parts of few answers

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
        wanted = max(self.offset + self.limit, self.least)
        depth = next((depth for depth in _DEPTHS if depth >= wanted), _DEPTHS[-1])
        while depth < wanted:
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
    question: Annotated[SearchQuestion, Query()], request: Request, parts: Shared, local: IsLocal
) -> Moments:
    """Find moments by what they show or say, by what they look like, or by both."""
    return await answered(question, request, parts, local=local)


@router.get("/similar", response_model=Moments)
async def similar(question: Annotated[Question, Query()], request: Request, parts: Shared, local: IsLocal) -> Moments:
    """Find moments that look like a segment or an upload, and where in them it matches."""
    if (question.segment is None) == (question.upload is None):
        raise Refusal(422, "say what it should be similar to: either segment or upload")
    return await answered(question, request, parts, local=local)


async def answered(question: Question, request: Request, parts: Parts, *, local: bool) -> Moments:
    """The part of an answer that a client asked for."""
    if question.within is not None and not (local and os.path.isabs(question.within)):
        raise Refusal(422, "within is an absolute path" if local else "paths are not known here; in: narrows a query")
    found = await to_thread.run_sync(partial(find, parts, question), limiter=parts.searching)
    end = question.offset + question.limit
    more = question.top is None and len(found) >= question.depth  # or none: the next part may be empty
    return Moments(
        items=[Moment.of(moment, local=local) for moment in found[question.offset : end]],
        total=None if more else len(found),
        next=same_from(request, end) if (more or end < len(found)) and end <= MOST_OFFSET else None,
        verdict=verdict(found),
    )


def find(parts: Parts, question: Question) -> list[types.Moment]:
    """All moments that a question asks for, from the first; kept for its next page."""
    request = question.request()
    clip = None if question.upload is None else parts.uploads.clip(question.upload)
    key = (parts.live.stamp(), request, question.upload)
    found = parts.answers.get(key)
    if found is None:

        def ask(engine: SearchEngine) -> list[types.Moment]:
            if question.segment is not None and engine.catalog.segment(question.segment) is None:
                raise Refusal(404, f"no segment {question.segment} in this library")
            if isinstance(request, SimilarRequest):
                return engine.similar(request, clip=clip)
            return engine.search(request, clips=() if clip is None else [clip])

        found = parts.live.ask(ask)
        parts.answers.put(key, found)
    return found
