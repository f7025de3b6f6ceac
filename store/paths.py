"""Paths as the catalog holds them, the bytes of the file system, and as this process names them.

Python decodes the names of files by the locale, and a library must not depend on that: made under one locale, it is
read under another. So only here are paths encoded and decoded. Bytes of the file system are nearly always UTF-8, which
is how people and JSON are told them.
"""

from __future__ import annotations

import os
import sys
import unicodedata
from contextlib import suppress

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


def as_on_disk(path: str) -> str:
    """Return an absolute path with its names as the file system has them, composed or decomposed (Unicode NFC, NFD).

    What is not there stays as it is.
    """
    folder, name = os.path.split(path)
    if path.isascii() or not name or os.path.lexists(path):
        return path
    folder = as_on_disk(folder)
    twins: list[str] = []
    if not os.path.lexists(os.path.join(folder, name)):
        wanted = unicodedata.normalize("NFC", name)
        with suppress(OSError):
            twins = [each for each in os.listdir(folder) if unicodedata.normalize("NFC", each) == wanted]
    return os.path.join(folder, min(twins, default=name))


def forms_of(name: str) -> list[str]:
    """Return a name or path, and its composed and decomposed forms where they are others."""
    return list(dict.fromkeys((name, *(unicodedata.normalize(form, name) for form in ("NFC", "NFD")))))
