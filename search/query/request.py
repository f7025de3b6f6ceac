"""SearchRequest and SimilarRequest, built by the command line, HTTP, MCP, saved searches and `Library` alike."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, Self, get_args

from search.query.labels import english_label
from search.query.language import ParsedQuery, Step, parse
from store.filters import Filter
from store.paths import as_on_disk
from store.types import label_key

Only = Literal["visual", "words", "said", "written"]

_MOST_DIGITS = 40  # Python refuses thousands
_RENAMED = {"q": "query", "segment": "segments"}  # HTTP parameter -> attribute


@dataclass(frozen=True)
class SearchRequest:
    """A query and its options.

    Attributes:
        query: see `search.query.language`; may be empty if anything else narrows the search.
        within: absolute path of a video or folder to search in.
        tag: only segments with this tag.
        only: search frames ("visual") or words only, of these what is said or written if so named; both if None.
        top: maximum number of moments.
        rerank: number of best segments to re-rank with the text; 0 for none.
        min_confidence: 0 to 1; less likely moments are dropped.
        per_video: maximum number of moments per video; unlimited if None.
        more: ids of segments to find more like.
        less: ids of segments to find less like.
        segments: ids of segments that moments must look like, all of them.
        clips: video files that moments must look like, `PATH@START-END` for a part of one.
        images: image files that moments must look like.
        explain: return with each moment why it was found.
        remote: the client is told no paths: `in:` sees what lies below library roots, and words are not looked for in
            the names of folders.

    Raises:
        QueryError: a syntax error in the query.
        ValueError: a number is out of range, or a query of several steps has clips or feedback.
    """

    query: str = ""
    within: str | None = None
    tag: str | None = None
    only: Only | None = None
    top: int = 10
    rerank: int = 0
    min_confidence: float = 0.0
    per_video: int | None = None
    more: tuple[int, ...] = ()
    less: tuple[int, ...] = ()
    segments: tuple[int, ...] = ()
    clips: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    explain: bool = False
    remote: bool = False

    def __post_init__(self) -> None:
        if self.top < 1:
            raise ValueError(f"top must be at least 1, got {self.top}")
        if self.per_video is not None and self.per_video < 1:
            raise ValueError(f"per_video must be at least 1, got {self.per_video}")
        if not 0 <= self.min_confidence <= 1:
            raise ValueError(f"min_confidence is from 0 to 1, got {self.min_confidence}")
        if self.only not in (None, *get_args(Only)):
            raise ValueError(f"only is {', '.join(get_args(Only)[:-1])} or {get_args(Only)[-1]}, got {self.only!r}")
        if self.rerank < 0:
            raise ValueError(f"rerank must not be negative, got {self.rerank}")
        if self.query.strip():
            self.parsed()

    def parsed(self, *, uploads: int = 0) -> ParsedQuery:
        """Parse the query; `within` and `tag` become filters.

        Args:
            uploads: number of clips given besides the request.

        Raises:
            QueryError: a syntax error, or there is nothing to search for.
            ValueError: a query of several steps has clips or feedback.
        """
        clips = uploads + len(self.segments) + len(self.clips) + len(self.images)
        narrowed = clips or self.more or self.within is not None or self.tag is not None
        query = parse(self.query) if self.query.strip() or not narrowed else ParsedQuery((Step(),))
        if len(query.steps) > 1 and (clips or self.more or self.less):
            raise ValueError("clips, pictures, more and less go with a query of one step, not with THEN")
        filters = [self._known(each) for each in query.filters]
        if self.within is not None:
            filters.append(Filter("within", self.within))
        if self.tag is not None:
            filters.append(Filter("tag", self.tag))
        return replace(query, filters=tuple(filters))

    def _known(self, each: Filter) -> Filter:
        """A filter as this client may ask it, of a label in the language of labels."""
        if each.name == "shows" and (label := english_label(str(each.value))):
            return replace(each, value=label_key(label))
        return replace(each, name="below") if self.remote and each.name == "in" else each

    def descriptions(self) -> list[str]:
        """The texts of the query that a model reads: no filters, operators and words of fields; [] for none."""
        steps = self.parsed().steps if self.query.strip() and self.only in (None, "visual") else ()
        return [text.words for step in steps for text in (*step.must, *step.must_not) if not text.field]

    def with_feedback(self, more: Sequence[int], less: Sequence[int]) -> Self:
        """Add feedback: a segment in `more` is removed from `less`, and vice versa."""
        return replace(
            self,
            more=tuple(dict.fromkeys(number for number in (*self.more, *more) if number not in less)),
            less=tuple(dict.fromkeys(number for number in (*self.less, *less) if number not in more)),
        )

    def to_parameters(self) -> dict[str, Any]:
        """Return the HTTP parameters, without defaults."""
        return _to_parameters(self)

    @classmethod
    def from_parameters(cls, values: Mapping[str, Any]) -> Self:
        """Build a request from HTTP parameters or attribute names; None stands for the default.

        Paths may be relative, contain `~` or be `Path`s; a number in `clips` is a segment id.

        Raises:
            TypeError: a name is unknown.
            ValueError: as for the class.
        """
        return cls(**_from_parameters(cls, values))


@dataclass(frozen=True)
class SimilarRequest:
    """A query by clip.

    Attributes:
        clip: a video file, `PATH@START-END` for a part of one; None for an upload or a segment.
        segment: id of a segment of the library, which is excluded from the results.
        within: absolute path of a video or folder to search in.
        top: maximum number of moments.

    Raises:
        ValueError: `top` is not positive, or there is both a clip and a segment.
    """

    clip: str | None = None
    segment: int | None = None
    within: str | None = None
    top: int = 10

    def __post_init__(self) -> None:
        if self.top < 1:
            raise ValueError(f"top must be at least 1, got {self.top}")
        if self.clip is not None and self.segment is not None:
            raise ValueError("a request has either a clip or a segment")

    def to_parameters(self) -> dict[str, Any]:
        """Return the HTTP parameters, without defaults."""
        return _to_parameters(self)

    @classmethod
    def from_parameters(cls, values: Mapping[str, Any]) -> Self:
        """Build a request from HTTP parameters or attribute names; a number as `clip` is a segment id.

        Raises:
            TypeError: a name is unknown.
            ValueError: as for the class.
        """
        return cls(**_from_parameters(cls, values))


def segment_id(text: str) -> int | None:
    """Return the id that a text is, None if it is none; more digits than any id has are one that nothing has."""
    return int(text[:_MOST_DIGITS]) if text.isdecimal() else None


def absolute(path: str | os.PathLike[str]) -> str:
    """Return a path as the catalog stores it: `~` expanded, absolute, in the Unicode form that is on disk.

    Raises:
        ValueError: it is empty, and would be the working folder.
    """
    if not os.fspath(path):
        raise ValueError("a path of a file or folder is needed, got an empty one")
    return as_on_disk(os.path.abspath(os.path.expanduser(path)))


def _to_parameters(request: SearchRequest | SimilarRequest) -> dict[str, Any]:
    names = {name: parameter for parameter, name in _RENAMED.items()}
    uploaded = {"clips", "clip", "images", "remote"}  # HTTP has them as uploads, and knows itself who is remote
    return {
        names.get(field.name, field.name): value
        for field in fields(request)
        if field.name not in uploaded and (value := getattr(request, field.name)) != field.default
    }


def _from_parameters(cls: type[SearchRequest | SimilarRequest], values: Mapping[str, Any]) -> dict[str, Any]:
    defaults = {field.name: field.default for field in fields(cls)}
    found: dict[str, Any] = {}
    for given, value in values.items():
        if value is None:
            continue
        name = given if given in defaults else _RENAMED.get(given, given)
        if name == "within":
            value = absolute(value)
        elif name == "clip":
            name, value = ("segment", value) if isinstance(value, int) else (name, os.fspath(value))
        elif isinstance(defaults.get(name), tuple):
            value = (value,) if isinstance(value, int) else tuple(value)
        if name in ("clips", "images"):
            numbers = tuple(each for each in value if isinstance(each, int))
            found["segments"] = found.get("segments", ()) + numbers if numbers else found.get("segments", ())
            value = tuple(os.fspath(each) for each in value if not isinstance(each, int))
        found[name] = (*found.get(name, ()), *value) if name == "segments" else value
    return found
