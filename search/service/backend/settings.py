"""Address, tokens and limits of a service."""

from __future__ import annotations

import ipaddress
import re
import secrets
import socket
from dataclasses import dataclass, field

LOCALHOST = "127.0.0.1"
PORT = 8420
LOCAL = "videobert.local"  # key of the ASGI scope: whether the client may see paths and change the library

_HOST = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[^:\[\]/@]+)(:(?P<port>[0-9]{1,5}))?")


@dataclass(frozen=True)
class Settings:
    """Settings of a service.

    Attributes:
        host: address to listen on.
        port: port to listen on.
        token: required of clients; not None unless the address is loopback.
        local_token: makes a client local, see `LOCAL`; for programs that can read the library folder.
        upload_bytes: maximum size of an uploaded file.
        upload_seconds: maximum duration of an uploaded clip.
        decode_seconds: timeout for decoding an upload.
        preview_bytes: maximum size of all previews.

    Raises:
        ValueError: the token is empty, or missing for an address other machines can reach.
    """

    host: str = LOCALHOST
    port: int = PORT
    token: str | None = None
    local_token: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    upload_bytes: int = 512 * 2**20
    upload_seconds: float = 120.0
    decode_seconds: float = 60.0
    preview_bytes: int = 4 * 2**30

    def __post_init__(self) -> None:
        if self.token is None and not self.loopback:
            raise ValueError(f"the address {self.host} can be reached from other machines and needs a token")
        if self.token is not None and not self.token.strip():
            raise ValueError("the token is empty")

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
