"""/status: contents of the library and capabilities of the service."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastapi import APIRouter

from search import __version__
from search.service.backend.schemas import Status, UploadLimits
from search.service.backend.state import IsLocal, Shared

router = APIRouter(tags=["library"])

_SUGGESTED = ("Videos", "Movies", "Pictures", "Downloads")  # folders of the home folder


@router.get("/status")
def status(state: Shared, local: IsLocal) -> Status:
    """Show the contents of the library, its model and the capabilities of the service."""
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
        suggested_folders=_suggested_folders() if local else [],
    )


def _suggested_folders() -> list[str]:
    return [str(folder) for name in _SUGGESTED if (folder := Path.home() / name).is_dir()]
