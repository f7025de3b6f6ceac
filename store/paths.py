"""Paths as the catalog holds them, the bytes of the file system, and as this process names them.

Python decodes the names of files by the locale, and a library must not depend on that: made under one locale, it is
read under another. So only here are paths encoded and decoded. Bytes of the file system are nearly always UTF-8, which
is how people and JSON are told them.
"""

from __future__ import annotations

import os
import sys

_AS_UTF8 = sys.getfilesystemencoding() == "utf-8"


def path_bytes(path: str) -> bytes:
    """Return the bytes of a path of this process, or of a text from elsewhere that its locale does not know."""
    try:
        return os.fsencode(path)
    except UnicodeEncodeError:
        return path.encode("utf-8", "surrogateescape")


def path_of(text: str) -> str:
    """Return the path of this process for a path that was read as UTF-8."""
    return text if _AS_UTF8 else os.fsdecode(text.encode("utf-8", "surrogateescape"))


def path_text(path: str) -> str:
    """Return a path of this process as UTF-8 has it; bytes that are no UTF-8 are lone surrogates."""
    return path if _AS_UTF8 else path_bytes(path).decode("utf-8", "surrogateescape")
