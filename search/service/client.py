"""HTTP client of a running service of the same library, which spares the command line loading the model.

Imports are light. On any error the result is None: the command then searches by itself and reports errors in queries.
"""

from __future__ import annotations

import json
import logging
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlencode, urlsplit

from search.query.request import SearchRequest, SimilarRequest
from search.ranking.moments import Explanation, Hit, Match, Moment
from search.service.backend.endpoint import Endpoint, read
from store.catalog.catalog import Catalog
from store.paths import path_of

_CONNECT_SECONDS = 1.0
_STATUS_SECONDS = 10.0
_ANSWER_SECONDS = 300.0
_PAGE = 100  # moments
_MAX_TOP = 1000
_CHUNK = 2**20

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
        except (OSError, ValueError, LookupError, TypeError, HTTPException, _Refused) as error:
            _log.info("the service at %s did not answer: %s", self._endpoint.url, error)
            return None
        _log.info("answered by the service at %s (process %d)", self._endpoint.url, self._endpoint.pid)
        return [self._moment(row) for row in rows]

    def _is_ours(self) -> bool:
        """Whether the service answers and serves this library; another program may have taken its port."""
        status = self._ask("GET", "status", seconds=_STATUS_SECONDS)
        self._most_bytes = int(status["uploads"]["max_bytes"])
        return Path(status["library"]).resolve() == self._folder.resolve()

    def _pages(self, kind: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        where: str | None = f"{kind}?{urlencode(parameters, doseq=True)}"
        while where is not None:
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
        address = urlsplit(self._endpoint.url)
        connection = HTTPConnection(address.hostname or "", address.port, timeout=_CONNECT_SECONDS)
        try:
            connection.connect()
            connection.sock.settimeout(seconds)
            sent = {"Authorization": f"Bearer {self._endpoint.token}", **(headers or {})}
            connection.request(method, f"/api/v1/{where}", body=body, headers=sent)
            return _content(connection.getresponse())
        finally:
            connection.close()

    def _moment(self, row: Mapping[str, Any]) -> Moment:
        path = path_of(row["path"])
        if "\N{REPLACEMENT CHARACTER}" in path:  # JSON cannot carry names that are not UTF-8
            video = self._catalog.videos.get(row["video"])
            path = video.path if video else path
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
            why=why and Explanation(**{**why, "said": tuple(why["said"]), "named": tuple(why["named"])}),
            labels=tuple(row["labels"]),
        )


class _Refused(Exception):  # noqa: N818
    """The service rejected a request."""


def running(folder: Path, catalog: Catalog) -> Client | None:
    """Return a client of the service that service.json names; None if there is no such file."""
    endpoint = read(folder)
    return None if endpoint is None else Client(folder, endpoint, catalog)


def _content(response: HTTPResponse) -> dict[str, Any]:
    reply: dict[str, Any] = json.loads(response.read())
    if response.status not in (200, 201):
        raise _Refused(f"{response.status} {reply.get('detail')}")
    return reply


def _parts(head: str, path: Path, tail: str) -> Iterator[bytes]:
    yield head.encode()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk
    yield tail.encode()
