"""Temporary files that a killed service left behind; the names of all say which process made them."""

from __future__ import annotations

import os
import re
import shutil
from contextlib import suppress
from pathlib import Path

from search.service.backend.endpoint import is_mine

_PID = re.compile(r"(?P<pid>[0-9]+)(-.*)?")


def prefix(kind: str) -> str:
    """The beginning of the name of a temporary file of this process."""
    return f"{kind}{os.getpid()}-"


def sweep(folder: Path, kind: str) -> int:
    """Delete what processes left in a folder that are gone, of this user, by the names that `prefix` gives."""
    swept = 0
    with suppress(OSError):
        for path in list(folder.iterdir()):
            found = _PID.fullmatch(path.name.removeprefix(kind)) if path.name.startswith(kind) else None
            if found is None or is_mine(int(found["pid"])):
                continue
            with suppress(OSError):
                if hasattr(os, "getuid") and os.lstat(path).st_uid != os.getuid():
                    continue
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path)
                else:
                    path.unlink()
                swept += 1
    return swept
