"""How a service is reached, and how much it takes from whoever reaches it."""

from __future__ import annotations

import ipaddress
import re
import secrets
import socket
from dataclasses import dataclass, field

LOCALHOST = "127.0.0.1"
PORT = 8420
LOCAL = "videobert.local"  # of a request: whether its client may be told paths and may change the library

_HOST = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[^:\[\]/@]+)(:(?P<port>[0-9]{1,5}))?")


@dataclass(frozen=True)
class Settings:
    """What is decided before a service starts.

    Attributes:
        host: the address it listens on.
        port: its port.
        token: what clients have to show; never None where the address can be reached from other machines.
        local_token: what a program shows that may read the folder of the library: it is let in, and is told paths.
        upload_bytes: of one request, at most.
        upload_seconds: of a clip, at most.
        decode_seconds: that looking at an upload may take.
        preview_bytes: of all previews that are kept.
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
        """Whether only this machine can reach it."""
        return is_loopback(self.host)

    @property
    def wildcard(self) -> bool:
        """Whether it listens on every address of this machine."""
        return _is_address(self.host) and ipaddress.ip_address(self.host).is_unspecified

    @property
    def url(self) -> str:
        """Where this machine reaches it."""
        host = LOCALHOST if self.wildcard else self.host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    def accepts_host(self, header: str) -> bool:
        """Whether the Host header of a request names this service, rather than a name that was made to point here."""
        found = _HOST.fullmatch(header.lower())
        if found is None:
            return False
        name = found["name"].strip("[]")
        if self.wildcard:  # what was written as an address was not looked up by name
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
