"""The worker process: all code that reads untrusted media.

It ends when its parent ends, for whatever reason. It reads the descriptors it receives and cannot open files, see
`indexer.workers.sandbox`. It replies in JSON and raw bytes, never pickle, so that a compromised worker cannot execute
code in the parent.
"""

from __future__ import annotations

import json
import math
import multiprocessing
import os
import pickle
import signal
import threading
import traceback
from collections import deque
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from multiprocessing.connection import wait
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.media.files import hand, take_back
from indexer.media.frames import MediaError, MediaInfo, probe, read_frames, read_stills, readable_end
from indexer.media.image import read_pixels
from indexer.media.remux import remux
from indexer.media.shots import with_cuts
from indexer.media.transcode import cut, join
from indexer.text.cues import CueTrack, bounded
from indexer.text.recognizer import Recognizer
from indexer.text.source import read as read_text
from indexer.workers import sandbox
from indexer.workers.channel import Channel
from indexer.workers.jobs import DecodeFrames, Job, Join, Options, Order, Picture, Recognize, Remux, Stills, Transcode

_TEXT_SECONDS = 30.0  # limit for reading the subtitles of one video
_LOW_PRIORITY = 5
_Reply = tuple[dict[str, Any], NDArray[np.uint8] | None]


def serve(channel: Channel, options: Options) -> None:
    """Do job after job. Received messages are an `Order`, or the number of a cancelled job.

    Replies are JSON with the number of the job: for `DecodeFrames` the header, then chunks of frames, followed by their
    pixels as bytes; for `Stills` frames one by one; for `Picture` its pixels; for `Recognize` cues and progress; for
    `Transcode` progress; for `Remux` the start; finally the end. A failure replaces any of them.
    """
    sandbox.die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole process group; the parent decides
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # codecs report every damaged block
    _load_decoders(options)
    everywhere = ["/"] if options.reader == "decord" else []  # it opens files by their names
    models = options.recognizer.folders if options.recognizer is not None else ()
    sandbox.enter(
        readable=[*sandbox.interpreter_folders(), *everywhere, *models],
        writable=[options.writable] if options.writable is not None else [],
    )
    sandbox.limit(memory_bytes=options.memory_bytes)
    threading.Thread(target=_die_with_parent, daemon=True).start()
    inbox = _Inbox(channel)
    with suppress(EOFError, OSError):  # the parent has ended
        while True:
            job = inbox.next()
            for message, pixels in _guarded(job, options):
                if inbox.cancelled(job):
                    break
                channel.send(json.dumps({"job": job.number, **message}).encode())
                if pixels is not None:
                    channel.send(pixels.reshape(-1).data)
                sandbox.limit(cpu_seconds=options.cpu_seconds)


class _Inbox:
    """The queue of jobs."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._orders: deque[tuple[Order, list[int]]] = deque()
        self._cancelled: set[int] = set()

    def next(self) -> Job:
        """Wait for the next job that is not cancelled; from now on, only its files can be opened."""
        while True:
            while not self._orders or self._channel.ready():
                self._take()
            order, descriptors = self._orders.popleft()
            take_back()
            for file in order.files:
                if file.problem:
                    hand(file.path, -1, problem=OSError(file.errno, file.problem))
                else:
                    hand(file.path, descriptors.pop(0), container=file.container, stream=file.stream)
            if order.job.number not in self._cancelled:
                return order.job

    def cancelled(self, job: Job) -> bool:
        """Return whether the parent has cancelled a job."""
        while self._channel.ready():
            self._take()
        return job.number in self._cancelled

    def _take(self) -> None:
        message = pickle.loads(self._channel.receive())  # from the parent, which is trusted
        if isinstance(message, Order):
            count = sum(not file.problem for file in message.files)
            self._orders.append((message, self._channel.receive_descriptors(count)))
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
            end = yield from _decode_frames(job, options)
            yield {"end": True, "end_seconds": end}, None
            return
        case Recognize():
            assert options.recognizer is not None
            _load(options.recognizer)
            for found in options.recognizer.read(job.path, probe(job.path)):
                yield {"end_seconds": found.end_seconds, "cues": [asdict(cue) for cue in found.cues]}, None
        case Stills():
            for still in read_stills(job.path, job.at_seconds, short_side=options.short_side):
                yield {"pts_seconds": still.pts_seconds.tolist(), "shape": still.data.shape}, still.data
        case Picture():
            pixels = read_pixels(job.path)
            yield {"shape": pixels.shape}, pixels
        case Transcode():
            for seconds in cut(job.path, job.parts, job.target):
                yield {"written_seconds": seconds}, None
        case Join():
            for seconds in join(job.parts, job.target):
                yield {"written_seconds": seconds}, None
        case Remux():
            yield {"begins": remux(job.path, job.start_seconds, job.end_seconds, job.target)}, None
    yield {"end": True}, None


def _decode_frames(job: DecodeFrames, options: Options) -> Generator[_Reply, None, float]:
    """Yield header and frames; return the actual end of the video in seconds."""
    info = probe(job.path)
    text = _text(job, info)
    yield {"info": asdict(info), "text": asdict(text)}, None
    last = 0.0
    chunks = read_frames(
        job.path,
        info=info,
        fps=job.fps,
        short_side=options.short_side,
        start_seconds=job.start_seconds,
        end_seconds=job.end_seconds,
        key_frames_only=job.key_frames_only,
        reader=options.reader,
    )
    for frames, cuts in with_cuts(chunks):
        message = {"pts_seconds": frames.pts_seconds.tolist(), "cuts": cuts, "shape": frames.data.shape}
        yield message, frames.data
        last = float(frames.pts_seconds[-1])
    whole = job.start_seconds == 0 and job.end_seconds == math.inf
    return readable_end(job.path, info, last) if whole else info.duration


def _text(job: DecodeFrames, info: MediaInfo) -> CueTrack:
    """Return the cues of a video; an error in them never fails the video."""
    try:
        with _time_limit(_TEXT_SECONDS):
            return bounded(read_text(job.path, info), job.path.name)
    except MediaError:
        raise
    except Exception as error:
        reason = str(error) or type(error).__name__
        return CueTrack(problems=[f"{job.path.name}: its subtitles cannot be read: {reason}"])


@contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    """Raise TimeoutError in the main thread after some seconds, if the system has such a timer."""
    if not hasattr(signal, "setitimer"):
        yield
        return

    def late(number: int, frame: object) -> None:
        raise TimeoutError(f"it takes longer than {seconds:g} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _load_decoders(options: Options) -> None:
    # Before memory and files are limited, so that a tight limit fails a file with a message, not an import.
    import av
    import charset_normalizer
    import pysubs2
    import scenedetect
    from PIL import Image

    Image.init()
    if options.reader == "decord":
        import decord

        del decord
    del av, charset_normalizer, pysubs2, scenedetect
    if options.recognizer is not None:
        with suppress(OSError, AttributeError):
            os.nice(_LOW_PRIORITY)  # it is slow and must not delay searches
        with suppress(MediaError):  # it is said when it is asked to read
            _load(options.recognizer)


def _load(recognizer: Recognizer) -> None:
    try:
        recognizer.load()
    except Exception as error:
        raise MediaError(f"its model cannot be loaded: {error}", stage="load") from error


def _die_with_parent() -> None:
    """Exit when the parent has ended, even if a decoder hangs in the main thread."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
