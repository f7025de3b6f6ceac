"""Where a library is served, for as long as it is: service.json in its folder, and a socket in this user's run folder.

A folder may come from someone else, and a file outlive its service. So what stands in service.json counts only where
this user alone could write it and the process that it names is this user's and alive; and nothing is sent before the
other side has proved that it knows the secret of the library (see `proof`).
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
import stat
import tempfile
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

NAME, SECRET = "service.json", "service.secret"

_SECRET_BYTES = 32
_LARGEST_BYTES = 2**16


@dataclass(frozen=True)
class Endpoint:
    """URL, token and process of a running service."""

    url: str
    token: str  # the local token: whoever can read this file may use it
    pid: int
    version: str


def publish(folder: Path, endpoint: Endpoint) -> None:
    """Write service.json with mode 0600."""
    _write(folder / NAME, json.dumps(asdict(endpoint)).encode())


def read(folder: Path) -> Endpoint | None:
    """Read service.json; None where it is missing, not valid, not this user's alone, or of a process that is not."""
    try:
        values = json.loads(_read(folder / NAME))
        endpoint = Endpoint(str(values["url"]), str(values["token"]), int(values["pid"]), str(values["version"]))
    except (OSError, ValueError, TypeError, LookupError):
        return None
    return endpoint if is_mine(endpoint.pid) else None


def withdraw(folder: Path) -> None:
    """Delete service.json, unless another process has written it since."""
    endpoint = read(folder)
    if endpoint is not None and endpoint.pid == os.getpid():
        (folder / NAME).unlink(missing_ok=True)


def secret(folder: Path, *, make: bool = False) -> bytes | None:
    """Return the secret of a library, which only its owner can read; None where there is none, or none to be trusted.

    Args:
        make: whether to write one where there is none.
    """
    path = folder / SECRET
    try:
        held = _read(path)
    except (OSError, ValueError):
        held = b""
    if len(held) == _SECRET_BYTES:
        return held
    if not make:
        return None
    fresh = secrets.token_bytes(_SECRET_BYTES)
    _write(path, fresh)
    return fresh


def socket_path(folder: Path, *, make: bool = False) -> Path | None:
    """Return where the socket of a library's service is: in a folder that nobody but this user can enter.

    Args:
        make: whether to make that folder.

    Returns:
        None where the system has no such sockets, or the folder is not this user's alone.
    """
    if not hasattr(os, "getuid"):
        return None
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    run = Path(runtime) / "videobert" if runtime else Path(tempfile.gettempdir()) / f"videobert-{os.getuid()}"
    with suppress(OSError):
        if make:
            run.mkdir(mode=0o700, exist_ok=True)
        state = os.lstat(run)
        if stat.S_ISDIR(state.st_mode) and state.st_uid == os.getuid() and not state.st_mode & 0o077:
            name = hashlib.blake2b(os.fsencode(folder.resolve()), digest_size=10).hexdigest()
            return run / f"{name}.sock"
    return None


def proof(secret: bytes, nonce: str, url: str) -> str:
    """What only a service that knows the secret can say of a nonce; it holds for its own address alone."""
    return hmac.new(secret, f"{nonce}\n{url}".encode(), "sha256").hexdigest()


def _read(path: Path) -> bytes:
    """The content of a small file of this user that nobody else can read or write.

    Raises:
        ValueError: it is not so.
        OSError: it cannot be read.
    """
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    descriptor = os.open(path, flags)
    with os.fdopen(descriptor, "rb") as file:
        state = os.fstat(descriptor)
        if not stat.S_ISREG(state.st_mode):
            raise ValueError(f"{path} is no file")
        if hasattr(os, "getuid") and (state.st_uid != os.getuid() or state.st_mode & 0o077):
            raise ValueError(f"{path} is not this user's alone")
        return file.read(_LARGEST_BYTES)


def _write(path: Path, content: bytes) -> None:
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    os.replace(fresh, path)


def is_mine(pid: int) -> bool:
    """Whether a process is alive and this user's, as far as the system tells."""
    if pid <= 0:
        return False
    if os.name != "posix":
        return True
    with suppress(OSError):
        return os.stat(f"/proc/{pid}").st_uid == os.getuid()
    if os.path.isdir("/proc/self"):
        return False
    try:
        os.kill(pid, 0)  # not allowed for processes of others
    except (OSError, OverflowError):
        return False
    return True
