"""Access control, checked before any route runs.

Web pages of other sites are kept out by the Host header, which has to name this service (DNS rebinding), and by Origin
and Sec-Fetch-Site (cross-site request forgery). Other machines are kept out by the token.
"""

from __future__ import annotations

import hmac
from urllib.parse import parse_qs, urlencode

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import cookie_parser
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from search.service.backend.errors import problem
from search.service.backend.settings import LOCAL, Settings

API = "/api/"

_SAFE = {"GET", "HEAD", "OPTIONS"}
_BODY_BYTES = 2**20  # maximum body of requests without a file
_FORM_BYTES = 2**16  # maximum size of an upload's form fields
_HEADERS = {
    "content-security-policy": (
        "default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; object-src 'none'; base-uri 'none'; "
        "form-action 'self'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}


class Guard:
    """ASGI middleware that rejects requests and adds security headers to responses."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app, self._settings = app, settings
        self._cookie = f"videobert-{settings.port}"  # browsers share cookies between ports

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Reject a request, or pass it on."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        answer = self._answer(scope, headers)
        if answer is not None:
            await answer(scope, receive, send_guarded)
            return
        await self._app(scope, _limited(receive, self._most(scope)), send_guarded)

    def _answer(self, scope: Scope, headers: Headers) -> Response | None:
        """Return the response that rejects a request, or None; set `scope[LOCAL]`."""
        host, origin = headers.get("host", ""), headers.get("origin")
        if not self._settings.accepts_host(host):
            return problem(421, f"this is {self._settings.url}, not {host[:100]!a}")
        site = headers.get("sec-fetch-site")
        foreign = site in ("cross-site", "same-site") or (origin is not None and origin != f"http://{host}")
        if foreign and (scope["method"] not in _SAFE or scope["path"].startswith(API)):
            return problem(403, "Requests from other sites are not allowed.")
        if scope["path"] == "/" and (tokens := parse_qs(scope["query_string"].decode("latin-1")).get("token")):
            return self._greeted(scope, tokens[0])
        token = self._token_of(headers)
        is_local_key = _same(token, self._settings.local_token)
        scope[LOCAL] = is_local_key or self._settings.loopback
        if self._settings.token is None or is_local_key or _same(token, self._settings.token):
            return self._too_large(scope, headers)
        if scope["path"].startswith(API):
            return problem(401, "This service needs its token.", headers={"www-authenticate": "Bearer"})
        return PlainTextResponse("Open the URL with the token that `videobert serve` printed.\n", 401)

    def _greeted(self, scope: Scope, token: str) -> Response:
        """Move the token from the URL into a cookie, so that neither history nor links contain it."""
        rest = parse_qs(scope["query_string"].decode("latin-1"))
        del rest["token"]
        response = RedirectResponse("/" + (f"?{urlencode(rest, doseq=True)}" if rest else ""), 303)
        if _same(token, self._settings.local_token) or _same(token, self._settings.token):
            response.set_cookie(self._cookie, token, httponly=True, samesite="lax", path="/")
        return response

    def _token_of(self, headers: Headers) -> str | None:
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return token.strip()
        return cookie_parser(headers.get("cookie", "")).get(self._cookie)

    def _most(self, scope: Scope) -> int:
        """Return the maximum body size in bytes."""
        return self._settings.upload_bytes + _FORM_BYTES if scope["path"] == f"{API}v1/uploads" else _BODY_BYTES

    def _too_large(self, scope: Scope, headers: Headers) -> Response | None:
        most = self._most(scope)
        length = headers.get("content-length", "0")
        if length.isdecimal() and int(length) > most:
            return problem(413, f"The request has {int(length):,} bytes; the limit is {most:,}.")
        return None


def _limited(receive: Receive, most: int) -> Receive:
    """Stop reading a body beyond `most` bytes, whatever its Content-Length."""
    taken = 0

    async def receive_limited() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > most:
            raise HTTPException(413, f"The request has more than {most:,} bytes.")
        return message

    return receive_limited


def _same(given: str | None, secret: str | None) -> bool:
    return given is not None and secret is not None and hmac.compare_digest(given.encode(), secret.encode())
