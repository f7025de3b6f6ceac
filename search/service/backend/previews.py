"""Which videos browsers play, and previews of the others, transcoded by ffmpeg into the library folder.

ffmpeg runs as its own process, so a hostile file costs one preview at most. It can read files only, its memory and time
are limited, and it runs at low priority.
"""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import threading
import time
from collections import OrderedDict
from contextlib import suppress
from pathlib import Path

from store.types import Video

FOLDER = "previews"

_PLAYED = {
    "mov": {"h264", "vp9", "av1"},
    "matroska": {"vp8", "vp9", "av1"},
}
# By container, never by file name: a browser must not render a video as a page.
_TYPES = {
    "mov": "video/mp4",
    "matroska": "video/x-matroska",
    "avi": "video/x-msvideo",
    "mpegts": "video/mp2t",
    "mpeg": "video/mpeg",
    "ogg": "video/ogg",
    "asf": "video/x-ms-asf",
    "flv": "video/x-flv",
    "gif": "image/gif",
}
_MAX_WIDTH = 1280  # pixels
_MEMORY = 4 * 2**30  # bytes of address space
_TIMEOUT_RATIO = 20.0  # seconds of work per second of video, before ffmpeg is killed
_MIN_TIMEOUT_SECONDS = 600.0
_END_SECONDS = 5.0
_MAX_FAILED = 100  # failures that are remembered

_log = logging.getLogger(__name__)


class Previews:
    """Previews by content hash, made one at a time by a thread.

    Args:
        folder: of the library.
        most_bytes: maximum size of all previews; the least recently watched ones are deleted first.
    """

    def __init__(self, folder: Path, *, most_bytes: int) -> None:
        self._folder, self._most_bytes = folder / FOLDER, most_bytes
        self._program = shutil.which("ffmpeg")
        self._wanted: OrderedDict[str, Video] = OrderedDict()
        self._failed: OrderedDict[str, str] = OrderedDict()
        self._making: tuple[str, float] | None = None  # content hash and seconds written
        self._process: subprocess.Popen[str] | None = None
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False

    @property
    def possible(self) -> bool:
        """Whether ffmpeg is installed."""
        return self._program is not None

    def ready(self, video: Video) -> Path | None:
        """Return the preview of a video, None if it does not exist yet."""
        path = self._path(video)
        try:
            os.utime(path, ns=(time.time_ns(), path.stat().st_mtime_ns))  # the access time orders deletion
        except OSError:
            return None
        return path

    def want(self, video: Video) -> float | None:
        """Queue the preview of a video; return the seconds written so far, None while it is queued.

        Raises:
            ValueError: ffmpeg failed on this video.
        """
        key = video.content_hash
        with self._changed:
            if key in self._failed:
                raise ValueError(self._failed[key])
            if self._making is not None and self._making[0] == key:
                return self._making[1]
            self._wanted.setdefault(key, video)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="previews", daemon=True)
                self._thread.start()
            self._changed.notify_all()
            return None

    def forget(self, video: Video) -> None:
        """Delete the preview of a video."""
        self._path(video).unlink(missing_ok=True)

    def close(self) -> None:
        """Kill ffmpeg and stop the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            if self._process is not None:
                self._process.kill()
            thread = self._thread
        if thread is not None:
            thread.join(_END_SECONDS)

    def _path(self, video: Video) -> Path:
        return self._folder / f"{video.content_hash}.mp4"

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._wanted or self._closed)
                if self._closed:
                    return
                key, video = self._wanted.popitem(last=False)
                self._making = (key, 0.0)
            try:
                self._make(video)
            except (OSError, ValueError) as error:
                _log.warning("no preview of %s: %s", video.path, error)
                self._remember(key, "ffmpeg cannot transcode this video.")
            finally:
                with self._changed:
                    self._making = None
                    self._changed.notify_all()

    def _make(self, video: Video) -> None:
        """Write the preview atomically."""
        self._folder.mkdir(exist_ok=True)
        path, draft = self._path(video), self._path(video).with_suffix(".draft.mp4")
        if path.exists():
            return
        try:
            # Browsers lack the container only; what is turned is encoded, which makes it upright.
            copied = video.codec == "h264" and not is_playable(video) and not (video.mirrored or video.rotation)
            if not (copied and self._run(video, draft, copy=True) is None):
                reason = self._run(video, draft, copy=False)
                if reason is not None:
                    raise ValueError(reason)
            os.replace(draft, path)
        finally:
            draft.unlink(missing_ok=True)
        self._make_room(path)

    def _run(self, video: Video, draft: Path, *, copy: bool) -> str | None:
        """Run ffmpeg; return its error message, None on success."""
        assert self._program is not None
        command = [self._program, *_arguments(video, draft, copy=copy)]
        with self._changed:
            if self._closed:
                return "the service is shutting down"
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
            )
            self._process = process
        timer = threading.Timer(max(_MIN_TIMEOUT_SECONDS, _TIMEOUT_RATIO * video.duration), process.kill)
        timer.daemon = True
        timer.start()
        try:
            _restrain(process.pid)
            with process:
                complaints = _Tail(process)
                self._follow(process, video.content_hash)
                message = complaints.last()
            return None if process.returncode == 0 else message or f"exit code {process.returncode}"
        finally:
            timer.cancel()
            with self._changed:
                self._process = None

    def _follow(self, process: subprocess.Popen[str], key: str) -> None:
        """Read ffmpeg's progress until it exits."""
        assert process.stdout is not None
        for line in process.stdout:
            name, _, value = line.strip().partition("=")
            if name == "out_time_us" and value.isdecimal():
                with self._changed:
                    self._making = (key, int(value) / 1e6)

    def _remember(self, key: str, reason: str) -> None:
        with self._changed:
            self._failed[key] = reason
            while len(self._failed) > _MAX_FAILED:
                self._failed.popitem(last=False)

    def _make_room(self, newest: Path) -> None:
        """Delete the least recently watched previews until the rest fits."""
        paths = sorted(self._folder.glob("*.mp4"), key=lambda path: path.stat().st_atime, reverse=True)
        size = 0
        for path in paths:
            size += path.stat().st_size
            if size > self._most_bytes and path != newest:
                path.unlink(missing_ok=True)


