"""Fields: where words are looked for. `FIELDS` is the only list of those that a query names (``said:hello``)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Column = Literal["said", "named", "heard", "written"]  # of the full-text index

COLUMNS: dict[str, Column] = {"subtitles": "said", "speech": "heard", "screen": "written"}  # of the source of a cue
NAMES: Column = "named"  # of files and folders


@dataclass(frozen=True)
class Field:
    """What stands before the colon in a query, and the columns that it looks at.

    Attributes:
        name: before the colon.
        help: what it finds, in a few words.
        example: as it is typed.
        columns: of the full-text index.
    """

    name: str
    help: str
    example: str
    columns: tuple[Column, ...]


FIELDS = (
    Field("said", "a word or phrase that is heard, or stands in subtitles", 'said:"six o\'clock"', ("said", "heard")),
    Field("written", "a word or phrase that can be read in the picture", "written:exit", ("written",)),
)
