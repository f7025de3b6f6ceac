"""The indexing pipeline.

    discover -> plan -> decode -> frame features -> segments -> embeddings -> one transaction per video
    and then -> recognized words -> embeddings of the segments that have them -> one transaction per video

Child processes decode ahead while this process computes features. An interruption loses at most the videos in flight;
the next run continues from there.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from indexer.discovery import discover
from indexer.features.extraction import embed, extract_segments
from indexer.features.labeling import stored_labeler
from indexer.features.rewording import reworded
from indexer.features.segmentation import MAX_SEGMENT_SECONDS
from indexer.labels import label_stale_videos
from indexer.media.container import MediaError, MediaInfo
from indexer.media.filming import FILE, NAME, from_name
from indexer.media.frames import Frames
from indexer.plan import Action, FileState, Planner, Step, is_there
from indexer.recognition import Reading, SecondPass
from indexer.text.recognizer import Recognizer
from indexer.text.recognizers import Words, recognizers
from indexer.text.source import SOURCES
from indexer.workers.decoders import Decoders, Header, Stream
from indexer.workers.jobs import Reader
from model.encoder.contract import Encoder
from store.catalog.catalog import Catalog
from store.errors import StoreError
from store.paths import as_on_disk
from store.types import EncoderInfo, Failure, Video, row_id

log = logging.getLogger(__name__)
_UNOPENED = "?"  # after the stamp of subtitles of which some could not be opened


@dataclass(frozen=True)
class IndexOptions:
    """Options of indexing."""

    fps: float | None = None  # frames sampled per second of video; the encoder's own if None
    fast: bool = False  # read key frames only, where they are at most ten seconds apart
    max_segment_seconds: float = MAX_SEGMENT_SECONDS
    workers: int = 1  # decoding processes
    timeout_seconds: float = 60.0  # before a silent decoder is killed
    memory_mib: int = 4096  # limit of a decoder
    reader: Reader = "pyav"  # of frames
    all_files: bool = False  # in folders, try files of any suffix
    retry_failed: bool = False  # retry unchanged files that failed before
    prune: bool = False  # remove videos whose files are gone
    language: str = ""  # of the subtitles to embed; that of the sound if ""
    stream: int = 0  # of the video streams of each file, counted from 1; the main one, or the one read before, if 0
    words: Words | None = None  # to recognize in sound and pictures; what is installed if None


@dataclass(frozen=True)
class Progress:
    """Progress of a run, reported after every chunk of frames and after every file."""

    path: str
    done: int  # files finished
    total: int
    video_seconds: float  # encoded so far
    indexed: int = 0  # of the files finished
    failed: int = 0
    source: str = ""  # the recognizer of the second pass, of which files and seconds are then told


@dataclass
class Report:
    """Result of a run. Every file found is counted once."""

    indexed: int = 0
    unchanged: int = 0
    relocated: int = 0  # moved or copied files, whose rows were reused
    resubtitled: int = 0  # files with new subtitles only, embedded again without decoding
    dated: int = 0  # videos of an earlier version, asked when they were filmed
    labelled: int = 0  # videos of an earlier version, labelled from their stored frame features
    recognized: dict[str, int] = field(default_factory=dict)  # videos by the recognizer that has read them
    unrecognized: list[tuple[str, str]] = field(default_factory=list)  # videos it could not read, with reasons
    recognition_speed: dict[str, float] = field(default_factory=dict)  # seconds of video per second, by recognizer
    failed: list[Failure] = field(default_factory=list)
    failed_before: int = 0  # unchanged since they failed, not retried
    vanished: list[str] = field(default_factory=list)  # in the library, but no longer on disk
    incomplete: list[tuple[str, float]] = field(default_factory=list)  # indexed, with the seconds that are missing
    offline: list[str] = field(default_factory=list)  # in the library, on a drive that is not there; they stay
    offline_roots: list[str] = field(default_factory=list)  # why, a sentence for each folder
    pruned: int = 0
    ignored: int = 0  # files in folders without a video suffix
    problems: list[tuple[str, str]] = field(default_factory=list)  # unreadable targets, with reasons
    malformed_cues: int = 0  # left out
    unread_subtitles: list[str] = field(default_factory=list)  # unreadable subtitle files and lines, with reasons
    hints: list[str] = field(default_factory=list)  # what was decided where files leave a choice
    video_seconds: float = 0.0
    elapsed_seconds: float = 0.0


class Indexer:
    """Brings a catalog up to date with files on disk.

    Raises:
        EncoderMismatch: the library contains vectors of another encoder.
        NotInstalled: words are asked for that nothing on this machine can recognize.
    """

    def __init__(self, catalog: Catalog, encoder: Encoder, options: IndexOptions) -> None:
        self.recognizers = recognizers(options.words)
        self.catalog = catalog.with_encoder(encoder_info(encoder))
        self.encoder, self.options = encoder, options
        self.labeler = stored_labeler(self.catalog, encoder)

    def run(
        self,
        targets: Sequence[str | Path],
        *,
        tell: Callable[[Progress], None] = lambda progress: None,
        check: Callable[[], None] = lambda: None,
    ) -> Report:
        """Index files, folders and globs.

        Args:
            tell: called with the progress after every chunk of frames and after every file.
            check: called at least twice a second while a file is read; what it raises ends the run.

        Raises:
            KeyboardInterrupt: what was committed stays.
        """
        began = time.monotonic()
        found = discover(targets, all_files=self.options.all_files)
        run = _Run(self, Report(ignored=found.ignored, problems=list(found.problems)), len(found.files), tell, check)
        with Decoders(
            workers=self.options.workers,
            fps=self.options.fps or self.encoder.fps,
            key_frames_only=self.options.fast,
            timeout_seconds=self.options.timeout_seconds,
            memory_bytes=self.options.memory_mib * 2**20,
            reader=self.options.reader,
            stream_of=run.stream_of,
            check=run.check,
        ) as decoders:
            unfinished = self.catalog.attempts.unfinished()  # one of these may have ended a run: they come last
            files = sorted(found.files, key=lambda file: str(file) in unfinished)
            while files:  # later rounds are for files that waited for another with the same content
                for stream in decoders.streams(run.to_open(files)):
                    run.serve(stream)
                files, run.waiting = run.waiting, []
        run.sweep(targets)
        run.label_stale()
        for recognizer in self.recognizers:
            run.recognize(recognizer, found.files)
        run.report.elapsed_seconds = time.monotonic() - began
        return run.report


class _Run:
    """State of one run, shared by its stages."""

    def __init__(
        self,
        indexer: Indexer,
        report: Report,
        total: int,
        tell: Callable[[Progress], None],
        check: Callable[[], None],
    ) -> None:
        self.catalog, self.encoder, self.options = indexer.catalog, indexer.encoder, indexer.options
        self.labeler = indexer.labeler
        self.report, self.total, self.tell, self._check = report, total, tell, check
        self.opened: dict[Path, Step] = {}
        self.waiting: list[Path] = []
        self.done = 0
        self.interruption: Exception | None = None  # raised by whoever is told the progress

    def check(self) -> None:
        """Ask whether to go on; what that raises ends the run."""
        try:
            self._check()
        except Exception as error:
            self.interruption = error
            raise

    def to_open(self, files: Sequence[Path]) -> Iterator[Path]:
        """Process files that need no decoder; yield the others, in order."""
        planner = Planner(
            self.catalog,
            retry_failed=self.options.retry_failed,
            language=self.options.language,
            stream=self.options.stream,
            check=self.check,
        )
        for path in files:
            try:
                step = planner.plan(path)
                relocated = step.source is not None and step.action in (Action.MOVE, Action.COPY)
                if relocated:
                    self._relocate(step)
                    step = planner.plan(path)  # its subtitle files may differ
                    if step.action is Action.DATE:  # the next run asks
                        step = replace(step, action=Action.NOTHING)
            except Exception as error:
                if self._ends_the_run(error):
                    raise
                reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
                self.report.problems.append((str(path), reason))
                self._finished(path)
                continue
            if step.action in (Action.DECODE, Action.RESUBTITLE, Action.DATE):
                self.opened[path] = step
                yield path
            elif step.action is Action.WAIT:
                self.waiting.append(path)
            else:
                self._count(step, relocated=relocated)
                self._finished(path)

    def stream_of(self, path: Path) -> int:
        """The video stream to read of a file: the one that is asked for, or was before."""
        known = self.catalog.videos.at(str(path))
        return self.options.stream or (known.stream if known else 0)

    def serve(self, stream: Stream) -> None:
        """Index one opened file, or record its failure."""
        step = self.opened.pop(stream.path)
        self.catalog.attempts.begin(str(stream.path))
        try:
            if step.action is Action.RESUBTITLE and step.source:
                self._resubtitle(step.file, step.source, stream)
            elif step.action is Action.DATE and step.source:
                self._date(step.source, stream)
            else:
                self._index(step.file, stream)
        except MediaError as error:
            self._fail(step.file, error.stage, str(error))
        except Exception as error:
            if self._ends_the_run(error):
                raise
            log.info("%s could not be indexed", stream.path, exc_info=True)
            self._fail(step.file, "index", f"unexpected {type(error).__name__}: {error}")
        finally:
            stream.close()
            self.catalog.attempts.end(str(stream.path))
        self._finished(stream.path)

    def _ends_the_run(self, error: Exception) -> bool:
        """Whether something is about the library or whoever watches, and not about the file at which it came up."""
        # Full, locked or closed; a package that is missing is missing for every file.
        about_all = StoreError, sqlite3.OperationalError, sqlite3.ProgrammingError, ImportError
        return error is self.interruption or isinstance(error, about_all)

    def sweep(self, targets: Sequence[str | Path]) -> None:
        """Find videos under the targets whose files are gone from disk; forget those that were deleted if told to.

        Those that are only out of reach, on a drive that is not there, stay.
        """
        roots = [as_on_disk(os.path.abspath(os.path.expanduser(target))) for target in targets]
        held = {video.path: video for root in roots for video in self.catalog.videos.all(within=root)}
        gone = [video for video in held.values() if not is_there(video.path)]
        there = (video for video in held.values() if is_there(video.path))
        offline = self.catalog.roots.offline(gone, there, roots)
        deleted = [video for video in gone if video.path not in offline]
        self.report.offline = sorted(offline)
        self.report.offline_roots = sorted(set(offline.values()))
        self.report.vanished = sorted(video.path for video in deleted)
        if self.options.prune:
            self.report.pruned = self.catalog.videos.remove([row_id(video) for video in deleted])
            failed = [f for f in self.catalog.failures.all() if not is_there(f.path) and not self._is_offline(f.path)]
            self.catalog.failures.remove([failure.path for failure in failed])
        for root in roots:
            files = sum(is_there(path) for path in held if path.startswith(root.rstrip(os.sep) + os.sep))
            if files and os.path.isdir(root):
                self.catalog.roots.put(root, files)

    def _is_offline(self, path: str) -> bool:
        """Whether a failed file may only be out of reach: its folder is gone, too."""
        return not os.path.isdir(os.path.dirname(path))

    def label_stale(self) -> None:
        """Label what an earlier version of the program, or another vocabulary, left without labels."""

        def tell(video: Video, done: int, stale: int) -> None:
            self.tell(Progress(video.path, done, stale, self.report.video_seconds, self.report.indexed))

        self.report.labelled = label_stale_videos(self.catalog, self.encoder, tell=tell)

    def recognize(self, recognizer: Recognizer, files: Sequence[Path]) -> None:
        """Read the words of the files that are indexed by now and have not been read."""
        report, name = self.report, recognizer.name

        def tell(reading: Reading) -> None:
            counts = reading.path, reading.done, reading.total, reading.video_seconds
            self._pass_on(Progress(*counts, report.indexed, len(report.failed), reading.source))

        second = SecondPass(
            self.catalog,
            self.encoder,
            recognizer,
            asked=self.options.words in ("all", name),
            retry_failed=self.options.retry_failed,
            memory_bytes=self.options.memory_mib * 2**20,
            tell=tell,
            check=self.check,
        )
        began = time.monotonic()
        for video, problem in second.run(files):
            if problem:
                report.unrecognized.append((video.path, problem))
            else:
                report.recognized[name] = report.recognized.get(name, 0) + 1
        if second.total:
            report.recognition_speed[name] = second.video_seconds / max(time.monotonic() - began, 1e-3)

    def _index(self, file: FileState, stream: Stream) -> None:
        header, before = stream.header, self.report.video_seconds
        found = extract_segments(
            self._watched(stream, before),
            self.encoder,
            duration=stream.duration,
            max_segment_seconds=self.options.max_segment_seconds,
        )
        if not file.still_true(stream.identity):
            raise MediaError("the file changed while it was read", stage="decode")
        language = self.options.language or header.info.language
        video = replace(
            _video(file, header.info, duration=found[-1].end, language=language),
            subtitles_stamp=_read_stamp(file, stream),
            labels_stamp=self.labeler.stamp,
            missing_seconds=max(0.0, header.info.duration - stream.duration()),
            audio_streams=header.info.audio_streams,
            stream=self.stream_of(file.path),
        )
        segments = embed(found, header.cues, self.encoder, language=language, labeler=self.labeler)
        self.catalog.put_video(video, segments, header.cues)
        if header.info.video_streams > 1:
            read = f"{header.info.width} x {header.info.height} {header.info.codec}"
            streams = header.info.video_streams
            hint = f"{file.path}: one of its {streams} video streams was read: {read}; --stream N reads another"
            self.report.hints.append(hint)
        elif self.options.stream > 1:
            self.report.hints.append(f"{file.path}: its only video stream was read, there is no {self.options.stream}")
        if jumps := header.info.clock_jumps:
            times = "once" if jumps == 1 else f"{jumps} times"
            self.report.hints.append(
                f"{file.path}: its clock jumps {times}, as in joined recordings; times are counted on"
            )
        self.report.indexed += 1
        if video.missing_seconds:
            self.report.incomplete.append((video.path, video.missing_seconds))
        self.report.video_seconds = before + video.duration
        self._note_subtitles(header)

    def _resubtitle(self, file: FileState, video: Video, stream: Stream) -> None:
        if stream.identity != file.identity:
            raise MediaError("the file changed while it was read", stage="decode")
        info, cues = stream.header.info, stream.header.cues
        language = self.options.language or video.language or info.language
        fresh = replace(video, language=language, subtitles_stamp=_read_stamp(file, stream))
        sources = [source.name for source in SOURCES]
        others = [cue for cue in self.catalog.cues.of(row_id(video)) if cue.source not in sources]
        texts = reworded(self.catalog, self.encoder, fresh, [*cues, *others])
        self.catalog.put_cues(fresh, cues, texts, sources=sources)
        self.report.resubtitled += 1
        self._note_subtitles(stream.header)

    def _date(self, video: Video, stream: Stream) -> None:
        try:
            info = stream.header.info
            known = _filming(info) | {"audio_streams": info.audio_streams}  # not noted by earlier versions either
        except MediaError:
            known = _named(video.path)
        self.catalog.videos.move(video, replace(video, **known))
        self.report.dated += 1

    def _relocate(self, step: Step) -> None:
        assert step.source
        # The stamp stays the source's, so that planning the file again finds out whether its subtitles are others.
        video = replace(step.source, path=str(step.file.path), **_identity(step.file))
        if video.filmed_by in (NAME, FILE):
            video = replace(video, **_named(video.path))
        relocate = self.catalog.copy_video if step.action is Action.COPY else self.catalog.move_video
        relocate(row_id(step.source), video)

    def _note_subtitles(self, header: Header) -> None:
        self.report.malformed_cues += header.malformed_cues
        self.report.unread_subtitles += header.problems

    def _fail(self, file: FileState, stage: str, reason: str) -> None:
        failure = Failure(str(file.path), file.stamp.size, file.stamp.mtime_ns, stage, reason)
        self.catalog.failures.put(failure)
        self.report.failed.append(failure)

    def _count(self, step: Step, *, relocated: bool) -> None:
        if relocated:
            self.report.relocated += 1
        elif step.action is Action.SKIP:
            self.report.failed_before += 1
        else:
            self.report.unchanged += 1

    def _watched(self, stream: Stream, before: float) -> Iterator[tuple[Frames, list[bool]]]:
        """Pass the stream on, reporting progress after each chunk; `before` is the seconds of earlier videos."""
        for frames, cuts in stream:
            yield frames, cuts
            self.report.video_seconds = before + float(frames.pts_seconds[-1])
            self._tell(stream.path)

    def _finished(self, path: Path) -> None:
        self.done += 1
        self._tell(path)

    def _tell(self, path: Path) -> None:
        report = self.report
        counts = self.done, self.total, report.video_seconds, report.indexed, len(report.failed)
        self._pass_on(Progress(str(path), *counts))

    def _pass_on(self, progress: Progress) -> None:
        try:
            self.tell(progress)
        except Exception as error:
            self.interruption = error
            raise


def encoder_info(encoder: Encoder) -> EncoderInfo:
    """Describe an encoder for the catalog: enough to load it again and to know whose features are stored."""
    return EncoderInfo(encoder.fingerprint, encoder.dim, encoder.name, encoder.tier, encoder.feature_fingerprint)


def _video(file: FileState, info: MediaInfo, *, duration: float, language: str) -> Video:
    return Video(
        path=str(file.path),
        **_identity(file),
        content_hash=file.content_hash,
        container=info.container,
        codec=info.codec,
        duration=duration,
        fps=info.fps,
        width=info.width,
        height=info.height,
        rotation=info.rotation,
        mirrored=info.mirrored,
        subtitles_stamp=file.subtitles_stamp,
        language=language,
        **_filming(info),
    )


def _filming(info: MediaInfo) -> dict[str, Any]:
    """The fields of `Video` that say when, where and with what it was filmed."""
    names = ("filmed_at", "filmed_by", "camera", "latitude", "longitude")
    return {name: getattr(info, name) for name in names}


def _named(path: str) -> dict[str, Any]:
    """The date of a video of which only the name can tell it."""
    at = from_name(Path(path).name)
    return {"filmed_at": at, "filmed_by": NAME if at else FILE}


def _identity(file: FileState) -> dict[str, Any]:
    """The fields of `Video` that say which file it is."""
    found = file.identity
    return {**vars(found.stamp), "device": found.device, "inode": found.inode, "ctime_ns": found.ctime_ns}


def _read_stamp(file: FileState, stream: Stream) -> str:
    """The stamp of the subtitles that were read: another one where some could not be opened, to try again next time."""
    return f"{file.subtitles_stamp}{_UNOPENED if stream.unopened else ''}"
