"""The lock file of a fetched model: the checksums of its files, and their source.

Checksums are known only after the first download, which pins them: it writes `lock.json` beside the complete files, and
every later load verifies them.
"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

LOCK_FILE = "lock.json"
_BESIDE = (LOCK_FILE, "languages.safetensors")  # a map of languages may be trained for a fetched model
_KINDS = {".json", ".safetensors", ".txt", ".model"}  # suffixes of files that determine a model's output
_CTRANSLATE2 = "model.bin"  # weights of a Whisper; not a pickle


def digests(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file that determines the model's output, by name."""
    return {path.name: sha256(path) for path in files(folder)}


def files(folder: Path) -> list[Path]:
    """Return the files that determine the model's output, sorted by name."""
    kept = (path for path in folder.iterdir() if path.suffix in _KINDS or path.name == _CTRANSLATE2)
    return sorted(path for path in kept if path.name not in _BESIDE)


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write(folder: Path, *, source: str, revision: str, licence: str) -> None:
    """Write the lock file for the current files of a folder.

    Args:
        folder: of the model.
        source: repository or URL of the files.
        revision: commit of the source, "" if it has none.
        licence: as the source states it.
    """
    described = {
        name: {"bytes": (folder / name).stat().st_size, "sha256": digest} for name, digest in digests(folder).items()
    }
    fetched_at = datetime.now(UTC).isoformat(timespec="seconds")
    facts = {"source": source, "revision": revision, "licence": licence, "fetched_at": fetched_at, "files": described}
    (folder / LOCK_FILE).write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")


def read(folder: Path) -> dict[str, Any]:
    """Return the lock file: source, revision, licence, fetched_at, and files with bytes and sha256."""
    facts: dict[str, Any] = json.loads((folder / LOCK_FILE).read_text(encoding="utf-8"))
    return facts


def pinned(folder: Path) -> dict[str, str]:
    """Return the pinned SHA-256 of every file, by name."""
    return {name: file["sha256"] for name, file in read(folder)["files"].items()}


def verify(folder: Path) -> None:
    """Compare the files of a folder with its lock file.

    Raises:
        ValueError: a file is missing, changed or added; the message names it.
    """
    expected, found = pinned(folder), digests(folder)
    wrong = [name for name in sorted({*expected, *found}) if expected.get(name) != found.get(name)]
    if wrong:
        raise ValueError(
            f"{folder} is not what was fetched: {', '.join(wrong)} differs from {LOCK_FILE}; "
            f"run `videobert models remove {folder.name}` and fetch it again"
        )
