"""Format reports and moments as lines of text."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text

from search.query.times import clock
from search.ranking.moments import Explanation, Match, Moment
from store.types import Video

if TYPE_CHECKING:
    from indexer.pipeline import Report

_TEXT_WIDTH = 160  # characters of subtitle shown with a moment
_MOST_LABELS = 6  # shown with a moment


def counted(number: int, noun: str) -> str:
    """Format a count: `1, "video"` -> "1 video", `2, "video"` -> "2 videos"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Align cells in columns, whatever the width of the terminal, so that `grep` works."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def moment_lines(rank: int, moment: Moment, thumbnail: Path | None = None) -> Iterator[str | Text]:
    """Format a moment: rank, confidence or score, path and times, then its details; words of the query are bold."""
    when = f"{clock(moment.start)}–{clock(moment.end)}"
    likely = f"{moment.score:.3f}" if moment.confidence is None else f"{moment.confidence:5.0%}"
    filmed = f"  {moment.date.local()[:10]}" if moment.date and moment.date.at else ""
    offline = "" if os.path.lexists(moment.path) else "  (offline)"
    yield f"{rank:>3}. {likely}  {moment.path}  {when}  #{moment.segment_id}{filmed}{offline}"
    if moment.match:
        yield f"            {match_line(moment.match)}"
    if moment.lines:
        yield _said(moment)
    if moment.labels:
        yield f"            shows {', '.join(moment.labels[:_MOST_LABELS])}"
    if moment.why:
        yield f"            {why(moment.why)}; best seen at {clock(moment.keyframe)}"
    if thumbnail:
        yield f"            {thumbnail}"


def _said(moment: Moment) -> Text:
    """The lines of a moment, as many as have room, with their source where it is not subtitles."""
    said, sources = Text(), dict.fromkeys(line.source for line in moment.lines)
    for line in moment.lines:
        parts = line.marked("\0", "\0").split("\0")
        said.append(" " if said else "")
        for place, part in enumerate(parts):
            said.append(re.sub(r"\s+", " ", part), "bold" if place % 2 else "")
    said.truncate(_TEXT_WIDTH, overflow="ellipsis")
    note = "" if sources.keys() == {"subtitles"} else f" ({', '.join(sources)})"
    return Text("            “").append_text(said).append(f"”{note}")


def match_line(match: Match) -> str:
    """Format an alignment: "copy: source 0:02.0–0:05.5 ↔ query 0:00.0–0:03.5 (similarity 0.98)"."""
    there, here = (
        f"{_tenths(start)}–{_tenths(end)}"
        for start, end in ((match.start, match.end), (match.query_start, match.query_end))
    )
    how = [f"similarity {match.similarity:.2f}"]
    if match.speed != 1.0:
        how.append(f"speed {match.speed:.2f}x")
    if match.mirrored:
        how.append("mirrored")
    return f"{match.kind}: source {there} ↔ query {here} ({', '.join(how)})"


def _tenths(seconds: float) -> str:
    """Format seconds with tenths: `63.25` -> "1:03.2"."""
    tenths = round(10 * seconds)
    return f"{clock(tenths // 10)}.{tenths % 10}"


def why(explanation: Explanation) -> str:
    """Format an explanation: "visual 60%, words 40% (said: dogs)"."""
    shares = [
        ("visual", explanation.visual),
        ("words", explanation.words),
        ("re-ranking", explanation.alignment),
    ]
    found = [("said", explanation.said), ("written", explanation.written), ("named", explanation.named)]
    these_words = "; ".join(f"{where}: {', '.join(these)}" for where, these in found if these)
    return ", ".join(f"{name} {share:.0%}" for name, share in shares if share) + (
        f" ({these_words})" if these_words else ""
    )


_RECOGNIZED = {"speech": "Listened to the speech", "screen": "Read the on-screen text"}
_TOLD_BY = {
    "metadata": "as the file says",
    "exif": "as the picture beside it says",
    "name": "as its name says",
    "file": "when the file was last changed",
}


def filming_lines(video: Video) -> Iterator[str]:
    """Format when, with what and where a video was filmed, as far as that is known."""
    if video.date.at:
        yield f"filmed {video.date.local().replace('T', ' ')}, {_TOLD_BY[video.date.told_by]}"
    if video.camera:
        yield f"camera {video.camera}"
    if video.latitude is not None and video.longitude is not None:
        yield f"place {video.latitude:.5f}, {video.longitude:.5f}"


def report_lines(report: Report) -> Iterator[str]:
    """Summarize an indexing run; failures come last."""
    counts = [
        (report.unchanged, "unchanged"),
        (report.relocated, "moved or copied"),
        (report.resubtitled, "with new subtitles"),
        (report.dated, "looked at for their filming dates"),
        (report.labelled, "labelled from stored frames"),
        (len(report.failed), "failed"),
        (report.failed_before, "failed before (--retry-failed tries again)"),
    ]
    parts = [f"Indexed {counted(report.indexed, 'video')}"] if report.indexed else []
    parts += [f"{number:,} {what}" for number, what in counts if number]
    yield ", ".join(parts or ["Nothing to index"]) + "."
    if report.video_seconds and report.elapsed_seconds:
        speed = report.video_seconds / report.elapsed_seconds
        yield (
            f"{clock(report.video_seconds)} of video in {clock(report.elapsed_seconds)}: "
            f"{speed:.1f} seconds of video per second."
        )
    for name, count in report.recognized.items():
        speed = report.recognition_speed[name]
        yield f"{_RECOGNIZED[name]} of {counted(count, 'video')}: {speed:.1f} seconds of video per second."
    if report.unrecognized:
        yield f"No words in {counted(len(report.unrecognized), 'video')} (--retry-failed tries again):"
        yield from (f"  {path}: {reason}" for path, reason in report.unrecognized)
    if report.ignored:
        yield f"Ignored {counted(report.ignored, 'file')} not named like video (--all-files tries them too)."
    if report.malformed_cues:
        yield f"Left out {counted(report.malformed_cues, 'malformed subtitle')}."
    yield from (f"  {problem}" for problem in report.unread_subtitles)
    yield from (f"  {hint}" for hint in report.hints)
    for path, seconds in report.incomplete:
        yield f"  {path}: incomplete, {clock(seconds)} at the end is missing or damaged"
    if report.offline:
        yield f"{counted(len(report.offline), 'video')} offline, kept (`videobert remove FOLDER` forgets them):"
        yield from (f"  {reason}" for reason in report.offline_roots)
    if report.pruned:
        yield f"Removed {counted(report.pruned, 'video')} no longer on disk."
    elif report.vanished:
        yield f"{counted(len(report.vanished), 'video')} no longer on disk (--prune removes them):"
        yield from (f"  {path}" for path in report.vanished)
    for path, reason in report.problems:
        yield f"  {path}: {reason}"
    for failure in report.failed:
        yield f"  {failure.path}: {failure.reason}"
