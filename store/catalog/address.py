"""Where a library is: in a folder, or in a PostgreSQL database under a URL."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote, urlencode

_SCHEMES = ("postgresql://", "postgres://")
_OURS = ("vectors",)  # parameters of a URL that are for this program and not for libpq
_PASSWORDS = ("password", "sslpassword")
_USER_AND_PASSWORD = re.compile(r"^(\w+://[^:@/?]*):(.*)@")  # up to the last sign: people forget to encode theirs


def is_url(address: str | Path) -> bool:
    """Return whether an address is of a database on a server."""
    return isinstance(address, str) and address.startswith(_SCHEMES)


def connection_string(url: str) -> str:
    """Return what libpq is given: the URL without the parameters that are for this program."""
    return _with_parameters(url, lambda name: name not in _OURS)


def parameter(url: str, name: str) -> str:
    """Return a parameter of a URL that is for this program, "" where it is not given."""
    return dict(parse_qsl(url.partition("?")[2])).get(name, "")


def without_password(url: str) -> str:
    """Return a URL as it may be shown."""
    return _with_parameters(_USER_AND_PASSWORD.sub(r"\1@", url), lambda name: name not in _PASSWORDS)


def without_secrets(message: str, url: str) -> str:
    """Return a message of libpq on one line, without any part of the password of a URL."""
    secrets = [value for name, value in parse_qsl(url.partition("?")[2]) if name in _PASSWORDS]
    if found := _USER_AND_PASSWORD.match(url):
        secrets += [found[2], unquote(found[2]), *re.split(r"[@/:?#%&]", found[2])]
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        message = message.replace(secret, "***") if len(secret) > 2 else message
    return " ".join(message.split())


def local_name(url: str) -> str:
    """Return the name of the folder for what this machine keeps of a library: previews, and a cache of vectors."""
    return hashlib.blake2b(without_password(url).encode(), digest_size=8).hexdigest()


def _with_parameters(url: str, kept: Callable[[str], bool]) -> str:
    base, _, query = url.partition("?")
    pairs = [pair for pair in parse_qsl(query, keep_blank_values=True) if kept(pair[0])]
    return f"{base}?{urlencode(pairs, quote_via=quote, safe='/,')}" if pairs else base
