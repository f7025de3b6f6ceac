"""The lock of a fetched model: which files it has, byte for byte, and where they came from.

Revisions and checksums cannot be known before a first download, so they are pinned by it: `lock.json` beside the files
is written once, when all are there, and every later load compares.
"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

LOCK_FILE = "lock.json"
_KINDS = {".json", ".safetensors", ".txt", ".model"}  # of files that decide what a model does


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of every file that decides what the model in a folder does, by name."""
    return {path.name: sha256(path) for path in files(folder)}


def files(folder: Path) -> list[Path]:
    """The files that decide what the model in a folder does, in the order of their names."""
    return sorted(path for path in folder.iterdir() if path.suffix in _KINDS and path.name != LOCK_FILE)


def sha256(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write(folder: Path, *, source: str, revision: str, licence: str) -> None:
    """Pin the files of a folder as they are now.

    Args:
        source: where they came from.
        revision: commit of the source, "" where it has none.
        licence: as the source states it.
    """
    described = {
        name: {"bytes": (folder / name).stat().st_size, "sha256": digest} for name, digest in digests(folder).items()
    }
    fetched_at = datetime.now(UTC).isoformat(timespec="seconds")
    facts = {"source": source, "revision": revision, "licence": licence, "fetched_at": fetched_at, "files": described}
    (folder / LOCK_FILE).write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")


def read(folder: Path) -> dict[str, Any]:
    """What `write` wrote: source, revision, licence, fetched_at, and files with bytes and sha256."""
    facts: dict[str, Any] = json.loads((folder / LOCK_FILE).read_text(encoding="utf-8"))
    return facts


def pinned(folder: Path) -> dict[str, str]:
    """SHA-256 of every file as it was when the lock was written, by name."""
    return {name: file["sha256"] for name, file in read(folder)["files"].items()}


def verify(folder: Path) -> None:
    """Compare the files of a folder with its lock.

    Raises:
        ValueError: a file is missing, is another, or was added; the message names it.
    """
    expected, found = pinned(folder), digests(folder)
    wrong = [name for name in sorted({*expected, *found}) if expected.get(name) != found.get(name)]
    if wrong:
        raise ValueError(
            f"{folder} is not what was fetched: {', '.join(wrong)} differs from {LOCK_FILE}; "
            f"`videobert models remove {folder.name}` and fetch it again"
        )
