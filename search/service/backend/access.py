"""Access control, checked before any route runs.

Against pages of other sites that a browser on this machine has open: the Host header has to name this service, which a
name made to point at this machine does not (DNS rebinding), and what a browser says of where a request comes from
(Origin, Sec-Fetch-Site) has to be this service too (cross-site request forgery). Against other machines, and other
users of this one: the token. A browser opens the page with a key that works once and becomes a cookie.
"""

from __future__ import annotations

import asyncio
import hmac
import math
import secrets
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from urllib.parse import parse_qs, urlencode

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import cookie_parser
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from search.service.backend.endpoint import proof
from search.service.backend.errors import problem
from search.service.backend.settings import LOCAL, OWNER, PROBES, ROLE, Settings
from search.service.backend.users import Caller

API = "/api/"

CHALLENGE = f"{API}v1/challenge"

_SAFE = {"GET", "HEAD", "OPTIONS"}
_QUESTIONS = {f"{API}v1/uploads", f"{API}v1/export"}  # that are asked with a body, and change nothing
_MOST_BODIES = 8  # requests with bodies at a time
_PART_SECONDS, _BODY_SECONDS = 20.0, 600.0  # for the next part of a body, and for all of it
_MOST_GUESSES, _GUESS_SECONDS = 10, 60.0  # wrong tokens of one address, in so long
_MOST_CLIENTS = 1000  # addresses that are remembered for their wrong tokens
_MOST_KEYS = 1000
_CLOSED = "Open the address that `videobert serve` printed; it works once. Or open it with ?token= and the token.\n"
_BODY_BYTES = 2**20  # of requests that bring no file
_FORM_BYTES = 2**16  # of an upload, beside its file
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


class Keys:
    """Keys that open the page once each, and the cookies that they became."""

    def __init__(self) -> None:
        self._keys: OrderedDict[str, Caller] = OrderedDict()
        self._cookies: OrderedDict[str, Caller] = OrderedDict()

    def new(self) -> str:
        """Make a key of the owner."""
        return _remember(self._keys, Caller("owner"))

    def redeem(self, key: str) -> str | None:
        """Return a cookie for a key, which is void from now on; None where there is no such key."""
        caller = self._keys.pop(key, None)
        return None if caller is None else self.cookie(caller)

    def cookie(self, caller: Caller) -> str:
        """Make a cookie."""
        return _remember(self._cookies, caller)

    def caller(self, cookie: str) -> Caller | None:
        """Return whose cookie it is."""
        return self._cookies.get(cookie)


