"""What the requests to one service share."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Annotated

import anyio
from fastapi import Depends, Request

from search.service.guard import LOCAL
from search.service.live import Live
from search.service.previews import Previews
from search.service.recent import Recent
from search.service.settings import Settings
from search.service.uploads import Uploads
from store.types import Moment

_SEARCHES_AT_ONCE = 2  # more would only take the cores from each other
_ANSWERS = 32  # that are kept for their next pages


@dataclass
class Parts:
    """What the requests to one service share."""

    settings: Settings
    live: Live
    uploads: Uploads = field(default_factory=Uploads)
    previews: Previews = field(default_factory=Previews)
    answers: Recent[list[Moment]] = field(default_factory=lambda: Recent(_ANSWERS))
    closing: threading.Event = field(default_factory=threading.Event)  # set when the service is about to end
    searching: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(_SEARCHES_AT_ONCE))

    def close(self) -> None:
        """End what runs in the background, then let go of the library."""
        self.closing.set()
        self.live.close()


def _parts(request: Request) -> Parts:
    parts = request.app.state.parts
    assert isinstance(parts, Parts)
    return parts


def _local(request: Request) -> bool:
    return bool(request.scope.get(LOCAL))


Shared = Annotated[Parts, Depends(_parts)]
IsLocal = Annotated[bool, Depends(_local)]
