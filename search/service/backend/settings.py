"""Address, tokens and limits of a service."""

from __future__ import annotations

import ipaddress
import re
import secrets
import socket
from dataclasses import dataclass, field

from search.service.backend.users import LEAST_TOKEN, TokenFile

LOCALHOST = "127.0.0.1"
PORT = 8420
LOCAL = "videobert.local"  # of a request: whether its client may be told paths and may change the library
ROLE = "videobert.role"  # of a request: see `Role`
OWNER = "videobert.owner"  # of a request: whose saved searches it sees; "" for the owner of the library
PROBES = ("/healthz", "/readyz")  # paths that are answered without a token

_HOST = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[^:\[\]/@]+)(:(?P<port>[0-9]{1,5}))?")


@dataclass(frozen=True)
class Settings:
    """Settings of a service.

    Attributes:
        host: the address it listens on.
        port: its port.
        token: what clients have to show to read and to save searches; None lets everybody on this machine in, and is
            never allowed where the address can be reached from other machines.
        read_token: what clients have to show who may only read.
        users: further users with tokens of their own.
        local_token: what a program shows that may read the folder of the library: it is let in, and is told paths.
        secret: of the library, by which it proves to the command line that it is its service.
        upload_bytes: of one request, at most.
        upload_seconds: of a clip, at most.
        decode_seconds: that looking at an upload may take.
        preview_bytes: of all previews that are kept.
    """

    host: str = LOCALHOST
    port: int = PORT
    token: str | None = None
    read_token: str | None = None
    users: TokenFile | None = None
    local_token: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    secret: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)
    upload_bytes: int = 512 * 2**20
    upload_seconds: float = 120.0
    decode_seconds: float = 60.0
    preview_bytes: int = 4 * 2**30

    def __post_init__(self) -> None:
        if self.token is None and not self.loopback:
            raise ValueError(f"the address {self.host} can be reached from other machines and needs a token")
        for name, token in (("token", self.token), ("token for reading", self.read_token)):
            if token is not None and not token.strip():
                raise ValueError(f"the {name} is empty")
            if token is not None and len(token) < LEAST_TOKEN:
                raise ValueError(f"the {name} needs at least {LEAST_TOKEN} characters, got {len(token)}")
        if self.read_token is not None and self.read_token in (None, self.token):
            raise ValueError("the token for reading is the other token")

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach the service."""
        return is_loopback(self.host)

    @property
    def wildcard(self) -> bool:
        """Whether the service listens on all addresses of this machine."""
        return _is_address(self.host) and ipaddress.ip_address(self.host).is_unspecified

    @property
    def url(self) -> str:
        """The base URL on this machine."""
        host = LOCALHOST if self.wildcard else self.host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    def accepts_host(self, header: str) -> bool:
        """Whether a Host header names this service; others may come from DNS rebinding."""
        found = _HOST.fullmatch(header.lower())
        if found is None:
            return False
        name = found["name"].strip("[]")
        if self.wildcard:  # an IP address cannot come from DNS rebinding
            return _is_address(name) or name in ("localhost", socket.gethostname().lower())
        return name in {"localhost", "127.0.0.1", "::1", self.host.lower()} and int(found["port"] or 80) == self.port


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    return host == "localhost" or (_is_address(host) and ipaddress.ip_address(host).is_loopback)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
