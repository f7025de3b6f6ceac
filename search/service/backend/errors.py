"""What goes wrong, as RFC 9457 has it told: application/problem+json."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from indexer.media.container import MediaError
from indexer.workers.pool import PoolClosed
from search.engine.engine import NoModel
from search.query.language import QueryError
from search.service.backend.settings import LOCAL
from store.errors import EncoderMismatch, NotInLibrary

MEDIA_TYPE = "application/problem+json"

_log = logging.getLogger(__name__)


class Problem(BaseModel):
    """Why a request was not answered."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"type": "about:blank", "title": "Not Found", "status": 404, "detail": "…"}]}
    )
    type: str = Field(default="about:blank", description="The status says what kind of problem it is.")
    title: str
    status: int
    detail: str = Field(description="A sentence for people.")
    character: int | None = Field(default=None, description="Of the query, from 0: where it stops making sense.")


class ApiError(HTTPException):
    """A request that is not answered, for a reason that may be told to anyone."""

    def __init__(self, status: int, detail: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(status, detail, headers)


def problem(status: int, detail: str, *, character: int | None = None, headers: Any = None) -> Response:
    """A problem as a response."""
    body = Problem(
        type="about:blank", title=HTTPStatus(status).phrase, status=status, detail=detail, character=character
    )
    return JSONResponse(body.model_dump(exclude_none=True), status, headers, MEDIA_TYPE)


def add_handlers(app: FastAPI) -> None:
    """Have every error of an app told in this way."""
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(QueryError, _misunderstood)
    app.add_exception_handler(NotInLibrary, _missing)
    app.add_exception_handler(EncoderMismatch, _no_model)
    app.add_exception_handler(NoModel, _no_weights)
    app.add_exception_handler(MediaError, _unreadable)
    app.add_exception_handler(PoolClosed, _ending)
    app.add_exception_handler(ValueError, _senseless)
    app.add_exception_handler(Exception, _unexpected)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return problem(error.status_code, str(error.detail), headers=error.headers)


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    detail = "; ".join(f"{'.'.join(map(str, each['loc'][1:])) or 'body'}: {each['msg']}" for each in error.errors())
    return problem(422, detail.encode("utf-8", "replace").decode())


async def _misunderstood(request: Request, error: Exception) -> Response:
    assert isinstance(error, QueryError)
    return problem(400, error.problem, character=error.position)


async def _missing(request: Request, error: Exception) -> Response:
    return problem(404, str(error))


async def _no_model(request: Request, error: Exception) -> Response:
    return problem(409, str(error))


async def _no_weights(request: Request, error: Exception) -> Response:
    # It names folders.
    return problem(503, str(error) if request.scope.get(LOCAL) else "the model of this library cannot be loaded")


async def _unreadable(request: Request, error: Exception) -> Response:
    assert isinstance(error, MediaError)
    return problem(415 if error.stage == "open" else 422, str(error))


async def _ending(request: Request, error: Exception) -> Response:
    return problem(503, "the service is about to end")


async def _senseless(request: Request, error: Exception) -> Response:
    return problem(422, str(error))


async def _unexpected(request: Request, error: Exception) -> Response:
    # What it says may name files; whoever runs the service reads it in the log.
    return problem(500, "something went wrong; the log of the service says what")
