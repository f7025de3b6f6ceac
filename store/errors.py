"""Errors of a library.

    StoreError
    ├── NotALibrary       the file is something else
    ├── NewerLibrary      a newer version of the program made the file
    ├── EncoderMismatch   the stored vectors come from another encoder
    ├── NotInLibrary      unknown ids
    ├── NoLibrary         there is none in the folder
    ├── LibraryError      it cannot be read or written now
    │   └── ReadOnlyLibrary
    ├── BusyLibrary       another process writes to it
    ├── DamagedLibrary    the file is broken
    └── LibraryGone       it was deleted while it was open

Wrong shapes and values raise ``ValueError``: they are mistakes of the caller, not states of a library.
"""

from __future__ import annotations

from collections.abc import Sequence


class StoreError(Exception):
    """Base of the errors of a library; the message is for people."""


class NotALibrary(StoreError):  # noqa: N818 - the name says the state found
    """The file is no SQLite database, or the database of another program."""


class NewerLibrary(StoreError):  # noqa: N818
    """The library was made by a newer version of the program."""


class EncoderMismatch(StoreError):  # noqa: N818
    """Vectors of two encoders cannot be compared."""


class NotInLibrary(StoreError, LookupError):  # noqa: N818
    """Some ids are unknown to the library: removed since, or never assigned.

    Attributes:
        ids: the unknown ids, ascending.
    """

    def __init__(self, noun: str, ids: Sequence[int]) -> None:
        self.ids = sorted(ids)
        listed = ", ".join(map(str, self.ids[:5])) + (", ..." if len(self.ids) > 5 else "")
        super().__init__(f"The library holds no {noun} with the id {listed}.")


class NoLibrary(StoreError):  # noqa: N818
    """A folder that was to be looked at holds no library."""


class LibraryError(StoreError):
    """The library cannot be read or written now; the message names the file and the cause."""


class ReadOnlyLibrary(LibraryError):  # noqa: N818
    """The library can be read, and not written to."""


class BusyLibrary(StoreError):  # noqa: N818
    """Another process writes to the library and does not end."""


class DamagedLibrary(StoreError):  # noqa: N818
    """The file of the library is broken."""


class LibraryGone(StoreError):  # noqa: N818
    """The library was deleted or replaced while it was open."""
