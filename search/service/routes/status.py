"""/status: what the library holds, and what the service can do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastapi import APIRouter

from search import __version__
from search.service.backend.schemas import Status, UploadLimits
from search.service.backend.state import IsLocal, Shared

router = APIRouter(tags=["library"])

_OFFERED = ("Videos", "Movies", "Pictures", "Downloads")  # folders of a home where videos are likely


@router.get("/status")
def status(state: Shared, local: IsLocal) -> Status:
    """Say what the library holds and which model made it."""
    facts: dict[str, Any] = {**state.library.status()}
    if not local:
        facts["library"] = Path(str(facts["library"])).name
        facts["model"] = Path(str(facts["model"])).name
    limits = UploadLimits(max_bytes=state.settings.upload_bytes, max_seconds=state.settings.upload_seconds)
    return Status(
        **facts,
        version=__version__,
        ready=state.engine.loaded,
        local=local,
        previews=state.previews.possible,
        uploads=limits,
        suggested_folders=_offered() if local else [],
    )


def _offered() -> list[str]:
    return [str(folder) for name in _OFFERED if (folder := Path.home() / name).is_dir()]
