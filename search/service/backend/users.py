"""Users of a service and what they may do, from a file that its owner keeps."""

from __future__ import annotations

import hashlib
import hmac
import logging
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

LEAST_TOKEN = 16  # characters: beyond guessing

Role = Literal["owner", "write", "read"]

_DIGEST = re.compile(r"sha256:([0-9a-f]{64})")
_RIGHTS: dict[str, Role] = {"read": "read", "write": "write"}
_NAME = re.compile(r"[\w.@-]{1,64}")

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Caller:
    """Who asks.

    Attributes:
        role: what the caller may do.
        user: name of a user of the token file, "" for those who have the tokens of the service.
    """

    role: Role
    user: str = ""

    @property
    def owner(self) -> str:
        """Whose saved searches the caller sees; "" for the owner of the library."""
        return f"user:{self.user}" if self.user else "" if self.role == "owner" else self.role


@dataclass(frozen=True)
class User:
    """Who may ask.

    Attributes:
        name: under which saved searches are kept.
        role: what the user may do.
        digest: SHA-256 of the token.
    """

    name: str
    role: Role
    digest: bytes


class TokenFile:
    """A file of users, one a line: name, rights ("read" or "write"), and the token or "sha256:" and its digest.

    Empty lines and those that begin with # are passed over. The file is read again when it changes: a user whose line
    is gone is let in no more. One that has become unreadable or wrong is reported, and the last users stay.

    Args:
        path: of the file.

    Raises:
        OSError: it cannot be read.
        ValueError: a line cannot be understood, or others may read tokens in it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, ...] = ()
        self._users = self._read()

    def users(self) -> tuple[User, ...]:
        """Return the users as the file has them now."""
        try:
            if self._stamp() != self._seen:
                self._users = self._read()
        except (OSError, ValueError) as error:
            _log.warning("the users stay as they were: %s", error)
        return self._users

    def find(self, token: str) -> User | None:
        """Return whose token it is; it takes as long for one as for another."""
        digest, found = hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest(), None
        for user in self.users():
            if hmac.compare_digest(user.digest, digest):
                found = user
        return found

    def knows(self, name: str, role: Role) -> bool:
        """Return whether there still is a user of this name with these rights."""
        return any((user.name, user.role) == (name, role) for user in self.users())

    def _stamp(self) -> tuple[int, ...]:
        state = os.stat(self._path)
        return state.st_mtime_ns, state.st_size, state.st_ino

    def _read(self) -> tuple[User, ...]:
        self._seen = self._stamp()
        users: dict[str, User] = {}
        plain = False
        for number, line in enumerate(self._path.read_text("utf-8").splitlines(), 1):
            fields = line.split()
            if not fields or fields[0].startswith("#"):
                continue
            where = f"{self._path}, line {number}"
            if len(fields) != 3 or not _NAME.fullmatch(fields[0]) or fields[1] not in _RIGHTS:
                raise ValueError(f"{where}: a user is a name, read or write, and a token or sha256:DIGEST")
            name, rights, token = fields
            if name in users:
                raise ValueError(f"{where}: there are two users {name}")
            digest = _DIGEST.fullmatch(token)
            if digest is None and len(token) < LEAST_TOKEN:
                raise ValueError(f"{where}: a token has at least {LEAST_TOKEN} characters, got {len(token)}")
            plain |= digest is None
            held = bytes.fromhex(digest[1]) if digest else hashlib.sha256(token.encode()).digest()
            if any(user.digest == held for user in users.values()):
                raise ValueError(f"{where}: another user has the token of {name}")
            users[name] = User(name, _RIGHTS[rights], held)
        if plain and os.name == "posix" and os.stat(self._path).st_mode & 0o077:
            raise ValueError(f"others may read the tokens in {self._path}: chmod 600, or sha256:DIGEST in their place")
        return tuple(users.values())
