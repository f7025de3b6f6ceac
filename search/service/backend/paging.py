"""Lists in parts: which part is wanted, and where the next one is."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlencode

from fastapi import Query, Request

MOST_OFFSET = 10_000  # moments after so many are not looked for; lists of what is held go on as long as they are

Limit = Annotated[int, Query(ge=1, le=100, description="How many at most.")]
Offset = Annotated[int, Query(ge=0, le=2**31, description="How many to leave out before them.")]


def next_part(request: Request, offset: int, count: int, total: int) -> str | None:
    """Where a list goes on of which `shown` of `total` things were shown, None at its end."""
    return same_from(request, offset + count) if count and offset + count < total else None


def same_from(request: Request, offset: int) -> str:
    """The address of a request with another offset."""
    pairs = [(name, value) for name, value in request.query_params.multi_items() if name != "offset"]
    return f"{request.url.path}?{urlencode([*pairs, ('offset', str(offset))])}"
