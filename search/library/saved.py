"""Searches under a name: kept in the library, asked again, and taught by what was liked and what was not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from search.query.language import parse
from store.catalog.searches import SavedSearch
from store.types import Moment

if TYPE_CHECKING:
    from search.library import Library


def save(library: Library, search: SavedSearch) -> None:
    """Keep a search, in place of another of its name.

    Raises:
        QueryError: its query cannot be understood.
        ValueError: its name is empty.
        NotInLibrary: a segment it refers to is unknown.
    """
    parse(search.query)
    library.catalog.put_search(search)


def run(
    library: Library,
    name: str,
    *,
    more: Sequence[int] = (),
    less: Sequence[int] = (),
    top: int = 10,
    explain: bool = False,
) -> list[Moment]:
    """Ask a saved search again; what is said of its answers is kept with it.

    Args:
        more: segments to have more like from now on.
        less: segments to have less like from now on.

    Raises:
        ValueError: there is no search of this name.
        NotInLibrary: a segment is unknown.
    """
    search = library.catalog.search_named(name)
    if search is None:
        known = ", ".join(each.name for each in library.catalog.searches()) or "none"
        raise ValueError(f"no saved search {name!r}; there are: {known}")
    if more or less:
        search = taught(search, more, less)
        library.catalog.put_search(search)
    return library.search(
        search.query,
        top=top,
        only=search.only,
        min_confidence=search.min_confidence,
        per_video=search.per_video,
        more=search.more,
        less=search.less,
        explain=explain,
    )


def taught(search: SavedSearch, more: Sequence[int], less: Sequence[int]) -> SavedSearch:
    """The search with what was said last: a segment liked now is not disliked any more, and the other way round."""
    liked = tuple(dict.fromkeys(number for number in (*search.more, *more) if number not in less))
    disliked = tuple(dict.fromkeys(number for number in (*search.less, *less) if number not in more))
    return replace(search, more=liked, less=disliked)
