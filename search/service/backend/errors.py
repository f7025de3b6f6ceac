"""Errors as RFC 9457 problem details: application/problem+json."""

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
from indexer.media.original import OriginalError
from indexer.workers.pool import PoolClosed
from search.engine.engine import NoModel
from search.query.language import QueryError
from search.service.backend.settings import LOCAL
from store.errors import EncoderMismatch, NotInLibrary

MEDIA_TYPE = "application/problem+json"

_log = logging.getLogger(__name__)


class Problem(BaseModel):
    """Problem details."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"type": "about:blank", "title": "Not Found", "status": 404, "detail": "…"}]}
    )
    type: str = Field(default="about:blank", description="Always about:blank: the status tells the kind.")
    title: str
    status: int
    detail: str = Field(description="A human-readable explanation.")
    character: int | None = Field(default=None, description="Offset of a syntax error in the query, from 0.")


class ApiError(HTTPException):
    """An error response; `detail` must not contain paths or secrets."""

    def __init__(self, status: int, detail: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(status, detail, headers)


def problem(status: int, detail: str, *, character: int | None = None, headers: Any = None) -> Response:
    """Build a problem response."""
    body = Problem(
        type="about:blank", title=HTTPStatus(status).phrase, status=status, detail=detail, character=character
    )
    return JSONResponse(body.model_dump(exclude_none=True), status, headers, MEDIA_TYPE)


def add_handlers(app: FastAPI) -> None:
    """Turn every exception of an app into a problem response."""
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
    # The message contains paths.
    return problem(503, str(error) if request.scope.get(LOCAL) else "The model of this library cannot be loaded.")


async def _unreadable(request: Request, error: Exception) -> Response:
    assert isinstance(error, MediaError)
    if isinstance(error, OriginalError):
        return problem(404 if error.gone else 409, str(error))
    return problem(415 if error.stage == "open" else 422, str(error))


async def _ending(request: Request, error: Exception) -> Response:
    return problem(503, "The service is shutting down.")


async def _senseless(request: Request, error: Exception) -> Response:
    return problem(422, str(error))


async def _unexpected(request: Request, error: Exception) -> Response:
    # The message may contain paths; it is in the log.
    return problem(500, "Internal error; see the log of the service.")
