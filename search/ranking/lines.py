"""The lines of a moment: spoken or written text, matching lines first, with matches marked."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from search.ranking.clause import Clause, SearchContext
from search.ranking.moments import Basis, Line, Moment
from store.catalog.analyzer import is_unspaced, normalize
from store.catalog.catalog import Catalog
from store.catalog.fulltext import Matched
from store.types import Cue

WRITTEN = frozenset({"ocr", "text", "screen"})  # sources of cues from the picture; all others are from sound

_LEAST_SECONDS = 0.1  # least overlap of a line with a moment; less is the end of a previous line
_CLUSTER = re.compile(r".[\u0300-\u036f\u0590-\u05ff\u0610-\u061a\u064b-\u065f\u0670]*", re.DOTALL)


def matched_words(moments: Sequence[Moment], must: Sequence[Clause], context: SearchContext) -> dict[int, Matched]:
    """The words of a query in the segments of moments, by id; those of a field only where it looks.

    Args:
        must: clauses that the moments match.
    """
    ids = {hit.segment_id for moment in moments for hit in moment.hits}
    found: dict[int, Matched] = {}
    for clause in must:
        if not clause.words:
            continue
        similar = [term for word in clause.words for term in context.similar(word, clause)]
        words = clause.phrases if clause.columns and clause.phrases else clause.words
        for number, matched in context.fulltext(clause).matched(words, ids, similar=similar).items():
            found[number] = found[number] | matched if number in found else matched
    return found


def with_lines(
    catalog: Catalog,
    moments: Sequence[Moment],
    matched: Mapping[int, Matched] = MappingProxyType({}),
    by_words: Collection[int] | None = None,
) -> list[Moment]:
    """Return the same moments with their lines and the basis of each match.

    Args:
        catalog: of the moments.
        moments: the results.
        matched: words of the query, by segment.
        by_words: segments found by words rather than by frames; None if the query has no description.
    """
    found = []
    for moment in moments:
        own = [matched[hit.segment_id] for hit in moment.hits if hit.segment_id in matched]
        said = {word for each in own for word in (*each.said, *each.written)}
        lines = _lines(moment, _cues(catalog, moment), said)
        basis = None if by_words is None else _basis(moment, lines, by_words)
        text = " ".join(" ".join(line.text.split()) for line in lines)
        found.append(replace(moment, lines=lines, text=text, basis=basis))
    return found


def _cues(catalog: Catalog, moment: Moment) -> list[Cue]:
    """Return the cues in a moment, and the text of segments that have text without cues."""
    video = moment.hits[0].video_id
    cues = catalog.cues.between(video, moment.start, moment.end)
    if cues or not any(hit.text for hit in moment.hits):
        return cues
    alone = [hit for hit in moment.hits if hit.text and not catalog.cues.between(video, hit.start, hit.end)]
    return [Cue(hit.start, hit.end, hit.text) for hit in sorted(alone, key=lambda hit: hit.start)]


def _lines(moment: Moment, cues: Iterable[Cue], said: Collection[str]) -> tuple[Line, ...]:
    """Return the distinct lines of a moment: matching ones first, then others in the language of the moment's text."""
    embedded = normalize(" ".join(" ".join(hit.text.split()) for hit in moment.hits))
    found: dict[str, Line] = {}
    for cue in cues:
        least = min(_LEAST_SECONDS, (cue.end - cue.start) / 2)
        if min(cue.end, moment.end) - max(cue.start, moment.start) < least:
            continue
        key = normalize(" ".join(cue.text.split()))
        marked = marks(cue.text, said)
        if key and key not in found and (marked or not embedded or key in embedded):
            found[key] = Line(cue.start, cue.end, cue.text, cue.source, marked)
    # Roll-up captions repeat a line in the next cue.
    whole = [line for key, line in found.items() if not any(key in other and key != other for other in found)]
    return tuple(sorted(whole, key=lambda line: not line.marks))


def _basis(moment: Moment, lines: Sequence[Line], by_words: Collection[int]) -> Basis:
    if moment.hits[0].segment_id not in by_words:
        return "shown"
    sources = {line.source for line in lines if line.marks}
    if not sources:
        return "named"
    return "written" if sources <= WRITTEN else "said"


def marks(text: str, words: Iterable[str]) -> tuple[tuple[int, int], ...]:
    """Return the offsets (start, end) of words in a text, without overlaps.

    Args:
        text: to search.
        words: as returned by `normalize`.
    """
    clusters = [found.span() for found in _CLUSTER.finditer(text)]
    folded, places = "", []
    for start, end in clusters:
        each = normalize(text[start:end])
        folded += each
        places += [(start, end)] * len(each)
    covered = [False] * len(folded)
    for word in words:
        boundary = "" if is_unspaced(word) else r"(?<![^\W_])"
        after = "" if is_unspaced(word) else r"(?![^\W_])"
        for found in re.finditer(f"{boundary}{re.escape(word)}{after}", folded):
            covered[found.start() : found.end()] = [True] * len(found[0])
    spans: list[list[int]] = []
    for place, inside in enumerate(covered):
        if not inside:
            continue
        start, end = places[place]
        if spans and place and covered[place - 1] and spans[-1][1] >= start:
            spans[-1][1] = max(end, spans[-1][1])
        else:
            spans.append([start, end])
    return tuple((start, end) for start, end in spans)
