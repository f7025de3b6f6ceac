"""HTTP client of a running service of the same library, which spares the command line loading the model.

Nothing heavy is imported here. Whatever goes wrong, the answer is None, and the command does the work itself: so it
also says itself what is wrong with a query.

Nothing is sent to whoever happens to listen: the connection goes through a socket in this user's run folder, or to a
port of this machine where there are no such sockets; the other side has to be this user, and to know the secret of the
library. What it answers has to be in the catalog.
"""

from __future__ import annotations

import hmac
import json
import logging
import os
import secrets
import socket
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlencode, urlsplit

from search.query.request import SearchRequest, SimilarRequest
from search.ranking.moments import Explanation, Hit, Line, Match, Moment
from search.service.backend.endpoint import Endpoint, proof, read, secret, socket_path
from search.service.backend.settings import is_loopback
from store.catalog.catalog import Catalog

_CONNECT_SECONDS = 1.0
_STATUS_SECONDS = 10.0
_ANSWER_SECONDS = 300.0
_PAGE = 100  # moments
_MAX_TOP = 1000
_CHUNK = 2**20
_LARGEST_ANSWER = 2**26  # bytes

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Upload:
    """A file to search by, or a part of it; seconds."""

    kind: Literal["clip", "picture"]
    path: Path
    start: float | None = None
    end: float | None = None


