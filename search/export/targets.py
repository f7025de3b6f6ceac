"""Files that are written for people: over another one only if told to, never through a link, never onto a video."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path
from tempfile import NamedTemporaryFile

Protected = Callable[[Path], bool]


def nothing(target: Path) -> bool:
    """No file is protected."""
    return False


def check_free(target: Path, *, force: bool, protected: Protected = nothing) -> None:
    """See, before long work, whether a file may be written.

    Args:
        target: of the file.
        force: whether it may replace a regular file.
        protected: whether a file must not be replaced even then.

    Raises:
        FileExistsError: it may not.
    """
    try:
        there = os.lstat(target)
    except FileNotFoundError:
        return
    if not stat.S_ISREG(there.st_mode):
        reason = "a link, folder or device is there, and nothing is written to it"
        raise FileExistsError(errno.EEXIST, reason, str(target))
    if protected(target):
        raise FileExistsError(errno.EEXIST, "it is the video itself, or one of the library", str(target))
    if not force:
        raise FileExistsError(errno.EEXIST, "there is such a file already; --force replaces it", str(target))


def place(draft: Path, target: Path, *, force: bool, protected: Protected = nothing) -> None:
    """Give a whole file its name; arguments and errors as in `check_free`.

    Without `force` what comes to stand there in the meantime is not replaced either.
    """
    check_free(target, force=force, protected=protected)
    if force:
        os.replace(draft, target)
        return
    try:
        os.link(draft, target)
    except FileExistsError:
        check_free(target, force=force, protected=protected)
        raise
    except OSError:  # a file system without hard links
        with target.open("xb"):
            pass
        os.replace(draft, target)
    else:
        draft.unlink()


def write(content: bytes, target: Path, *, force: bool, protected: Protected = nothing) -> None:
    """Write a whole file, or nothing; arguments and errors as in `check_free`.

    Raises:
        OSError: it cannot be written; the error names the file.
    """
    check_free(target, force=force, protected=protected)
    try:
        with NamedTemporaryFile(dir=target.absolute().parent, prefix=".videobert-", delete=False) as draft:
            try:
                draft.write(content)
                draft.flush()
                os.fchmod(draft.fileno(), 0o666 & ~_umask())
                draft.close()
                place(Path(draft.name), target, force=force, protected=protected)
            except BaseException:
                Path(draft.name).unlink(missing_ok=True)
                raise
    except FileExistsError:
        raise
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(target)) from error


def _umask() -> int:
    now = os.umask(0o077)
    os.umask(now)
    return now
