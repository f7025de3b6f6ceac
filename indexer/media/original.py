"""The file of an indexed video, open: the one that was indexed, or an error."""

from __future__ import annotations

import errno
import sqlite3
from collections import OrderedDict
from contextlib import suppress
from pathlib import Path

from indexer.media.container import MediaError
from indexer.media.files import NotRegularFile, OpenFile, open_file
from store.catalog.catalog import Catalog
from store.errors import StoreError
from store.types import FileIdentity, Video

_CHANGED = "the file has changed since it was indexed; index it again"
_MOST_REFUSED = 256  # files whose content was read and is another; nobody is to have it read again and again
_refused: OrderedDict[tuple[str, FileIdentity], None] = OrderedDict()


class OriginalError(MediaError):
    """The file of a video is gone, or another one stands in its place.

    Attributes:
        gone: whether there is nothing.
    """

    def __init__(self, message: str, *, gone: bool) -> None:
        super().__init__(message, stage="open")
        self.gone = gone


def open_original(catalog: Catalog, video: Video) -> OpenFile:
    """Open the file of a video.

    Device, inode, size and times have to be those that were recorded. Where only size and modification time are, as on
    a drive that was mounted anew, the content decides, which is read once, and the catalog learns where it is now.

    Returns:
        The open file, to be closed by the caller. What stands under its name from now on does not matter.

    Raises:
        OriginalError: it is gone or was replaced.
        MediaError: it cannot be opened.
    """
    file = _opened(Path(video.path))
    try:
        file.container, file.stream = video.container, video.stream
        found = file.identity
        if video.inode and found == video.identity:
            return file
        key = (video.content_hash, found)
        if found.stamp == video.file_stamp and key not in _refused:
            if file.content_hash() == video.content_hash and file.identity == found:
                if video.id is not None:
                    with suppress(sqlite3.Error, StoreError):  # a library that cannot be written to
                        catalog.videos.identify(video.id, found)
                return file
            _refused[key] = None
            while len(_refused) > _MOST_REFUSED:
                _refused.popitem(last=False)
        raise OriginalError(_CHANGED, gone=False)  # noqa: TRY301 - the file is closed below
    except BaseException:
        file.close()
        raise


def _opened(path: Path) -> OpenFile:
    try:
        try:
            return open_file(path, follow=False)
        except OSError as error:
            if error.errno not in (errno.ELOOP, errno.EMLINK):
                raise
            return open_file(path)  # a link; what it leads to has to be what was indexed, like any other file
    except (FileNotFoundError, NotADirectoryError):
        raise OriginalError("the file is gone", gone=True) from None
    except (IsADirectoryError, NotRegularFile):
        raise OriginalError(_CHANGED, gone=False) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "its path is none"
        raise MediaError(f"the file cannot be opened: {reason}", stage="open") from None