class _Tail:
    """The last line of a process's stderr, read by a thread so that the process never blocks."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._line = ""
        self._thread = threading.Thread(target=self._read, args=(process,), daemon=True)
        self._thread.start()

    def last(self) -> str:
        """Return the line after the process has exited."""
        self._thread.join(_END_SECONDS)
        return self._line

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stderr is not None
        for line in process.stderr:
            self._line = line.strip() or self._line


def _arguments(video: Video, draft: Path, *, copy: bool) -> list[str]:
    scaled = f"scale='trunc(min({_MAX_WIDTH},iw)/2)*2':-2"
    coded = ["-c:v", "libx264", "-preset", "veryfast", "-crf", "23", "-pix_fmt", "yuv420p", "-vf", scaled]
    return [
        *("-nostdin", "-y", "-v", "error", "-nostats", "-progress", "pipe:1"),
        *("-protocol_whitelist", "file,pipe", "-i", f"file:{video.path}"),
        *("-map", "0:V:0", "-map", "0:a:0?", "-sn", "-dn", "-map_metadata", "-1"),
        *(["-c:v", "copy"] if copy else coded),
        *("-c:a", "aac", "-b:a", "128k", "-ac", "2"),
        *("-movflags", "+faststart", "-f", "mp4", f"file:{draft}"),
    ]


def _restrain(pid: int) -> None:
    """Lower the priority of a process and limit its memory, where the system supports it."""
    with suppress(OSError, AttributeError):
        os.setpriority(os.PRIO_PROCESS, pid, 15)
    with suppress(OSError, ValueError, ImportError, AttributeError):
        import resource

        resource.prlimit(pid, resource.RLIMIT_AS, (_MEMORY, _MEMORY))


def is_playable(video: Video) -> bool:
    """Whether most browsers play a video's container, codec and rotation; audio and bit depth are not checked."""
    upright = not video.mirrored and (video.rotation == 0 or _family(video) == "mov")  # or browsers show it as coded
    return upright and video.codec in _PLAYED.get(_family(video), ())


def media_type(video: Video) -> str:
    """Return the Content-Type of a video file."""
    if _family(video) == "matroska" and is_playable(video):
        return "video/webm"
    return _TYPES.get(_family(video), "application/octet-stream")


def _family(video: Video) -> str:
    """Return FFmpeg's first name of a container: "mov" of "mov,mp4,m4a,3gp,3g2,mj2"."""
    return video.container.split(",")[0]
