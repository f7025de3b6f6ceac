"""service.json in a library folder: the URL and token of the running service."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

NAME = "service.json"


@dataclass(frozen=True)
class Endpoint:
    """URL, token and process of a running service."""

    url: str
    token: str  # the local token: whoever can read this file may use it
    pid: int
    version: str


def publish(folder: Path, endpoint: Endpoint) -> None:
    """Write service.json with mode 0600."""
    fresh = folder / f"{NAME}.{os.getpid()}"
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(asdict(endpoint), file)
    os.replace(fresh, folder / NAME)


def read(folder: Path) -> Endpoint | None:
    """Read service.json; None where it is missing or not valid."""
    try:
        values = json.loads((folder / NAME).read_text(encoding="utf-8"))
        return Endpoint(str(values["url"]), str(values["token"]), int(values["pid"]), str(values["version"]))
    except (OSError, ValueError, TypeError, LookupError):
        return None


def withdraw(folder: Path) -> None:
    """Delete service.json, unless another process has written it since."""
    endpoint = read(folder)
    if endpoint is not None and endpoint.pid == os.getpid():
        (folder / NAME).unlink(missing_ok=True)
