"""The service as an ASGI application."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

from fastapi import APIRouter, FastAPI
from starlette.responses import RedirectResponse, Response
from starlette.staticfiles import StaticFiles

from search import __version__
from search.library import Library
from search.service import routes
from search.service.backend.access import Guard, Keys
from search.service.backend.errors import MEDIA_TYPE, Problem, add_handlers
from search.service.backend.schemas import API
from search.service.backend.settings import Settings
from search.service.backend.state import ServiceState
from search.service.probes import Measured, Probes

PAGE = Path(__file__).parents[1] / "page"


_PROBLEM: dict[int | str, dict[str, Any]] = {
    "default": {
        "description": "An error.",
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
}


class _Page(StaticFiles):
    """The files of the page. Browsers revalidate them on every load, so that versions never mix."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        """Return the file, or 304 if it has not changed."""
        response = super().file_response(*args, **kwargs)
        response.headers["cache-control"] = "no-cache"
        return response


class _Application(FastAPI):
    """An application whose OpenAPI document contains the Problem schema."""

    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI document."""
        document = super().openapi()
        document["components"]["schemas"].setdefault("Problem", Problem.model_json_schema())
        return document


def create(library: Library, settings: Settings) -> FastAPI:
    """Build the application that serves a library, which it closes when it ends; `app.state.keys` open its page."""
    state = ServiceState(settings, library)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        state.engine.warm_up()
        state.completion.start()
        try:
            yield
        finally:
            state.close()

    app = _Application(
        title="videobert",
        summary="Search a library of videos by words, by pictures and by clips.",
        version=__version__,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        openapi_url=f"{API}/openapi.json",
        docs_url=None,  # Swagger UI loads scripts from other hosts
        redoc_url=None,
        lifespan=lifespan,
        responses=_PROBLEM,
    )
    app.state.service = state
    for router in _routers():
        app.include_router(router, prefix=API)
    for path in ("/docs", "/openapi.json"):  # where tools and people look first
        app.add_api_route(path, _document, include_in_schema=False)
    add_handlers(app)
    probes = Probes(state)
    app.router.routes.extend(probes.routes())
    if PAGE.is_dir():
        app.mount("/", _Page(directory=PAGE, html=True), name="page")
    app.state.keys = Keys()
    app.add_middleware(Guard, settings=settings, keys=app.state.keys)
    app.add_middleware(Measured, probes=probes)
    return app


def _document() -> RedirectResponse:
    return RedirectResponse(f"{API}/openapi.json")


def _routers() -> Iterator[APIRouter]:
    """Yield the `router` of every module in `search.service.routes`."""
    for module in iter_modules(routes.__path__, f"{routes.__name__}."):
        yield import_module(module.name).router
