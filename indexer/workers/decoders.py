"""Decode untrusted media in worker processes, which may hang, crash or run out of memory.

Files are decoded in order, and each worker starts the next one ahead of its consumer. A worker sends chunks as fast as
they are consumed, which bounds memory on both sides.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from indexer.media.files import OpenFile
from indexer.media.frames import THREADS, Frames, MediaInfo
from indexer.text.recognizer import Recognized, Recognizer
from indexer.workers.jobs import DecodeFrames, Job, Join, Options, Picture, Reader, Recognize, Remux, Stills, Transcode
from indexer.workers.process import PendingJob, WorkerProcess
from store.types import Cue

_LEAST_CPU_SECONDS = 60.0  # per decoder thread, between two messages


@dataclass(frozen=True)
class Header:
    """Metadata and subtitles of a video, sent before its frames."""

    info: MediaInfo
    cues: list[Cue]  # of all text sources
    malformed_cues: int  # left out
    problems: list[str]  # subtitles that could not be read, with reasons


class Decoders:
    """Worker processes that read files. A context manager that ends them on exit.

    Args:
        workers: number of processes.
        fps: frames sampled per second, unless a stream sets another rate.
        key_frames_only: read only key frames of whole videos, as in `indexer.media.frames.read_frames`.
        short_side: of frames, pixels.
        timeout_seconds: longest time without a message from a worker, in addition to the time to read the file from a
            slow disk.
        memory_bytes: address space of a worker, if the system can limit it; the decoders themselves take about 1 GiB.
        reader: of frames: PyAV, or decord if its index is correct.
        recognizer: used by `recognize`.
        writable: folder into which `cut` and `remux` write.
        stream_of: number of the video stream to read of a file, from 1; 0 for the main one.
        check: called twice a second while waiting for a reply; its exceptions propagate.

    Raises:
        ValueError: `workers` is below 1.
    """

    def __init__(
        self,
        *,
        workers: int = 1,
        fps: float = 2.0,
        key_frames_only: bool = False,
        short_side: int = 224,
        timeout_seconds: float = 60.0,
        memory_bytes: int = 4 * 2**30,
        reader: Reader = "pyav",
        recognizer: Recognizer | None = None,
        writable: Path | None = None,
        stream_of: Callable[[Path], int] = lambda path: 0,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        if workers < 1:
            raise ValueError(f"workers must be at least 1, got {workers}")
        options = Options(
            short_side,
            memory_bytes,
            cpu_seconds=THREADS * max(timeout_seconds, _LEAST_CPU_SECONDS),
            reader=reader,
            writable=writable,
            recognizer=recognizer,
        )
        self._processes = [WorkerProcess(options, timeout_seconds, check) for _ in range(workers)]
        self._fps, self._key_frames_only, self._stream_of = fps, key_frames_only, stream_of
        self._numbers = count()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Kill the worker processes."""
        for process in self._processes:
            process.stop()

    def streams(
        self,
        paths: Iterable[Path],
        *,
        fps: float | None = None,
        start_seconds: float | None = None,
        end_seconds: float | None = None,
    ) -> Generator[Stream]:
        """Yield one stream per file, in order. `paths` is consumed one file further than there are workers.

        Requesting the next stream closes the previous one.

        Args:
            paths: of the files.
            fps: frames sampled per second.
            start_seconds: first time to sample, on the player's clock; None for the beginning.
            end_seconds: end of the times to sample, exclusive; None for the end.
        """
        start, end = start_seconds or 0.0, math.inf if end_seconds is None else end_seconds
        rate = self._fps if fps is None else fps
        todo = iter(paths)
        ahead: deque[Stream] = deque()
        try:
            while True:
                while len(ahead) <= len(self._processes) and (path := next(todo, None)) is not None:
                    job = DecodeFrames(next(self._numbers), path, rate, start, end, self._key_frames_only)
                    ahead.append(Stream(self._process_for(job), job, self._stream_of(path)))
                if not ahead:
                    return
                stream = ahead.popleft()
                try:
                    yield stream
                finally:
                    stream.close()
        finally:
            for stream in ahead:
                stream.close()

    def recognize(self, path: Path) -> WordStream:
        """Begin to find the words in a video; close what is returned."""
        job = Recognize(next(self._numbers), path)
        return WordStream(self._process_for(job), job, stream=self._stream_of(path))

    def stills(self, source: Path | OpenFile, at_seconds: Sequence[float]) -> Iterator[Frames]:
        """Yield the frame on screen at each of the given times, one by one, in order.

        Args:
            source: a file; an open one is read itself, even if its name now refers to another file.
            at_seconds: times on the player's clock.

        Raises:
            MediaError: a frame cannot be read.
        """
        for message, pixels in self._replies(source, Stills(next(self._numbers), _path(source), tuple(at_seconds))):
            yield Frames(pixels, np.array(message["pts_seconds"], np.float64))

    def picture(self, path: Path) -> NDArray[np.uint8]:
        """Return a still picture, uint8 (3, H, W), read by `indexer.media.image.read_pixels`.

        Raises:
            MediaError: it cannot be read.
        """
        ((_, pixels),) = self._replies(path, Picture(next(self._numbers), path))
        return pixels

    def cut(self, source: Path | OpenFile, parts: Sequence[tuple[float, float]], target: Path) -> Iterator[float]:
        """Write parts of a file, each from `start` to `end` in seconds, one after the other; see
        `indexer.media.transcode.cut`.

        Yields:
            The seconds of video written so far.

        Raises:
            MediaError: the parts cannot be read, or the target cannot be written.
        """
        job = Transcode(next(self._numbers), _path(source), tuple(parts), target)
        for message, _ in self._replies(source, job):
            yield message["written_seconds"]

    def join(self, parts: Sequence[tuple[OpenFile, float, float]], target: Path) -> Iterator[float]:
        """Write parts of several open files, each from start to end in seconds; see `indexer.media.transcode.join`.

        Yields:
            How many seconds of video are written.

        Raises:
            MediaError: a part cannot be read, or the target cannot be written.
        """
        files = list({source.path: source for source, _, _ in parts}.values())
        named = tuple((source.path, start, end) for source, start, end in parts)
        job = Join(next(self._numbers), files[0].path, named, target)
        for message, _ in self._replies(files[0], job, beside=files[1:]):
            yield message["written_seconds"]

    def remux(self, source: Path | OpenFile, start: float, end: float, target: Path) -> float:
        """Copy the packets of a part of a file into another file; return its start in seconds. See
        `indexer.media.remux.remux`.

        Raises:
            MediaError: the part cannot be read, or (stage "copy") cannot be copied without encoding.
        """
        ((message, _),) = self._replies(source, Remux(next(self._numbers), _path(source), start, end, target))
        return float(message["begins"])

    def _replies(
        self, source: Path | OpenFile, job: Job, beside: Sequence[OpenFile] = ()
    ) -> Iterator[tuple[dict[str, Any], NDArray[np.uint8]]]:
        file = source if isinstance(source, OpenFile) else None
        with closing(PendingJob(self._process_for(job), job, file, beside)) as pending:
            while "end" not in (reply := pending.reply())[0]:
                yield reply

    def _process_for(self, job: Job) -> WorkerProcess:
        return self._processes[job.number % len(self._processes)]


