"""The query language: a parser from text to steps, clauses and filters.

Operators are upper-case; full-width letters, digits and signs, and the quotation marks of other languages, are read as
plain ones:

    a dog on the beach            what the moment shows or says
    "happy birthday"              an exact phrase in the subtitles or in the name of the file or a folder
    a cat NOT dog                 what it must not show; NOT extends to the next operator
    a lake AND a boat             both in one moment
    cutting THEN frying           one after the other, in one video
    rain THEN WITHIN 20s sun      the same, with at most 20 s in between
    said:"six o'clock"            a word or phrase that is heard or stands in subtitles, wherever the query has a text
    written:exit                  one that can be read in the picture
    in:holidays after:2024-01     filters; quote values with spaces; NOT negates one; an unknown one is an error

Filters apply to the whole query, wherever they stand; `store.filters.FILTERS` lists them. Dates are the file's
modification time in the local time zone: `after:2024-01` includes the first of January, `before:2024-01` excludes it.
Durations are in ms, s, m or h.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cache
from typing import TYPE_CHECKING, cast

from store.catalog.analyzer import analyze, has_word, stray
from store.fields import FIELDS
from store.filters import TYPED_FILTERS, Filter, parse_duration, parse_filter

if TYPE_CHECKING:  # most commands read no query, and need not wait for the parser
    from lark import Lark, Token, Tree
    from lark.exceptions import UnexpectedInput

_NAMES = "|".join(spec.name for spec in TYPED_FILTERS)
_FILTER = rf'({_NAMES}):("[^"]*"|[^\s"]*)'
_UNKNOWN = re.compile(r"([A-Za-z]{2,20}):(?!//)[^\s:]")  # the name of a filter that there is not, and no address
_ALIKE = 0.55  # of the letters of two names, that one may be meant for the other
_FIELD = rf'({"|".join(field.name for field in FIELDS)}):("[^"]*"|[^\s"]*)'
_RUN = re.compile(rf'{_FILTER}|[^\s"]+|"[^"]*"', re.IGNORECASE)
# As keyboards of other languages write them: quotation marks in pairs, and the colon of a filter that there is.
_QUOTED = "|".join(f'{first}[^{first}{last}"]*{last}' for first, last in ("“”", "„“", "„”", "「」", "『』", "«»"))
_COLONS = "|".join((_NAMES, *(field.name for field in FIELDS)))
_FOREIGN = re.compile(rf"({_QUOTED})|(?<!\S)({_COLONS})\uff1a", re.IGNORECASE)
# To ASCII, but for the colon; parentheses only divide, and stand without spaces.
_FULL_WIDTH: dict[int, int | str] = {
    **{code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)},
    **{0xFF1A: 0xFF1A, 0xFF08: " ", 0xFF09: " "},
}
_GRAMMAR = rf"""
query: step (_THEN limit? step)*
limit: _WITHIN DURATION
step: clause (_AND clause)*
clause: _part+ must_not* | must_not+
must_not: _NOT _part+
_part: WORD | PHRASE | FILTER | FIELD

