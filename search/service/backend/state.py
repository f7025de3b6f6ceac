"""ServiceState: what all requests to a service share."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Annotated

import anyio
from fastapi import Depends, Request

from indexer.workers.pool import DecoderPool
from search.library import Library
from search.ranking.moments import Moment
from search.service.backend.cache import LruCache
from search.service.backend.completion import Completion
from search.service.backend.jobs import Jobs
from search.service.backend.previews import Previews
from search.service.backend.schemas import Storyboard
from search.service.backend.settings import LOCAL, OWNER, Settings
from search.service.backend.uploads import Uploads

if TYPE_CHECKING:
    from search.clips.duplicates import Duplicates

_SEARCHES_AT_ONCE = 2  # more would compete for the cores
# Sizes of caches
_ANSWERS = 32  # kept for their next pages
_DUPLICATES = 4
_STORYBOARDS = 64
_FRAMES = 512  # about 20 KB each


class ServiceState:
    """Library, jobs, previews, decoders and caches of a service."""

    def __init__(self, settings: Settings, library: Library) -> None:
        self.settings, self.library, self.engine = settings, library, library.engine
        self.jobs, self.completion = Jobs(self.engine), Completion(self.engine)
        self.previews = Previews(library.folder, library.catalog, most_bytes=settings.preview_bytes)
        # Two children: a frame of a video does not wait for an upload.
        self.decoders = DecoderPool(size=2, timeout_seconds=settings.decode_seconds)
        self.uploads = Uploads(settings, self.engine, self.decoders)
        self.answers: LruCache[list[Moment]] = LruCache(_ANSWERS)
        self.duplicates: LruCache[list[Duplicates]] = LruCache(_DUPLICATES)
        self.storyboards: LruCache[Storyboard] = LruCache(_STORYBOARDS)
        self.frames: LruCache[bytes] = LruCache(_FRAMES)
        self.searching = anyio.CapacityLimiter(_SEARCHES_AT_ONCE)
        self.comparing = anyio.CapacityLimiter(1)
        self.framing = anyio.CapacityLimiter(1)
        self.closing = threading.Event()  # set at shutdown

    def close(self) -> None:
        """Stop background work, then close the library."""
        self.closing.set()
        for part in (self.completion, self.jobs, self.previews, self.decoders, self.library):
            part.close()


def _state(request: Request) -> ServiceState:
    state = request.app.state.service
    assert isinstance(state, ServiceState)
    return state


def _local(request: Request) -> bool:
    return bool(request.scope.get(LOCAL))


def _owner(request: Request) -> str:
    return str(request.scope.get(OWNER, ""))


Shared = Annotated[ServiceState, Depends(_state)]
IsLocal = Annotated[bool, Depends(_local)]
Owner = Annotated[str, Depends(_owner)]  # whose saved searches; "" for the owner of the library