class Guesses:
    """Wrong tokens by where they came from: after some of them nothing from there is looked at for a while."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._wrong: OrderedDict[str, deque[float]] = OrderedDict()

    def wait(self, client: str) -> float:
        """Return for how many seconds no token from there is looked at."""
        times = self._wrong.get(client)
        if times is None or len(times) < _MOST_GUESSES:
            return 0.0
        return max(0.0, times[0] + _GUESS_SECONDS - self._clock())

    def wrong(self, client: str) -> None:
        """Note a wrong token."""
        self._wrong.setdefault(client, deque(maxlen=_MOST_GUESSES)).append(self._clock())
        self._wrong.move_to_end(client)
        while len(self._wrong) > _MOST_CLIENTS:
            self._wrong.popitem(last=False)


class Guard:
    """ASGI middleware that rejects requests and adds security headers to responses."""

    def __init__(self, app: ASGIApp, settings: Settings, keys: Keys) -> None:
        self._app, self._settings, self._keys = app, settings, keys
        self._guesses = Guesses()
        self._bodies = 0  # that are being received
        self._cookie = f"videobert-{settings.port}"  # cookies do not tell ports apart

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
        limited = _Limited(receive, self._most(scope))
        if scope["method"] in _SAFE:
            await self._app(scope, limited, send_guarded)
            return
        if self._bodies >= _MOST_BODIES:
            busy = problem(429, "too much is being sent at once", headers={"retry-after": "5"})
            await busy(scope, receive, send_guarded)
            return
        self._bodies += 1
        try:
            await self._app(scope, limited, send_guarded)
        finally:
            self._bodies -= 1

    def _answer(self, scope: Scope, headers: Headers) -> Response | None:
        """Return the response that rejects a request, or None; set `scope[LOCAL]`."""
        host, origin = headers.get("host", ""), headers.get("origin")
        if not self._settings.accepts_host(host):
            return problem(421, f"this is {self._settings.url}, not {host[:100]!a}")
        site = headers.get("sec-fetch-site")
        foreign = site in ("cross-site", "same-site") or (origin is not None and origin != f"http://{host}")
        if foreign and (scope["method"] not in _SAFE or scope["path"].startswith(API)):
            return problem(403, "requests from pages of other sites are not answered")
        if scope["path"] == "/":
            asked = parse_qs(scope["query_string"].decode("latin-1"))
            for name, greet in (("key", self._keys.redeem), ("token", self._cookie_for)):
                if name in asked:
                    return self._greeted(asked, name, greet(asked[name][0]))
        if scope["path"] == CHALLENGE:
            return self._proof(scope)
        if scope["path"] in PROBES and scope["method"] in _SAFE:
            return None
        caller, wait = self._caller(scope, headers)
        if caller is not None:
            return self._admitted(scope, headers, caller)
        if wait:
            return problem(429, "too many wrong tokens", headers={"retry-after": str(math.ceil(wait))})
        if scope["path"].startswith(API):
            return problem(401, "this service wants its token", headers={"www-authenticate": "Bearer"})
        return PlainTextResponse(_CLOSED, 401)

    def _admitted(self, scope: Scope, headers: Headers, caller: Caller) -> Response | None:
        """Note who asks; what to say instead of an answer, if anything."""
        role = caller.role
        scope[ROLE], scope[LOCAL], scope[OWNER] = role, role == "owner", caller.owner
        reads = scope["method"] in _SAFE or scope["path"] in _QUESTIONS
        if role == "read" and not reads:
            return problem(403, "this token may only read")
        return self._too_large(scope, headers)

    def _caller(self, scope: Scope, headers: Headers) -> tuple[Caller | None, float]:
        """Who asks, None for a stranger; and how long no token of theirs is looked at."""
        cookie = cookie_parser(headers.get("cookie", "")).get(self._cookie)
        if cookie is not None and (caller := self._keys.caller(cookie)) is not None and self._is_known(caller):
            return caller, 0.0
        scheme, _, token = headers.get("authorization", "").partition(" ")
        shown = token.strip() if scheme.lower() == "bearer" else None
        if _same(shown, self._settings.local_token):
            return Caller("owner"), 0.0
        if self._settings.token is None:
            return Caller("owner"), 0.0
        if shown is None:
            return None, 0.0
        return self._guessed(_client(scope), shown)

    def _is_known(self, caller: Caller) -> bool:
        """Whether a caller that was let in is still: users may have been taken out of their file."""
        users = self._settings.users
        return not caller.user or (users is not None and users.knows(caller.user, caller.role))

    def _guessed(self, client: str, token: str) -> tuple[Caller | None, float]:
        """Who has a token that a person may have chosen; who is wrong too often is not listened to."""
        if wait := self._guesses.wait(client):
            return None, wait
        if _same(token, self._settings.token):
            return Caller("owner" if self._settings.loopback else "write"), 0.0
        if _same(token, self._settings.read_token):
            return Caller("read"), 0.0
        if self._settings.users is not None and (user := self._settings.users.find(token)) is not None:
            return Caller(user.role, user.name), 0.0
        self._guesses.wrong(client)
        return None, 0.0

    def _cookie_for(self, token: str) -> str | None:
        """A cookie for a token in an address."""
        if _same(token, self._settings.local_token):
            return self._keys.cookie(Caller("owner"))
        caller, _ = self._guessed("address", token)
        return None if caller is None else self._keys.cookie(caller)

    def _greeted(self, asked: dict[str, list[str]], name: str, cookie: str | None) -> Response:
        """Take key or token out of the address, where history and links would show it, and leave a cookie."""
        rest = {other: values for other, values in asked.items() if other != name}
        response = RedirectResponse("/" + (f"?{urlencode(rest, doseq=True)}" if rest else ""), 303)
        if cookie is not None:
            response.set_cookie(self._cookie, cookie, httponly=True, samesite="lax", path="/")
        return response

    def _proof(self, scope: Scope) -> Response:
        """Show that this service knows the secret of its library, to a program that has not shown anything yet."""
        nonce = parse_qs(scope["query_string"].decode("latin-1")).get("nonce", [""])[0]
        if not 16 <= len(nonce) <= 128:
            return problem(422, "a challenge needs a nonce of 16 to 128 characters")
        return JSONResponse({"proof": proof(self._settings.secret, nonce, self._settings.url)})

    def _most(self, scope: Scope) -> int:
        """Return the maximum body size in bytes."""
        return self._settings.upload_bytes + _FORM_BYTES if scope["path"] == f"{API}v1/uploads" else _BODY_BYTES

    def _too_large(self, scope: Scope, headers: Headers) -> Response | None:
        most = self._most(scope)
        length = headers.get("content-length", "0")
        if length.isdecimal() and int(length) > most:
            return problem(413, f"The request has {int(length):,} bytes; the limit is {most:,}.")
        return None


class _Limited:
    """A body that ends: with an error where it is too long or too slow, whatever its headers say."""

    def __init__(self, receive: Receive, most: int) -> None:
        self._receive, self._most = receive, most
        self._taken, self._whole = 0, False
        self._until = time.monotonic() + _BODY_SECONDS

    async def __call__(self) -> Message:
        """Receive the next part; once the body is whole, wait for the end of the connection."""
        if self._whole:
            return await self._receive()
        left = min(_PART_SECONDS, self._until - time.monotonic())
        try:
            message = await asyncio.wait_for(self._receive(), max(left, 0.0))
        except TimeoutError:
            raise HTTPException(408, "the request did not come in time") from None
        self._taken += len(message.get("body", b""))
        self._whole = not message.get("more_body", False)
        if self._taken > self._most:
            raise HTTPException(413, f"the request has more than {self._most:,} bytes")
        return message


def _client(scope: Scope) -> str:
    return str(scope["client"][0]) if scope.get("client") else ""


def _remember(kept: OrderedDict[str, Caller], caller: Caller) -> str:
    fresh = secrets.token_urlsafe(32)
    kept[fresh] = caller
    while len(kept) > _MOST_KEYS:
        kept.popitem(last=False)
    return fresh


def _same(given: str | None, secret: str | None) -> bool:
    return given is not None and secret is not None and hmac.compare_digest(given.encode(), secret.encode())
