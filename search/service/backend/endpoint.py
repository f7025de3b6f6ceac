"""service.json in the folder of a library: where it is served, for as long as it is."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

NAME = "service.json"


@dataclass(frozen=True)
class Endpoint:
    """Where a library is served."""

    url: str
    token: str  # for programs that may read this file
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
