"""Errors of a library.

    StoreError
    ├── NotALibrary       the file is something else
    ├── NewerLibrary      a newer version of the program made the file
    ├── EncoderMismatch   the stored vectors come from another encoder
    └── NotInLibrary      unknown ids

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