_THEN.3: /THEN(?!\S)/
_AND.3: /AND(?!\S)/
_NOT.3: /NOT(?!\S)/
_WITHIN.3: /WITHIN(?!\S)/
DURATION.2: /\d+(\.\d+)?(ms|s|m|h)?(?!\S)/i
FILTER.2: /{_FILTER}/i
FIELD.2: /{_FIELD}/i
PHRASE: /"[^"]*"/
WORD: /(?!(THEN|AND|NOT)(?!\S))[^\s"]+/
%ignore /\s+/
"""

# Words alone, which need no parser. Possessive: a word is taken whole or not at all, or a colon after forty letters
# would have them divided in every way.
_PLAIN = re.compile(r"(?:\s*+(?!(?:THEN|AND|NOT|WITHIN)(?!\S))[^\s\":]++)++\s*+")


class QueryError(ValueError):
    """A syntax error in a query.

    Attributes:
        problem: message without the query.
        position: offset of the error, from 0; the length of the query if it is at the end.
    """

    def __init__(self, problem: str, query: str, position: int) -> None:
        line = query.replace("\n", " ").replace("\t", " ")
        pointer = f"\n  {line}\n  {' ' * position}^" if line.strip() else ""
        super().__init__(problem + pointer)
        self.problem, self.position = problem, position


@dataclass(frozen=True)
class Text:
    """One description, or words of one field."""

    words: str  # the whole text, without quotation marks
    phrases: tuple[str, ...] = ()  # quoted parts
    field: str = ""  # name of the one of `store.fields.FIELDS` that has to hold the words, "" for a description


@dataclass(frozen=True)
class Step:
    """Texts that one moment must match, all of them, and texts that it must not match."""

    must: tuple[Text, ...] = ()
    must_not: tuple[Text, ...] = ()


@dataclass(frozen=True)
class ParsedQuery:
    """Steps in order of time, and filters that apply to all of them."""

    steps: tuple[Step, ...]
    limits: tuple[float | None, ...] = ()  # maximum seconds between consecutive steps; None for no limit
    filters: tuple[Filter, ...] = ()


def parse(text: str) -> ParsedQuery:
    """Parse a query.

    Characters that no font shows, as copied text has them, count only where they stand alone: as no word.

    Raises:
        QueryError: the syntax is wrong, or there is nothing to search for.
    """
    text = text.translate(_FULL_WIDTH)
    text = _FOREIGN.sub(lambda found: f"{found[2]}:" if found[2] else f'"{found[0][1:-1]}"', text)
    kept = _visible(text)
    try:
        return _parsed("".join(text[place] for place in kept))
    except QueryError as error:
        if len(kept) < len(text):
            error.position = kept[error.position] if error.position < len(kept) else len(text)
        raise


def _visible(text: str) -> list[int]:
    """The places of the characters of a query, without invisible ones beside visible ones; filters keep theirs."""
    dropped = set(stray(text))
    whole = [run.span() for run in _RUN.finditer(text) if run[1] or not has_word(run[0])] if dropped else []
    dropped -= {place for start, end in whole for place in range(start, end)}
    return [place for place in range(len(text)) if place not in dropped]


def _parsed(text: str) -> ParsedQuery:
    if _PLAIN.fullmatch(text) and (words := [word for word in text.split() if has_word(word)]):
        return ParsedQuery((Step((Text(" ".join(words)),)),))
    from lark.exceptions import UnexpectedInput

    try:
        tree = _parser().parse(text)
    except UnexpectedInput as error:
        raise _explained(error, text) from error
    filters: list[Filter] = []
    steps: list[Step] = []
    limits: list[float | None] = []
    limit = None
    for token in tree.scan_values(lambda token: isinstance(token, str) and token.type == "WORD"):
        _check_word(token, text)
    for child in tree.children:
        assert not isinstance(child, str)
        if child.data == "limit":
            (token,) = cast("list[Token]", child.children)
            limit = _duration(str(token), text, token.start_pos or 0)
            continue
        if steps:
            limits.append(limit)
        step = _step(child, text, filters)
        if not step.must and (step.must_not or len(tree.children) > 1):
            raise QueryError("there is nothing to search for here", text, child.meta.start_pos)
        steps.append(step)
        limit = None
    if not steps[0].must and not filters:
        raise QueryError("a query needs at least one word", text, 0)
    return ParsedQuery(tuple(steps), tuple(limits), tuple(filters))


@cache
def _parser() -> Lark:
    from lark import Lark

    return Lark(_GRAMMAR, start="query", parser="lalr", propagate_positions=True)


def _step(tree: Tree[Token], query: str, filters: list[Filter]) -> Step:
    must, must_not = [], []
    for clause in tree.children:
        assert not isinstance(clause, str)
        words, excluded = _clause(clause, query, filters)
        must += words
        must_not += excluded
    return Step(tuple(must), tuple(must_not))


def _clause(tree: Tree[Token], query: str, filters: list[Filter]) -> tuple[list[Text], list[Text]]:
    """Return the texts of a clause that must and must not match; append its filters to `filters`."""
    plain = [child for child in tree.children if isinstance(child, str)]  # tokens are strings
    must_not = []
    for negated in tree.children:
        if isinstance(negated, str):
            continue
        first, *rest = cast("list[Token]", negated.children)
        if first.type == "FILTER":
            filters.append(replace(_filter(first, query), negated=True))
            plain += rest
        elif first.type == "FIELD":
            must_not.append(_field(first, query))
            plain += rest
        else:
            must_not += _texts([first, *rest], query, filters)
    return _texts(plain, query, filters), must_not


def _texts(tokens: list[Token], query: str, filters: list[Filter]) -> list[Text]:
    """Join words into one text, and make one of each field; append filters to `filters`."""
    filters += [_filter(token, query) for token in tokens if token.type == "FILTER"]
    fields = [_field(token, query) for token in tokens if token.type == "FIELD"]
    terms = [token for token in tokens if token.type not in ("FILTER", "FIELD")]
    phrases = tuple(phrase for token in terms if token.type == "PHRASE" and has_word(phrase := token.strip('" ')))
    words = " ".join(word for token in terms if has_word(word := token.strip('" ')))
    if terms and not words:
        raise QueryError("a query needs at least one word, and here is none", query, terms[0].start_pos or 0)
    return [Text(words, phrases), *fields] if words else fields


def _field(token: Token, query: str) -> Text:
    """Quoted words are a phrase, and so is what is more than one word to the index: "o'clock"."""
    name, value, position = _named_value(token, query)
    words = analyze(value).split()
    if not words:
        raise QueryError(f"{name}: needs a word, got {value}", query, position)
    return Text(value, (value,) if '"' in token or len(words) > 1 else (), name)


def _named_value(token: Token, query: str) -> tuple[str, str, int]:
    """The name before the colon, the value after it, and where that begins."""
    name, _, value = token.partition(":")
    value = value.strip('"').strip() if has_word(value.strip('"')) else ""
    position = (token.start_pos or 0) + len(name) + 1
    if not value:
        raise QueryError(f"{name.lower()}: needs a value, with no space before it", query, position)
    return name.lower(), value, position


def _filter(token: Token, query: str) -> Filter:
    name, value, position = _named_value(token, query)
    try:
        return parse_filter(name, value)
    except ValueError as error:
        raise QueryError(str(error), query, position) from error


def _check_word(token: Token, query: str) -> None:
    """Raise QueryError where a word would be a filter, if there were one of its name."""
    if not (found := _UNKNOWN.match(query, token.start_pos or 0)):
        return
    name, known = found[1].lower(), [*(spec.name for spec in TYPED_FILTERS), *(field.name for field in FIELDS)]
    close = get_close_matches(name, known, 1, _ALIKE) or [each for each in known if each[:2] == name[:2]][:1]
    meant = f"did you mean {close[0]}:?" if close else f"there are {', '.join(f'{each}:' for each in known)}."
    raise QueryError(f'no filter {name}: {meant} For the words: "{found[1]} …"', query, token.start_pos or 0)


def _duration(value: str, query: str, position: int) -> float:
    try:
        return parse_duration(value)
    except ValueError as error:
        raise QueryError(str(error), query, position) from error


def _explained(error: UnexpectedInput, query: str) -> QueryError:
    """Turn an error of the parser into a QueryError."""
    from lark.exceptions import UnexpectedCharacters, UnexpectedToken

    if isinstance(error, UnexpectedCharacters):
        return QueryError("this quotation mark is never closed", query, error.pos_in_stream or 0)
    assert isinstance(error, UnexpectedToken)
    at_end = error.token.type == "$END"
    position = len(query) if at_end or error.pos_in_stream is None else error.pos_in_stream
    expected = error.accepts or error.expected
    if "DURATION" in expected:
        return QueryError("WITHIN needs a duration such as 20s", query, position)
    if at_end and not query.strip():
        return QueryError("a query needs at least one word", query, 0)
    before = "the end" if at_end else str(error.token)
    return QueryError(f"a description is missing before {before}", query, position)
