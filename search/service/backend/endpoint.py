"""A file in the folder of a library that says where it is served, for as long as it is."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

NAME = "service.json"


@dataclass(frozen=True)
class Beacon:
    """Where a library is served."""

    url: str
    token: str  # that lets a program in which may read this file
    pid: int
    version: str


def light(folder: Path, beacon: Beacon) -> None:
    """Say where the library in a folder is served; only its owner can read it."""
    fresh = folder / f"{NAME}.{os.getpid()}"
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(asdict(beacon), file)
    os.replace(fresh, folder / NAME)


def seen(folder: Path) -> Beacon | None:
    """Where the library in a folder is served, None where nothing says so."""
    try:
        said = json.loads((folder / NAME).read_text(encoding="utf-8"))
        return Beacon(str(said["url"]), str(said["token"]), int(said["pid"]), str(said["version"]))
    except (OSError, ValueError, TypeError, LookupError):
        return None


def put_out(folder: Path) -> None:
    """Stop saying so, unless it is another process by now that serves the library."""
    beacon = seen(folder)
    if beacon is not None and beacon.pid == os.getpid():
        (folder / NAME).unlink(missing_ok=True)
