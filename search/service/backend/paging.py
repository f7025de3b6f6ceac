"""Pagination: `limit` and `offset`, and the URL of the next page."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlencode

from fastapi import Query, Request

MOST_OFFSET = 10_000  # of searches; lists of videos have no limit

Limit = Annotated[int, Query(ge=1, le=100, description="Maximum number of items.")]
Offset = Annotated[int, Query(ge=0, le=2**31, description="Number of items to skip.")]


def next_part(request: Request, offset: int, count: int, total: int) -> str | None:
    """Return the URL of the page after `count` items from `offset`, None at the end of the list."""
    return same_from(request, offset + count) if count and offset + count < total else None


def same_from(request: Request, offset: int) -> str:
    """Return the URL of a request with another offset."""
    pairs = [(name, value) for name, value in request.query_params.multi_items() if name != "offset"]
    return f"{request.url.path}?{urlencode([*pairs, ('offset', str(offset))])}"
