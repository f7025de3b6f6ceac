"""The child process: everything that touches untrusted media.

It exits when its parent is gone. It replies in JSON and raw bytes, never in pickles, so that a file that controls this
process cannot run code in the parent.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import threading
import traceback
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from multiprocessing.connection import Connection, wait
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.media.frames import MediaError, MediaInfo, probe, read_frames, read_stills
from indexer.media.image import read_pixels
from indexer.media.remux import remux
from indexer.media.shots import ShotDetector
from indexer.media.transcode import cut
from indexer.text.cues import CueTrack, bounded
from indexer.text.source import read as read_text
from indexer.workers.jobs import DecodeFrames, Job, Options, Picture, Remux, Stills, Transcode

_TEXT_SECONDS = 20.0  # to read the cues of a video; thousands of lines take one
_Reply = tuple[dict[str, Any], NDArray[np.uint8] | None]


def serve(connection: Connection, options: Options) -> None:
    """Do job after job. Received: a `Job`, or the number of one that is no longer wanted.

    Sent, each as JSON with the number of its job: for a `DecodeFrames` the header, then chunks of frames, their pixels
    following as bytes; for `Stills` frames one by one; for a `Picture` its pixels; for a `Transcode` how far it
    has come; for a `Remux` where it begins; at last the end. Instead of any of them, the failure.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; it is the parent's to decide
    threading.Thread(target=_die_with_parent, daemon=True).start()
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # codecs chatter about every damaged block
    _load_decoders()
    _limit_memory(options.memory_bytes)
    inbox = _Inbox(connection)
    with suppress(EOFError, OSError):  # the parent is gone
        while True:
            job = inbox.next()
            for message, pixels in _guarded(job, options):
                if inbox.cancelled(job):
                    break
                connection.send_bytes(json.dumps({"job": job.number, **message}).encode())
                if pixels is not None:
                    connection.send_bytes(pixels.reshape(-1).data)


class _Inbox:
    """The queue of jobs."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._jobs: deque[Job] = deque()
        self._cancelled: set[int] = set()

    def next(self) -> Job:
        """Wait for a job that is not cancelled."""
        while True:
            while not self._jobs or self._connection.poll():
                self._take()
            job = self._jobs.popleft()
            if job.number not in self._cancelled:
                return job

    def cancelled(self, job: Job) -> bool:
        """Whether the parent has cancelled a job."""
        while self._connection.poll():
            self._take()
        return job.number in self._cancelled

    def _take(self) -> None:
        message = self._connection.recv()
        if isinstance(message, Job):
            self._jobs.append(message)
        else:
            self._cancelled.add(message)


def _guarded(job: Job, options: Options) -> Iterator[_Reply]:
    """Yield the replies to a job, an error as the last one."""
    try:
        yield from _replies(job, options)
    except MediaError as error:
        yield {"failure": str(error), "stage": error.stage, "traceback": ""}, None
    except MemoryError:
        limit = f"out of memory (limit {options.memory_bytes // 2**20} MiB)"
        yield {"failure": limit, "stage": "decode", "traceback": ""}, None
    except Exception as error:
        failure = f"unexpected {type(error).__name__}: {error}"
        yield {"failure": failure, "stage": "decode", "traceback": traceback.format_exc()}, None


def _replies(job: Job, options: Options) -> Iterator[_Reply]:
    match job:
        case DecodeFrames():
            yield from _decode_frames(job, options)
        case Stills():
            for still in read_stills(job.path, job.at_seconds, short_side=options.short_side):
                yield {"pts_seconds": still.pts_seconds.tolist(), "shape": still.data.shape}, still.data
        case Picture():
            pixels = read_pixels(job.path)
            yield {"shape": pixels.shape}, pixels
        case Transcode():
            for seconds in cut(job.path, job.parts, job.target):
                yield {"written_seconds": seconds}, None
        case Remux():
            yield {"begins": remux(job.path, job.start_seconds, job.end_seconds, job.target)}, None
    yield {"end": True}, None


def _decode_frames(job: DecodeFrames, options: Options) -> Iterator[_Reply]:
    info = probe(job.path)
    text = _text(job, info)
    yield {"info": asdict(info), "text": asdict(text)}, None
    shots = ShotDetector()
    for frames in read_frames(
        job.path,
        info=info,
        fps=job.fps,
        short_side=options.short_side,
        start_seconds=job.start_seconds,
        end_seconds=job.end_seconds,
        key_frames_only=job.key_frames_only,
    ):
        message = {"pts_seconds": frames.pts_seconds.tolist(), "cuts": shots.cuts(frames), "shape": frames.data.shape}
        yield message, frames.data


def _text(job: DecodeFrames, info: MediaInfo) -> CueTrack:
    """The cues of a video; whatever is wrong with them costs the cues and not the video."""
    try:
        with _deadline(_TEXT_SECONDS):
            return bounded(read_text(job.path, info), job.path.name)
    except MediaError:
        raise
    except Exception as error:
        reason = str(error) or type(error).__name__
        return CueTrack(problems=[f"{job.path.name}: its subtitles cannot be read: {reason}"])


@contextmanager
def _deadline(seconds: float) -> Iterator[None]:
    """Raise TimeoutError in what takes longer, where the system has alarms."""

    def late(*_: object) -> None:
        raise TimeoutError(f"it takes longer than {seconds:g} s")

    if not hasattr(signal, "setitimer"):  # Windows
        yield
        return
    signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _load_decoders() -> None:
    # Before memory is limited, so that a limit that is too tight fails a file, in words, and not an import.
    import av
    import decord
    import scenedetect

    del av, decord, scenedetect


def _limit_memory(size: int) -> None:
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    with suppress(ValueError, OSError):  # macOS refuses
        resource.setrlimit(resource.RLIMIT_AS, (size, size))


def _die_with_parent() -> None:
    """Exit when the parent is gone, even if a decoder hangs in the main thread."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
