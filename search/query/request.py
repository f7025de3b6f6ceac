"""What one search asks for."""

from __future__ import annotations

from dataclasses import dataclass, replace

from indexer.features.clip import Clip
from search.query.language import Query
from search.ranking.clause import Only
from store.filters import Filter


@dataclass(frozen=True)
class Request:
    """A query with everything that goes with it.

    Attributes:
        query: texts in steps, and filters.
        clips: pictures and clips that the moment has to look like too, all of them.
        top: moments at most.
        only: look at pictures or at words only; at both where None.
        min_confidence: 0 to 1; moments with less are left out.
        per_video: moments of one video at most; None for any number.
        more: segments of the library to have more like.
        less: segments of the library to have less like.
        rerank: how many of the best segments are read again together with the text; 0 for none.
        explain: say why each moment was found.

    Raises:
        ValueError: a number is out of its range, or clips or feedback come with a query of several steps.
    """

    query: Query
    clips: tuple[Clip, ...] = ()
    top: int = 10
    only: Only | None = None
    min_confidence: float = 0.0
    per_video: int | None = None
    more: tuple[int, ...] = ()
    less: tuple[int, ...] = ()
    rerank: int = 0
    explain: bool = False

    def __post_init__(self) -> None:
        if self.top < 1:
            raise ValueError(f"top must be at least 1, got {self.top}")
        if self.per_video is not None and self.per_video < 1:
            raise ValueError(f"per_video must be at least 1, got {self.per_video}")
        if not 0 <= self.min_confidence <= 1:
            raise ValueError(f"min_confidence is from 0 to 1, got {self.min_confidence}")
        if self.only not in (None, "visual", "words"):
            raise ValueError(f"only is visual or words, got {self.only!r}")
        if self.rerank < 0:
            raise ValueError(f"rerank must not be negative, got {self.rerank}")
        if len(self.query.steps) > 1 and (self.clips or self.more or self.less):
            raise ValueError("clips, pictures, more and less go with a query of one step, not with THEN")

    def limited(self, *filters: Filter) -> Request:
        """The same with more filters."""
        return replace(self, query=replace(self.query, filters=(*self.query.filters, *filters)))
