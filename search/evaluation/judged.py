"""Regression tests of retrieval: relevance judgements of a library's own queries.

Each query runs through `Library.search`; the rank of the first moment that fits a judgement counts. A moment fits a
judged part of a video if they overlap by at least half of the shorter one.

- ``R@k``: share of queries with an answer judged right among the first k moments
- ``kept-out@k``: share of queries without any answer judged wrong among the first k moments
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from search.evaluation.metrics import Ranks, Values, chance, recall_curve
from search.evaluation.retrieval import RECALL_AT, Options, Score, overlaps, score_table
from search.library import Library
from store.catalog.judgements import JudgedRanks, Judgement

DEPTH = 100  # moments per query
_JUDGED = {"R": "right", "kept-out": "wrong"}  # measure -> judgement it counts


@dataclass(frozen=True)
class Floor:
    """A minimum score."""

    measure: str  # "R" or "kept-out"
    k: int
    least: float  # 0 to 1

    @classmethod
    def parse(cls, text: str) -> Floor:
        """Parse `R@10=0.8`, `R@10=80%` or `kept-out@5=1`.

        Raises:
            ValueError: the syntax is wrong, or k or the share is out of range.
        """
        found = re.fullmatch(r"(R|kept-out)@(\d+)=(\d*\.?\d+)(%?)", text)
        if not found:
            raise ValueError(f"a floor is written R@10=0.8, R@10=80% or kept-out@5=1, got {text!r}")
        k, least = int(found[2]), float(found[3]) / (100 if found[4] else 1)
        if not (1 <= k <= DEPTH and least <= 1):
            raise ValueError(f"k is 1 to {DEPTH} and the share at most 1 (or 100%), got {text!r}")
        return cls(found[1], k, least)


def ask(library: Library, judgements: Sequence[Judgement]) -> JudgedRanks:
    """Run every judged query; return the ranks of its first right and first wrong answer, `DEPTH` + 1 for none."""
    ranks: JudgedRanks = {answer: {} for answer in _JUDGED.values()}
    for text, rows in _by_text(judgements).items():
        moments = library.search(text, top=DEPTH)
        for answer in ranks:
            relevant = [row for row in rows if row.right == (answer == "right")]
            if relevant:
                fits = (
                    any(_fits(row, moment.path, moment.start, moment.end) for row in relevant) for moment in moments
                )
                ranks[answer][text] = next((rank for rank, fit in enumerate(fits, start=1) if fit), DEPTH + 1)
    return ranks


def judged_scores(
    library: Library, judgements: Sequence[Judgement], ranks: JudgedRanks, options: Options
) -> dict[str, Score]:
    """Compute R@k and kept-out@k for k in `RECALL_AT`, with a random order as baseline."""
    scores: dict[str, Score] = {}
    for measure, answer in _JUDGED.items():
        if not ranks[answer]:
            continue

        def statistics(ranks: Ranks, measure: str = measure) -> Values:
            return np.array([_share(measure, ranks, k) for k in RECALL_AT])

        blind = _chances(library, [row for row in judgements if row.right == (answer == "right")])
        names = [f"{measure}@{k}" for k in RECALL_AT]
        baselines = {"random order": blind if measure == "R" else 1 - blind}
        scores |= score_table(names, np.array(list(ranks[answer].values())), statistics, baselines, options)
    return scores


def below(ranks: JudgedRanks, floors: Sequence[Floor]) -> list[str]:
    """Return a message for every floor that is not reached."""
    messages = []
    for floor in floors:
        answer = _JUDGED[floor.measure]
        if not ranks[answer]:
            messages.append(f"{floor.measure}@{floor.k} cannot be reached: no answer was judged {answer}")
            continue
        share = _share(floor.measure, np.array(list(ranks[answer].values())), floor.k)
        if share < floor.least - 1e-9:
            messages.append(f"{floor.measure}@{floor.k} is {share:.1%}, below {floor.least:.1%}")
    return messages


def fallen(before: JudgedRanks, now: JudgedRanks) -> list[str]:
    """Return a message for every score lower than before, over queries of both runs."""
    messages = []
    for measure, answer in _JUDGED.items():
        shared = now[answer].keys() & before[answer].keys()
        if not shared:
            continue
        old, new = (np.array([run[answer][text] for text in shared]) for run in (before, now))
        for k in RECALL_AT:
            was, is_ = _share(measure, old, k), _share(measure, new, k)
            if is_ < was - 1e-9:
                messages.append(f"{measure}@{k} fell from {was:.1%} to {is_:.1%} (queries compared: {len(shared)})")
    return messages


def _share(measure: str, ranks: Ranks, k: int) -> float:
    found = float(recall_curve(ranks, k)[-1])
    return found if measure == "R" else 1 - found


def _chances(library: Library, judgements: Sequence[Judgement]) -> Values:
    """Compute R@k of a random order of all segments, for k in `RECALL_AT`."""
    fitting = []
    for rows in _by_text(judgements).values():
        videos = [library.catalog.videos.at(path) for path in {row.path for row in rows}]
        segments_of = {
            video.path: library.catalog.segments.of(video.id) for video in videos if video and video.id is not None
        }
        fitting.append(
            sum(
                any(_fits(row, path, segment.start, segment.end) for row in rows)
                for path, segments in segments_of.items()
                for segment in segments
            )
        )
    curve = chance(fitting, max(library.catalog.counts().segments, 1))
    return np.array([curve[min(k, len(curve)) - 1] for k in RECALL_AT])


def _by_text(judgements: Sequence[Judgement]) -> Mapping[str, list[Judgement]]:
    grouped = defaultdict(list)
    for judgement in judgements:
        grouped[judgement.text].append(judgement)
    return grouped


def _fits(judgement: Judgement, path: str, start: float, end: float) -> bool:
    if judgement.path != path:
        return False
    return judgement.start is None or judgement.end is None or overlaps((judgement.start, judgement.end), (start, end))
