"""Subtitles of a video: files beside it and text tracks in it -> cues, each with the language and kind of its track.

Files are read whatever their encoding, in SubRip, WebVTT and SubStation Alpha. Tracks of pictures (DVD, Blu-ray, DVB)
are passed over, and said to be. A cue keeps its line breaks.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from indexer.media.container import MediaInfo, demuxed, opened, start_seconds
from indexer.media.files import open_file
from indexer.text import subrip, substation
from indexer.text.cues import CueTrack, is_full
from indexer.text.encoding import decode
from indexer.text.languages import primary, spelled
from indexer.text.sidecars import COMMENTARY, FORCED, SDH, Sidecar, sidecars, stamp
from store.types import Cue

if TYPE_CHECKING:
    from av.subtitles.stream import SubtitleStream

_LARGEST_BYTES = 20 * 2**20
_TEXT_CODECS = ("subrip", "srt", "ass", "ssa", "webvtt", "mov_text", "text")
_HOUR = 3600.0  # at which programmes begin on tape
_SAME_SECONDS = 1.0  # two tracks of one language say the same line at times that differ by less


class SubtitleError(Exception):
    """A subtitle file that cannot be read, with the reason as a sentence for people."""


class Subtitles:
    """Text source: subtitle files beside a video, and the text tracks in it of languages that no file has."""

    name = "subtitles"

    def stamp(self, path: Path) -> str:
        """Return a hash of the names, sizes and times of the files beside a video."""
        return stamp([sidecar.path for sidecar in sidecars(path)])

    def read(self, path: Path, info: MediaInfo) -> CueTrack:
        """Read the cues of the files beside a video and of its tracks.

        A line that two of one language have at the same time counts once, as of the plainer one.
        """
        tracks: list[CueTrack] = []
        for sidecar in sorted(sidecars(path), key=lambda one: (bool(one.kind), len(one.language))):
            try:
                track = read_sidecar(sidecar, info)
            except SubtitleError as error:
                track = CueTrack(problems=[str(error)])
            named = [f"{sidecar.path.name}: {problem}" for problem in track.problems]
            tracks.append(replace(track, problems=named))
        if info.subtitle_tracks:
            covered = {primary(cue.language) for track in tracks for cue in track.cues[:1] if is_full(cue)}
            embedded = read_embedded(path, covered=covered)
            tracks.append(replace(embedded, problems=[f"{path.name}: {problem}" for problem in embedded.problems]))
        return CueTrack(
            list(_once([track.cues for track in tracks])),
            sum(track.malformed for track in tracks),
            [problem for track in tracks for problem in track.problems],
        )


def read_sidecar(sidecar: Sidecar, info: MediaInfo | None = None) -> CueTrack:
    """Read a subtitle file.

    Args:
        sidecar: the file, with the language and kind of its cues.
        info: of the video, by which frame numbers are read and an hour on the tape is taken off.

    Returns:
        The cues in order of time, without markup and without empty ones, and what was left out.

    Raises:
        SubtitleError: the file cannot be read, or is too large.
    """
    text = decode(_bytes(sidecar.path), primary(sidecar.language))
    suffix = sidecar.path.suffix.lower()
    try:
        if suffix in (".ass", ".ssa"):
            track = substation.parse(text, suffix)
        else:
            fps, zero = (info.fps, info.start_seconds) if info else (0.0, 0.0)
            track = subrip.parse(text, fps=fps, start_seconds=zero)
    except ValueError as error:
        raise SubtitleError(f"it cannot be parsed: {error}") from None
    cues = [replace(cue, language=sidecar.language, kind=sidecar.kind) for cue in track.cues]
    hours = _hours_ahead(cues, info.duration) if info else 0
    if hours:
        said = f"its times begin at {hours}:00:00, which is taken off"
        cues = [replace(cue, start=cue.start - hours * _HOUR, end=cue.end - hours * _HOUR) for cue in cues]
        return CueTrack(cues, track.malformed, [*track.problems, said])
    return replace(track, cues=cues)


def read_embedded(path: Path, *, covered: Collection[str] = ()) -> CueTrack:
    """Read the text tracks in a media file; returns as `read_sidecar`, on the player's clock.

    Args:
        path: of the media file.
        covered: languages (codes of ISO 639-1, "" for an unknown one, which may be any) whose full tracks are not
            read, for files beside the video have them.

    Raises:
        MediaError: the file cannot be opened as media.
    """
    from av.error import FFmpegError

    cues: list[Cue] = []
    with opened(path) as container:
        tracks = {stream.index: _track(stream) for stream in container.streams.subtitles if _is_text(stream)}
        problems = [
            f"subtitle track {number} ({stream.codec_context.name}) holds pictures, which are not read"
            for number, stream in enumerate(container.streams.subtitles, 1)
            if stream.codec_context is not None and not _is_text(stream)
        ]
        wanted = [
            stream
            for stream in container.streams.subtitles
            if stream.index in tracks and not ("" in covered or primary(tracks[stream.index].language) in covered)
        ]
        packets = demuxed(container, *wanted) if wanted else iter(())
        zero = start_seconds(container)
        left_out = 0
        while True:
            try:
                packet = next(packets, None)
                if packet is None:
                    break
                if not packet.size:
                    continue
                events = [getattr(part, "ass", b"").decode(errors="replace") for part in packet.decode()]
            except FFmpegError:
                left_out += 1
                continue
            text = "\n".join(filter(None, map(substation.event_words, events)))
            if packet.pts is None or not packet.duration or packet.time_base is None:
                left_out += bool(text)
            elif text:
                start = float(packet.pts * packet.time_base) - zero
                end = start + float(packet.duration * packet.time_base)
                if end > 0:
                    cues.append(replace(tracks[packet.stream.index], start=max(0.0, start), end=end, text=text))
    ordered = sorted(dict.fromkeys(cues), key=lambda cue: (cue.start, cue.end))
    return CueTrack(ordered, left_out, problems)


def _bytes(path: Path) -> bytes:
    try:
        with open_file(path) as file:
            size = file.status.st_size
            if size > _LARGEST_BYTES:
                raise SubtitleError(f"it is larger than {_LARGEST_BYTES // 2**20} MiB: {size / 2**20:.0f} MiB")
            return file.read()
    except OSError as error:
        raise SubtitleError(error.strerror or str(error)) from None


def _once(tracks: Sequence[Sequence[Cue]]) -> Iterator[Cue]:
    """The cues of all tracks, without lines that an earlier track of the same language has at the same time."""
    seen: set[tuple[str, str, int]] = set()
    for track in tracks:
        said = [(primary(cue.language), " ".join(cue.text.split()).casefold()) for cue in track]
        places = [int(cue.start // _SAME_SECONDS) for cue in track]
        for cue, line, place in zip(track, said, places, strict=True):
            if not any((*line, place + step) in seen for step in (-1, 0, 1)):
                yield cue
        seen.update((*line, place) for line, place in zip(said, places, strict=True))


def _hours_ahead(cues: Sequence[Cue], duration: float) -> int:
    """How many whole hours all cues lie too late, as those of tapes do that begin at 1:00:00 or 10:00:00."""
    if not cues or not 0 < duration <= cues[0].start:
        return 0
    hours = int(cues[0].start // _HOUR)
    return hours if max(cue.end for cue in cues) - hours * _HOUR <= duration + _SAME_SECONDS else 0


def _track(stream: SubtitleStream) -> Cue:
    """An empty cue with the language and kind of a track."""
    from av.stream import Disposition

    kinds = {Disposition.forced: FORCED, Disposition.hearing_impaired: SDH, Disposition.comment: COMMENTARY}
    kind = next((kind for flag, kind in kinds.items() if stream.disposition & flag), "")
    title = stream.metadata.get("title", "").casefold()
    kind = kind or next((kind for kind in (FORCED, SDH, COMMENTARY) if kind in title), "")
    return Cue(0.0, 0.0, "", spelled(stream.language or ""), kind=kind)


def _is_text(track: SubtitleStream) -> bool:
    return track.codec_context is not None and track.codec_context.codec.canonical_name in _TEXT_CODECS
