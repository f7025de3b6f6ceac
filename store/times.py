"""Times of files as SQLite holds them.

A file system may hold any second of 64 bits, and nanoseconds since 1970 fit into the 64 bits of an INTEGER only from
1677 to 2262. So an instant is two columns: `mtime_era` counts spans of 2**64 ns, 585 years, and `mtime_ns` is the rest.
Pairs of them are in the order of the instants.

Filming dates are compared by clock and calendar where somebody filmed (`CLOCK_COLUMN`), so that Christmas Eve is that
of the people in the picture.
"""

from __future__ import annotations

from typing import Any

TIME_COLUMNS = "(mtime_era, mtime_ns)"  # compares with a pair of `split_time`
# SQL for the clock of the camera, "2023-07-14T18:03:22" and maybe a zone; where only an instant is known, that of this
# machine. The time of the file serves where nothing tells when it was filmed, in the years that SQLite can write.
CLOCK_COLUMN = """CASE
    WHEN filmed_at = '' THEN coalesce(
        strftime('%Y-%m-%dT%H:%M:%S', mtime_era * 18446744073.709551616 + mtime_ns / 1e9, 'unixepoch', 'localtime'), '')
    WHEN filmed_at LIKE '%Z' THEN strftime('%Y-%m-%dT%H:%M:%S', filmed_at, 'localtime')
    ELSE filmed_at END"""
_SPAN = 2**64  # nanoseconds


def split_time(nanoseconds: int) -> tuple[int, int]:
    """Return the era of an instant and the nanoseconds in it, -2**63 to 2**63 - 1."""
    era, rest = divmod(nanoseconds + _SPAN // 2, _SPAN)
    return era, rest - _SPAN // 2


def with_split_time(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row of values with its `mtime_ns` as the two columns."""
    era, rest = split_time(row["mtime_ns"])
    return row | {"mtime_era": era, "mtime_ns": rest}


def with_whole_time(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row of the catalog with its two columns as one `mtime_ns`."""
    era = row.pop("mtime_era")
    return row | {"mtime_ns": row["mtime_ns"] + era * _SPAN} if era else row