class Client:
    """Client of the service of one library."""

    def __init__(self, folder: Path, endpoint: Endpoint, catalog: Catalog) -> None:
        self._folder, self._endpoint, self._catalog = folder, endpoint, catalog
        self._most_bytes = 0

    def moments(self, request: SearchRequest | SimilarRequest, *, upload: Upload | None = None) -> list[Moment] | None:
        """Search, with the same result as the library itself; None on any error.

        Args:
            upload: the clip or picture of the request, if any.
        """
        if request.top > _MAX_TOP:
            return None
        try:
            if not self._is_ours():
                return None
            parameters = request.to_parameters()
            if upload is not None:
                parameters["upload"] = self._sent(upload)
            kind = "similar" if isinstance(request, SimilarRequest) else "search"
            rows = self._pages(kind, {**parameters, "top": request.top, "limit": min(request.top, _PAGE)})
            moments = [self._moment(row) for row in rows[: request.top]]
        except (OSError, ValueError, LookupError, TypeError, HTTPException, _Refused) as error:
            _log.info("the service at %s did not answer: %s", self._endpoint.url, error)
            return None
        _log.info("answered by the service at %s (process %d)", self._endpoint.url, self._endpoint.pid)
        return moments

    def _is_ours(self) -> bool:
        """Whether the service answers and serves this library; another program may have taken its port."""
        status = self._ask("GET", "status", seconds=_STATUS_SECONDS)
        self._most_bytes = int(status["uploads"]["max_bytes"])
        return Path(status["library"]).resolve() == self._folder.resolve()

    def _pages(self, kind: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        where: str | None = f"{kind}?{urlencode(parameters, doseq=True)}"
        while where is not None and len(rows) < _MAX_TOP:
            page = self._ask("GET", where)
            rows += page["items"]
            where = page["next"] and page["next"].removeprefix("/api/v1/")
        return rows

    def _sent(self, upload: Upload) -> str:
        """Upload a file; return its token."""
        size = upload.path.stat().st_size
        if size > self._most_bytes:
            raise _Refused(f"{upload.path} is too large to upload")
        mark = secrets.token_hex(16)
        name = f"file{upload.path.suffix}".encode("ascii", "replace").decode().replace('"', "")
        head = "".join(
            f'--{mark}\r\nContent-Disposition: form-data; name="{each}"\r\n\r\n{value!r}\r\n'
            for each, value in (("start", upload.start), ("end", upload.end))
            if value is not None
        )
        head += f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
        tail = f"\r\n--{mark}--\r\n"
        headers = {
            "Content-Type": f"multipart/form-data; boundary={mark}",
            "Content-Length": str(len(head) + size + len(tail)),
        }
        made = self._ask("POST", "uploads", body=_parts(head, upload.path, tail), headers=headers)
        if made["kind"] != upload.kind:
            raise _Refused(f"{upload.path} is a {made['kind']} to the service, not a {upload.kind}")
        return str(made["upload"])

    def _ask(
        self,
        method: str,
        where: str,
        *,
        seconds: float = _ANSWER_SECONDS,
        body: Iterator[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        connection = self._connected(seconds)
        try:
            if not self._proved(connection):
                raise _Refused("it does not know the secret of the library")
            sent = {"Authorization": f"Bearer {self._endpoint.token}", **(headers or {})}
            connection.request(method, f"/api/v1/{where}", body=body, headers=sent)
            return _content(connection.getresponse())
        finally:
            connection.close()

    def _connected(self, seconds: float) -> HTTPConnection:
        """A connection to this user's service: a port of this machine that has to be this user's, or the socket."""
        address = urlsplit(self._endpoint.url)
        connection = HTTPConnection(address.hostname or "", address.port, timeout=_CONNECT_SECONDS)
        place = socket_path(self._folder)
        if place is not None:
            connection.sock = _user_socket(place)
        elif not is_loopback(address.hostname or ""):
            raise _Refused("it is not on this machine")
        else:
            connection.connect()
        connection.sock.settimeout(seconds)
        return connection

    def _proved(self, connection: HTTPConnection) -> bool:
        """Whether the other side knows the secret of the library; nothing that it could use was sent before."""
        held = secret(self._folder)
        if held is None:
            return False
        nonce = secrets.token_urlsafe(24)
        connection.request("GET", f"/api/v1/challenge?nonce={nonce}")
        reply = _content(connection.getresponse())
        return hmac.compare_digest(str(reply["proof"]), proof(held, nonce, self._endpoint.url))

    def _moment(self, row: Mapping[str, Any]) -> Moment:
        number, segment = int(row["video"]), self._catalog.segments.get(int(row["segment"]))
        video = self._catalog.videos.get(number)
        if video is None or segment is None or segment.video_id != number:
            raise _Refused("it names what the library does not hold")
        path = video.path  # of what it says, only numbers are believed: files are cut by this path
        start, end, score, confidence = row["start"], row["end"], row["score"], row["confidence"]
        hit = Hit(row["segment"], row["video"], path, start, end, score, row["text"], confidence)
        match, why = row["match"], row["why"]
        return Moment(
            path=path,
            start=start,
            end=end,
            score=score,
            text=row["text"],
            hits=(hit,),
            match=match and Match(**match),
            confidence=confidence,
            keyframe=row["keyframe"],
            why=why and _explanation(why),
            labels=tuple(row["labels"]),
            lines=tuple(_line(each) for each in row["lines"]),
            basis=row["basis"],
            date=video.date,
        )


def _line(row: Mapping[str, Any]) -> Line:
    return Line(**{**row, "marks": tuple((start, end) for start, end in row["marks"])})


def _explanation(row: Mapping[str, Any]) -> Explanation:
    words = {name: tuple(row[name]) for name in ("said", "named", "written")}
    return Explanation(row["visual"], row["words"], row["alignment"], **words)


class _Refused(Exception):  # noqa: N818
    """The service rejected a request."""


def running(folder: Path, catalog: Catalog) -> Client | None:
    """Return a client of the service that service.json names; None if there is no such file."""
    endpoint = read(folder)
    return None if endpoint is None else Client(folder, endpoint, catalog)


def _user_socket(place: Path) -> socket.socket:
    """A connection to the socket at a place, whose other end is a process of this user."""
    end = socket.socket(socket.AF_UNIX)
    try:
        end.settimeout(_CONNECT_SECONDS)
        end.connect(str(place))
        if hasattr(socket, "SO_PEERCRED"):
            _, user, _ = struct.unpack("3i", end.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
            if user != os.getuid():
                raise _Refused("it is another user's")  # noqa: TRY301 - closed below
    except BaseException:
        end.close()
        raise
    return end


def _content(response: HTTPResponse) -> dict[str, Any]:
    content = response.read(_LARGEST_ANSWER + 1)
    if len(content) > _LARGEST_ANSWER:
        raise _Refused("its answer is too long")
    reply: dict[str, Any] = json.loads(content)
    if response.status not in (200, 201):
        raise _Refused(f"{response.status} {reply.get('detail')}")
    return reply


def _parts(head: str, path: Path, tail: str) -> Iterator[bytes]:
    yield head.encode()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk
    yield tail.encode()
