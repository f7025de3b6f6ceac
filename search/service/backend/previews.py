"""Which videos browsers play, and previews of the others, transcoded by ffmpeg into the library folder.

ffmpeg is a program of its own: what a hostile file makes of it costs this one film. It reads the descriptor of the file
that was indexed, as the container that it was then, and where the system allows that nothing else; its memory and time
are limited, it gives way to everything else on the machine, and it ends with the service.
"""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import threading
import time
from collections import OrderedDict
from pathlib import Path
from tempfile import TemporaryDirectory

from indexer.media.container import MediaError
from indexer.media.files import OpenFile, open_file
from indexer.media.motion_photo import PHOTO_SUFFIXES, video_offset
from indexer.media.original import open_original
from indexer.workers.sandbox import restrained
from search.engine.engine import INDEX_FILE
from search.service.backend.leftovers import prefix, sweep
from store.catalog.catalog import Catalog
from store.types import Video

FOLDER = "previews"
DRAFTS = ".draft-"

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
        catalog: of the library.
        most_bytes: of all films; those that were watched longest ago go first.
    """

    def __init__(self, folder: Path, catalog: Catalog, *, most_bytes: int) -> None:
        self._folder, self._catalog, self._most_bytes = folder / FOLDER, catalog, most_bytes
        sweep(self._folder, DRAFTS)
        sweep(folder, f"{INDEX_FILE}.")
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

    def ready(self, video: Video) -> OpenFile | None:
        """The film of a video, open, to be closed by the caller; None where it is not made yet."""
        if self._folder.is_symlink():  # planted: films are made in a folder of the library
            return None
        try:
            film = open_file(self._path(video), follow=False)
            os.utime(film.descriptor, ns=(time.time_ns(), film.status.st_mtime_ns))  # watched now, and still the same
        except OSError:
            return None
        return film

    def made(self, video: Video) -> bool:
        """Whether the film of a video is there."""
        return self._path(video).is_file()

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
            except (OSError, ValueError, MediaError) as error:
                _log.warning("no preview of %s: %s", video.path, error)
                self._remember(key, "ffmpeg cannot transcode this video.")
            finally:
                with self._changed:
                    self._making = None
                    self._changed.notify_all()

    def _make(self, video: Video) -> None:
        """Write the film under another name first, so that there is never half of it."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        if self._folder.is_symlink():
            raise ValueError(f"{self._folder} is a link")
        path = self._path(video)
        if path.exists():
            return
        with (
            open_original(self._catalog, video) as file,
            TemporaryDirectory(dir=self._folder, prefix=prefix(DRAFTS)) as drafts,
        ):
            draft = Path(drafts) / "film.mp4"
            # Browsers lack the container only; what is turned is encoded, which makes it upright.
            copied = video.codec == "h264" and not is_playable(video) and not (video.mirrored or video.rotation)
            if not (copied and self._run(video, file, draft, copy=True) is None):
                reason = self._run(video, file, draft, copy=False)
                if reason is not None:
                    raise ValueError(reason)
            os.replace(draft, path)
        self._make_room(path)

    def _run(self, video: Video, file: OpenFile, draft: Path, *, copy: bool) -> str | None:
        """Have ffmpeg write a film; why it did not, None where it did."""
        assert self._program is not None
        seconds = max(_MIN_TIMEOUT_SECONDS, _TIMEOUT_RATIO * video.duration)
        command = restrained(
            [self._program, *_arguments(file, draft, copy=copy)],
            memory_bytes=_MEMORY,
            cpu_seconds=seconds,
            readable=[file.place],
            writable=[str(draft.parent)],
        )
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
                pass_fds=(file.descriptor,) if os.name == "posix" else (),
            )
            self._process = process
        timer = threading.Timer(seconds, process.kill)
        timer.daemon = True
        timer.start()
        try:
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


def _arguments(file: OpenFile, draft: Path, *, copy: bool) -> list[str]:
    scaled = f"scale='trunc(min({_MAX_WIDTH},iw)/2)*2':-2"
    coded = ["-c:v", "libx264", "-preset", "veryfast", "-crf", "23", "-pix_fmt", "yuv420p", "-vf", scaled]
    start = video_offset(file)
    place = f"subfile,,start,{start},end,{file.status.st_size},,:{file.place}" if start else f"file:{file.place}"
    return [
        *("-nostdin", "-y", "-v", "error", "-nostats", "-progress", "pipe:1"),
        *("-protocol_whitelist", "file,pipe,subfile", "-f", file.container.split(",")[0], "-i", place),
        *("-map", "0:V:0", "-map", "0:a:0?", "-sn", "-dn", "-map_metadata", "-1"),
        *(["-c:v", "copy"] if copy else coded),
        *("-c:a", "aac", "-b:a", "128k", "-ac", "2"),
        *("-movflags", "+faststart", "-f", "mp4", f"file:{draft}"),
    ]


def is_playable(video: Video) -> bool:
    """Whether most browsers play a video's container, codec and rotation; audio and bit depth are not checked."""
    upright = not video.mirrored and (video.rotation == 0 or _family(video) == "mov")  # or browsers show it as coded
    in_photo = Path(video.path).suffix.lower() in PHOTO_SUFFIXES
    return upright and not in_photo and video.codec in _PLAYED.get(_family(video), ())


def media_type(video: Video) -> str:
    """Return the Content-Type of a video file."""
    if _family(video) == "matroska" and is_playable(video):
        return "video/webm"
    return _TYPES.get(_family(video), "application/octet-stream")


def _family(video: Video) -> str:
    """Return FFmpeg's first name of a container: "mov" of "mov,mp4,m4a,3gp,3g2,mj2"."""
    return video.container.split(",")[0]
