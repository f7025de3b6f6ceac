"""/uploads: clips and pictures to search by."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import partial
from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Form, Path, Request, Response, UploadFile
from fastapi.routing import APIRoute

from search.service.backend.errors import ApiError
from search.service.backend.state import Shared
from search.service.backend.uploads import Upload

_MOST_FIELDS, _FIELD_BYTES = 4, 1024  # beside the one file; each is held in memory


class _OneFile(Request):
    """A request whose form has one file and two numbers, and nothing that fills the memory before anybody looks."""

    def form(self, **limits: Any) -> Any:
        """Parse the form."""
        return super().form(max_files=1, max_fields=_MOST_FIELDS, max_part_size=_FIELD_BYTES)


class _OneFileRoute(APIRoute):
    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def bounded(request: Request) -> Response:
            return await handle(_OneFile(request.scope, request.receive))

        return bounded


router = APIRouter(tags=["search"], route_class=_OneFileRoute)

Instant = Annotated[float | None, Form(ge=0, le=1e6, allow_inf_nan=False, description="Seconds.")]


@router.post("/uploads", status_code=201)
async def upload(file: UploadFile, state: Shared, start: Instant = None, end: Instant = None) -> Upload:
    """Upload a clip or picture to search by; the file is not kept."""
    if start is not None and end is not None and end <= start:
        raise ApiError(422, f"A clip must end after it starts, got {start:g}-{end:g}.")
    look = partial(state.uploads.look, file.file, file.filename or "", start, end)
    return await to_thread.run_sync(look, limiter=state.uploads.looking)


@router.delete("/uploads/{token}", status_code=204)
def forget_upload(token: Annotated[str, Path(max_length=100, examples=["x1Zr"])], state: Shared) -> None:
    """Delete an upload."""
    state.uploads.forget(token)
