"""What watches a service: /healthz, /readyz and Prometheus's /metrics.

The first two say one word and need no token, as orchestrators have none. Metrics need the one for reading.
"""

from __future__ import annotations

import time
from collections import Counter

from prometheus_client import CollectorRegistry, Gauge, Histogram, PlatformCollector, ProcessCollector
from prometheus_client import Counter as Count
from prometheus_client.exposition import choose_encoder
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from search.service.backend.schemas import API
from search.service.backend.settings import PROBES
from search.service.backend.state import ServiceState

_HEALTH, _READINESS = PROBES
_SECONDS = (0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)  # of answers: thumbnails to searches on busy cores
_OTHER = "other"  # the route of what no route answers, so that strangers cannot fill the memory with names


class Probes:
    """Routes and metrics of one service."""

    def __init__(self, state: ServiceState) -> None:
        self._state = state
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self.requests = Count(
            "videobert_http_requests", "Requests answered.", ("method", "route", "status"), registry=self.registry
        )
        self.seconds = Histogram(
            "videobert_http_request_seconds",
            "Time from a request to the end of its answer.",
            ("route",),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.running = Gauge(
            "videobert_http_requests_running", "Requests that are being answered.", registry=self.registry
        )
        self._ready = Gauge("videobert_ready", "Whether searches are answered without delay.", registry=self.registry)
        self._segments = Gauge("videobert_segments", "Segments that can be found.", registry=self.registry)
        self._jobs = Gauge("videobert_jobs", "Indexing runs by state.", ("state",), registry=self.registry)

    def routes(self) -> list[Route]:
        """Return the routes that answer."""
        return [
            Route(_HEALTH, self._health),
            Route(_READINESS, self._readiness),
            Route("/metrics", self._metrics),
        ]

    async def _health(self, _: Request) -> Response:  # beside the threads, which may all be busy
        return PlainTextResponse("ok\n")

    def _readiness(self, _: Request) -> Response:
        problem = self._problem()
        return PlainTextResponse(f"{problem or 'ready'}\n", 503 if problem else 200)

    def _problem(self) -> str:
        """Why no request should be sent here now, "" for nothing."""
        if self._state.closing.is_set():
            return "the service is ending"
        try:
            self._state.engine.data_version()
        except Exception:  # whatever it is, it is told to those who ask for something
            return "the library does not answer"
        return "" if self._state.engine.loaded else "the model is not loaded"

    def _metrics(self, request: Request) -> Response:
        self._ready.set(not self._problem())
        self._segments.set(self._state.engine.searchable)
        self._jobs.clear()
        for state, count in Counter(job.state for job in self._state.jobs.jobs()).items():
            self._jobs.labels(state).set(count)
        encode, kind = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(self.registry), headers={"content-type": kind})


class Measured:
    """ASGI middleware that counts and times requests by their routes."""

    def __init__(self, app: ASGIApp, probes: Probes) -> None:
        self._app, self._probes = app, probes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status, began = 500, time.perf_counter()

        async def send_noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        with self._probes.running.track_inprogress():
            try:
                await self._app(scope, receive, send_noted)
            finally:
                route = getattr(scope.get("route"), "path", _OTHER).removeprefix(API)
                method = scope["method"] if scope["method"] in _METHODS else _OTHER
                self._probes.requests.labels(method, route, str(status)).inc()
                self._probes.seconds.labels(route).observe(time.perf_counter() - began)


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
