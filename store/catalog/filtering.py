"""Filters -> the segments that they leave."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain

from store.catalog.database import Database
from store.filters import Filter, are_of_videos, conditions


def filtered_ids(database: Database, filters: Iterable[Filter] = ()) -> list[int]:
    """Return the ids of the segments that all filters hold for, sorted."""
    chosen = tuple(filters)
    if not chosen:
        return sorted(number for (number,) in database.tuples("SELECT id FROM segments"))
    condition, values = conditions(chosen)
    if not are_of_videos(chosen):
        sql = f"SELECT segments.id FROM segments JOIN videos ON videos.id = video_id WHERE {condition}"
        return sorted(number for (number,) in database.tuples(sql, *values))
    # Segments of one video have consecutive ids, so that two look-ups a video tell them all.
    ends = database.tuples(
        "SELECT (SELECT min(id) FROM segments WHERE video_id = videos.id), "
        f"(SELECT max(id) FROM segments WHERE video_id = videos.id) FROM videos WHERE {condition}",
        *values,
    )
    return list(chain.from_iterable(range(first, last + 1) for first, last in sorted(ends) if first is not None))