class Stream(PendingJob):
    """One file being decoded by a worker: its header, then its frames."""

    def __init__(self, process: WorkerProcess, job: DecodeFrames, stream: int = 0) -> None:
        self._header: Header | None = None
        self._end_seconds: float | None = None
        super().__init__(process, job, stream=stream)

    @property
    def header(self) -> Header:
        """Metadata and subtitles; blocks until they arrive.

        Raises:
            MediaError: the file is not a video, or the worker died.
        """
        if self._header is None:
            message, _ = self.reply()
            text = message["text"]
            self._header = Header(
                info=MediaInfo(**message["info"]),
                cues=[Cue(**cue) for cue in text["cues"]],
                malformed_cues=text["malformed"],
                problems=text["problems"],
            )
        return self._header

    def duration(self) -> float:
        """Duration in seconds: to the last decodable frame once all are read, before that as the file states."""
        return self.header.info.duration if self._end_seconds is None else self._end_seconds

    def __iter__(self) -> Iterator[tuple[Frames, list[bool]]]:
        """Yield chunks of frames, and for each frame whether a new shot begins with it.

        Raises:
            MediaError: no frame, or no further frame, can be read; or the stream was closed.
        """
        _ = self.header
        while True:
            message, pixels = self.reply()
            if "end" in message:
                self._end_seconds = float(message["end_seconds"])
                return
            yield Frames(pixels, np.array(message["pts_seconds"], np.float64)), message["cuts"]


class WordStream(PendingJob):
    """The words of one video being recognized by a worker."""

    def __iter__(self) -> Iterator[Recognized]:
        """Yield the results of the worker's recognizer, stretch by stretch.

        Raises:
            MediaError: nothing, or nothing further, can be read; or the stream was closed.
        """
        while "end" not in (message := self.reply()[0]):
            yield Recognized(float(message["end_seconds"]), tuple(Cue(**cue) for cue in message["cues"]))


def _path(source: Path | OpenFile) -> Path:
    return source.path if isinstance(source, OpenFile) else source
