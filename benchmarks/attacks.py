"""The promises of docs/security.md, tried on this machine: number of attempts, and how many of them held.

    python -m benchmarks.attacks            a few thousand requests and files, on the loopback
    python -m benchmarks.attacks --quick    the part that continuous integration runs

A small library is made with the shipped model in a temporary folder and served on a free port of 127.0.0.1. Exit code 1
if an attempt succeeded.
"""

from __future__ import annotations

import argparse
import http.client
import io
import json
import os
import random
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote, urlsplit

from indexer.media.container import MediaError
from indexer.media.files import open_file
from indexer.pipeline import IndexOptions
from indexer.text.sidecars import Sidecar
from indexer.text.subtitles import SubtitleError, read_sidecar
from indexer.workers import sandbox
from indexer.workers.decoders import Decoders
from search import Library
from search.cli.terminal import visible
from search.clips.duplicates import find
from search.query.language import QueryError, parse
from search.service.app import create
from search.service.backend.endpoint import Endpoint, publish, read, secret
from search.service.backend.settings import Settings
from search.service.server import Server, listen
from store.catalog.integrity import problems, repair
from store.errors import StoreError

SECRET = b"a very private diary, line after line. "
TOKEN, READ_TOKEN = "t" * 24, "r" * 24
PATIENCE = 120.0


class Count:
    """Number of attempts, and how many of them the promise held."""

    def __init__(self) -> None:
        self.tried = self.passed = 0
        self.failures: list[str] = []

    def note(self, passed: bool, what: str = "") -> None:
        self.tried += 1
        self.passed += passed
        if not passed:
            self.failures.append(what)


class Service:
    """A running service and a client of it."""

    def __init__(self, library: Library, settings: Settings) -> None:
        self.library, self.settings = library, settings

    def ask(
        self, method: str, path: str, *, token: str | None = TOKEN, body: bytes | None = None, **headers: str
    ) -> tuple[int, bytes]:
        address = urlsplit(self.settings.url)
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=PATIENCE)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        try:
            connection.request(method, path, body, sent)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    args = parser.parse_args()
    times = 1 if args.quick else 10
    with tempfile.TemporaryDirectory() as folder, served(Path(folder)) as (service, media):
        rows = {name: attack(service, media, times) for name, attack in ATTACKS.items()}
    width = max(map(len, rows))
    print(f"{'':{width}}    tried     held")
    for name, count in rows.items():
        print(f"{name:{width}} {count.tried:>8,} {count.passed:>8,}")
        for failure in count.failures[:3]:
            print(f"{'':{width}}   not held: {visible(failure)[:160]}")
    sys.exit(any(count.failures for count in rows.values()))


@contextmanager
def served(folder: Path) -> Iterator[tuple[Service, Path]]:
    media = folder / "films"
    media.mkdir()
    for number in range(3):
        make_video(media / f"{number}.mp4", seconds=2 + number, hue=60 * number)
    with listen("127.0.0.1", 0) as end:
        library = Library(folder / "library")
        library.index([media])
        settings = Settings(
            port=end.getsockname()[1],
            token=TOKEN,
            read_token=READ_TOKEN,
            secret=secret(library.folder, make=True) or b"",
        )
        answers = threading.Event()
        app = create(library, settings)
        server = Server(
            app, started=answers.set, ending=app.state.service.closing.set, ended=lambda: None, verbose=False
        )
        thread = threading.Thread(target=lambda: server.run(sockets=[end]))
        thread.start()
        try:
            answers.wait(PATIENCE)
            yield Service(library, settings), media
        finally:
            app.state.service.closing.set()
            server.should_exit = True
            thread.join(PATIENCE)


def make_video(path: Path, *, seconds: int, hue: int) -> Path:
    source = f"testsrc2=s=160x96:r=10:d={seconds},hue=h={hue}"
    command = ["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", source, "-pix_fmt", "yuv420p", "-g", "5"]
    subprocess.run([*command, "-movflags", "+faststart", str(path)], check=True)
    return path


def swaps(service: Service, media: Path, times: int) -> Count:
    """Swap a file after it was indexed: for links, other files, playlists, FIFOs."""
    count = Count()
    video = service.library.videos()[0]
    path, original = Path(video.path), Path(video.path).read_bytes()
    contents = (SECRET, b"#EXTM3U\n#EXTINF:9,\nfile:///etc/passwd\n", b"ffconcat version 1.0\nfile /etc/passwd\n")
    for content in contents * times:
        for kind in ("link", "hard link", "content", "fifo", "device", "folder"):
            private = media.parent / "private"
            private.write_bytes((content * video.size)[: video.size])
            os.utime(private, ns=(video.mtime_ns, video.mtime_ns))
            path.unlink()
            if kind == "link":
                path.symlink_to(private)
            elif kind == "hard link":
                os.link(private, path)
            elif kind == "content":
                shutil.copy2(private, path)
            elif kind == "fifo":
                os.mkfifo(path)
            elif kind == "device":
                path.symlink_to("/dev/zero")
            else:
                path.mkdir()
            for what in ("media", "preview", "frame?at=0.5"):
                status, body = service.ask("GET", f"/api/v1/videos/{video.id}/{what}")
                count.note(status >= 400 and content[:20] not in body, f"{kind} {what}: {status}")
            if path.is_dir() and not path.is_symlink():
                path.rmdir()
            else:
                path.unlink()
            private.unlink()
            path.write_bytes(original)
            os.utime(path, ns=(video.mtime_ns, video.mtime_ns))
    status, body = service.ask("GET", f"/api/v1/videos/{video.id}/media")
    count.note((status, body) == (200, original), f"the same content again: {status}")
    return count


def races(service: Service, media: Path, times: int) -> Count:
    """Swap a file while it is requested."""
    count, video = Count(), service.library.videos()[1]
    path, original = Path(video.path), media.parent / "kept.mp4"
    shutil.copy2(path, original)
    private = media.parent / "private"
    private.write_bytes((SECRET * video.size)[: video.size])
    os.utime(private, ns=(video.mtime_ns, video.mtime_ns))
    ended = threading.Event()

    def swap() -> None:
        spare = media.parent / "spare"
        while not ended.is_set():
            spare.symlink_to(private)
            os.replace(spare, path)
            shutil.copy2(original, spare)
            os.replace(spare, path)

    thread = threading.Thread(target=swap)
    thread.start()
    for _ in range(40 * times):
        _, body = service.ask("GET", f"/api/v1/videos/{video.id}/media")
        count.note(SECRET[:20] not in body, "the private file was sent")
    ended.set()
    thread.join()
    return count


def strangers(service: Service, media: Path, times: int) -> Count:
    """Request without a token, with a wrong one, from other sites, under other host names, and beyond the role."""
    count = Count()
    host = urlsplit(service.settings.url).netloc
    paths = [
        path.replace("{video_id}", "1").replace("{segment_id}", "1").replace("{name}", "x")
        for path in json.loads(service.ask("GET", "/api/v1/openapi.json")[1])["paths"]
    ]
    for path in paths * times:
        count.note(service.ask("GET", path, token=None)[0] == 401, f"no token {path}")
        foreign: list[dict[str, str]] = [
            {"origin": "http://evil.example"},
            {"sec_fetch_site": "cross-site"},
            {"host": "evil.example"},
            {"host": f"evil.example:{service.settings.port}"},
        ]
        for headers in foreign:
            status, _ = service.ask("GET", path, token=TOKEN, body=None, **headers)
            count.note(status in (403, 421), f"{headers} {path}: {status}")
    for method, path in (("PUT", "searches/x"), ("DELETE", "searches/x"), ("DELETE", "videos/1"), ("POST", "jobs")):
        status, _ = service.ask(
            method, f"/api/v1/{path}", token=READ_TOKEN, body=b"{}", content_type="application/json"
        )
        count.note(status == 403, f"only reading: {method} {path}: {status}")
    statuses = [service.ask("GET", "/api/v1/status", token=f"wrong{number}")[0] for number in range(30)]
    count.note(statuses.count(401) <= 10 and statuses[-1] == 429, f"guesses: {statuses}")
    count.note(service.ask("GET", "/api/v1/status", token=service.settings.local_token, host=host)[0] == 200, "owner")
    return count


def resources(service: Service, media: Path, times: int) -> Count:
    """Open idle sockets, send half requests, many parts, large and endless bodies."""
    count = Count()
    local = service.settings.local_token
    address = ("127.0.0.1", service.settings.port)
    idle = [socket.create_connection(address) for _ in range(300)]
    for end in idle[::2]:
        with suppress(OSError):
            end.sendall(b"GET /api/v1/status HTTP/1.1\r\nHost: ")
    count.note(service.ask("GET", "/api/v1/status", token=local)[0] == 200, "300 idle sockets")
    for end in idle:
        end.close()
    mark = "x" * 20
    part = f'--{mark}\r\nContent-Disposition: form-data; name="a"\r\n\r\n{"y" * 500}\r\n'
    file = f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\nz\r\n'
    for body in (part * 900, file * 50, f"{file[:-3]}{'z' * 100}\r\n" * 20, part.replace("y", "y" * 1000)):
        for _ in range(times):
            status, _ = service.ask(
                "POST",
                "/api/v1/uploads",
                token=local,
                body=f"{body}--{mark}--\r\n".encode(),
                content_type=f"multipart/form-data; boundary={mark}",
            )
            count.note(400 <= status < 500, f"{len(body)} bytes of parts: {status}")
    status, _ = service.ask(
        "PUT", "/api/v1/searches/x", token=local, body=b" " * 2**21, content_type="application/json"
    )
    count.note(status == 413, f"2 MiB of JSON: {status}")
    return count


def garbage(service: Service, media: Path, times: int) -> Count:
    """Index noise, cut and changed videos: each is indexed or fails with a reason, and no worker process remains."""
    count, noise = Count(), random.Random(0)
    whole = (media / "0.mp4").read_bytes()
    folder = media.parent / "bad"
    folder.mkdir()
    for number in range(10 * times):
        content = bytearray(whole)
        for _ in range(noise.randrange(1, 200)):
            content[noise.randrange(len(content))] = noise.randrange(256)
        (folder / f"{number}-changed.mp4").write_bytes(content)
        (folder / f"{number}-cut.mp4").write_bytes(whole[: noise.randrange(1, len(whole))])
        (folder / f"{number}-noise.mkv").write_bytes(noise.randbytes(5000))
    with Decoders(timeout_seconds=30) as decoders:
        for stream in decoders.streams(sorted(folder.iterdir())):
            try:
                for _ in stream:
                    pass
            except MediaError as error:
                count.note(bool(str(error)) and "\n" not in str(error) and "unexpected" not in str(error), str(error))
            else:
                count.note(True)
    return count


def stalls(service: Service, media: Path, times: int) -> Count:
    """Stop a worker process in the middle of an answer, and kill one."""
    import signal

    count = Count()
    for how in (signal.SIGSTOP, signal.SIGKILL):
        with Decoders(timeout_seconds=60) as decoders:
            for stream in decoders.streams([media / "0.mp4"]):
                _ = stream.header
                decoders._processes[0]._timeout_seconds = 3
                os.kill(decoders._processes[0]._process.pid or 0, how)
                began = time.monotonic()
                with suppress(MediaError):
                    for _ in stream:
                        pass
                count.note(time.monotonic() - began < 30, f"{how.name}: {time.monotonic() - began:.0f} s")
    return count


def subtitles(service: Service, media: Path, times: int) -> Count:
    """Read subtitle files that are invalid or slow to parse."""
    count = Count()
    folder = media.parent / "said"
    folder.mkdir()
    bad: dict[str, Callable[[Path], object]] = {
        "dangling": lambda path: path.symlink_to("nowhere"),
        "loop": lambda path: path.symlink_to(path.name),
        "fifo": os.mkfifo,
        "zero": lambda path: path.symlink_to("/dev/zero"),
        "folder": lambda path: path.mkdir(),
        "markup": lambda path: path.write_text("1\n00:00:01,000 --> 00:00:02,000\n" + r"{\i1" * 200_000),
        "digits": lambda path: path.write_text("1\n00:00:01,000 --> " + "1" * 2_000_000),
        "brackets": lambda path: path.write_text("1\n00:00:01,000 --> 00:00:02,000\n" + "<" * 500_000),
    }
    for name, make in bad.items():
        shutil.copy(media / "0.mp4", folder / f"{name}.mp4")
        make(folder / f"{name}.srt")
    with Decoders(timeout_seconds=40) as decoders:
        for stream in decoders.streams(sorted(folder.glob("*.mp4"))):
            try:
                count.note(sum(len(frames) for frames, _ in stream) > 0, stream.path.name)
            except MediaError as error:
                count.note(False, f"{stream.path.name}: {error}")
    return count


def confinement(service: Service, media: Path, times: int) -> Count:
    """Try what a hijacked decoder would try."""
    count = Count()
    program = (
        "import os,socket,sys; sys.path.insert(0, sys.argv[1])\n"
        "from indexer.workers import sandbox; sandbox.enter(readable=sandbox.interpreter_folders())\n"
        "do = {'read': lambda: open('/etc/passwd'), 'write': lambda: open('/tmp/x', 'w'), 'net': socket.socket,\n"
        "'exec': lambda: os.execv('/bin/true', ['true']), 'fork': os.fork, 'kill': lambda: os.kill(os.getppid(), 0)}\n"
        "try: do[sys.argv[2]]()\nexcept OSError: sys.exit(7)"
    )
    root = str(Path(sandbox.__file__).parents[2])
    for action in ("read", "write", "net", "exec", "fork", "kill"):
        done = subprocess.run([sys.executable, "-c", program, root, action], capture_output=True, check=False)
        count.note(done.returncode == 7, action)
    return count


def planted(service: Service, media: Path, times: int) -> Count:
    """Plant a service.json of another user, of a dead process, readable by others, behind a link."""
    count = Count()
    folder = media.parent / "planted"
    folder.mkdir()
    sound = Endpoint("http://127.0.0.1:9", "token", os.getpid(), "0")
    publish(folder, sound)
    count.note(read(folder) == sound, "a sound one")
    for mode in (0o644, 0o660, 0o604):
        (folder / "service.json").chmod(mode)
        count.note(read(folder) is None, f"mode {mode:o}")
    for pid in (0, -1, 2**22 + 7, 10**30):
        publish(folder, Endpoint("http://127.0.0.1:9", "token", pid, "0"))
        count.note(read(folder) is None, f"process {pid}")
    publish(folder, sound)
    (folder / "service.json").rename(folder / "real.json")
    (folder / "service.json").symlink_to("real.json")
    count.note(read(folder) is None, "a link")
    count.note(stat.S_IMODE(service.library.folder.stat().st_mode) == 0o700, "the library's folder")
    count.note(not (service.library.folder / "catalog.sqlite").stat().st_mode & 0o077, "the library's file")
    return count


def offline(service: Service, media: Path, times: int) -> Count:
    """Unmount a drive."""
    count = Count()
    away = media.with_name("away")
    before = len(service.library.videos())
    media.rename(away)
    for empty in (False, True):
        if empty:
            media.mkdir()
        report = service.library.index([media], options=IndexOptions(prune=True))
        count.note(len(service.library.videos()) == before and not report.pruned, f"empty: {empty}")
    media.rmdir()
    away.rename(media)
    return count


def duplicates(service: Service, media: Path, times: int) -> Count:
    """Make links, hard links and second paths: none of a file's names may be the only one offered for deletion."""
    count = Count()
    (media / "link.mp4").symlink_to("0.mp4")
    os.link(media / "1.mp4", media / "hard.mp4")
    shutil.copy(media / "2.mp4", media / "copy.mp4")
    for path in sorted(media.iterdir()):
        service.library.index([path])
    found = service.library.engine.run(lambda each: find(each.catalog, each.index, each.normalizer))
    for cluster in found:
        keepers = {os.path.realpath(copy.video.path) for copy in cluster.videos if copy.keep}
        for copy in cluster.videos:
            other = os.path.realpath(copy.video.path) not in keepers
            count.note(copy.keep or other, f"{copy.video.path} is offered, which is kept under another name")
        count.note(bool(keepers), "nothing is kept")
    for copy in (copy for cluster in found for copy in cluster.videos if not copy.keep):
        path, away = Path(copy.video.path), media / "away.mp4"
        path.rename(away)
        for by in ("another file", "a link", "a hard link"):
            if by == "another file":
                path.write_bytes(SECRET)
            else:
                (path.symlink_to if by == "a link" else path.hardlink_to)(media / "0.mp4")
            with suppress(ValueError):
                service.library.trash([path])
            count.note(os.path.lexists(path), f"{path} went to the trash, though it was swapped for {by}")
            path.unlink(missing_ok=True)
        away.rename(path)
    for name in ("link.mp4", "hard.mp4", "copy.mp4"):
        (media / name).unlink()
    service.library.remove([media / name for name in ("link.mp4", "hard.mp4", "copy.mp4")])
    return count


def damage(service: Service, media: Path, times: int) -> Count:
    """Overwrite bytes of a library's file: the damage is reported or harmless; repair leaves a sound library."""
    count, noise = Count(), random.Random(1)
    source = media.parent / "whole.sqlite"
    from store.catalog.integrity import backup

    backup(service.library.folder / "catalog.sqlite", source)
    whole = source.read_bytes()
    for number in range(3 * times):
        path = media.parent / f"damaged{number}" / "catalog.sqlite"
        path.parent.mkdir()
        content = bytearray(whole)
        for _ in range(3):
            at = noise.randrange(100, len(content) - 400)
            content[at : at + 300] = noise.randbytes(300)
        path.write_bytes(content)
        try:
            if problems(path):
                repair(path)
            count.note(not problems(path), f"still damaged: {problems(path)[:1]}")
        except StoreError as error:
            count.note("\n" not in str(error), str(error))
    return count


def words(service: Service, files: Path, times: int) -> Count:
    """Fuzz our parsers: queries, cue times, ranges, paths."""
    count, noise = Count(), random.Random(2)
    letters = 'ab "()-:\\*\x00\x1b\ud800é日THEN AND OR NOT in:type:before:99999 {}<>%'
    local = service.settings.local_token
    for _ in range(300 * times):
        text = "".join(noise.choice(letters) for _ in range(noise.randrange(1, 60)))
        try:
            parse(text)
            count.note(True)
        except (QueryError, ValueError):
            count.note(True)
        except Exception as error:
            count.note(False, f"{text!r}: {error!r}")
    clip = files.parent / "cue.srt"
    for _ in range(100 * times):
        lines = ["".join(noise.choice("0123456789:,.-> \n{\\i}<b>") for _ in range(80)) for _ in range(20)]
        clip.write_text("1\n00:00:01,000 --> 00:00:02,000\n" + "\n".join(lines))
        try:
            cues = read_sidecar(Sidecar(clip)).cues
            count.note(all(cue.end > cue.start >= 0 for cue in cues), "a cue out of order")
        except SubtitleError:
            count.note(True)
        except Exception as error:
            count.note(False, repr(error))
    for _ in range(20 * times):
        header = "bytes=" + "".join(noise.choice("0123456789-, ") for _ in range(noise.randrange(1, 30)))
        status, _ = service.ask("GET", "/api/v1/videos/1/media", token=local, range=header)
        count.note(status in (200, 206, 400, 416), f"{header}: {status}")
        query = quote("".join(noise.choice(letters.replace("\ud800", "")) for _ in range(30)))
        status, _ = service.ask("GET", f"/api/v1/videos?within={query}", token=local)
        count.note(status < 500, f"within={query}: {status}")
    return count


def terminal(service: Service, media: Path, times: int) -> Count:
    """Print escape sequences in names and subtitles."""
    count, noise = Count(), random.Random(3)
    out = io.StringIO()
    from search.cli.terminal import Terminal

    console = Terminal(file=out, soft_wrap=True, highlight=False)
    for _ in range(200 * times):
        out.seek(0)
        out.truncate()
        console.print("".join(chr(noise.randrange(0xA0)) for _ in range(40)), markup=False)
        printed = out.getvalue()
        count.note(not any(ord(letter) < 32 and letter not in "\n\t" for letter in printed), repr(printed))
    return count


def fifos(service: Service, media: Path, times: int) -> Count:
    """Index files that would block for ever when opened."""
    count = Count()
    for name, make in (("fifo", os.mkfifo), ("zero", lambda path: path.symlink_to("/dev/zero"))):
        path = media.parent / f"endless-{name}"
        make(path)
        try:
            open_file(path).close()
            count.note(False, name)
        except OSError:
            count.note(True)
    return count


ATTACKS: dict[str, Callable[[Service, Path, int], Count]] = {
    "a file swapped after indexing": swaps,
    "a file swapped while it is sent": races,
    "strangers, other sites, other roles": strangers,
    "resources": resources,
    "service.json and permissions": planted,
    "a hijacked decoder": confinement,
    "a decoder that stalls or dies": stalls,
    "bad files": garbage,
    "bad subtitles": subtitles,
    "files that block for ever": fifos,
    "queries, cues, ranges, paths": words,
    "terminal escapes": terminal,
    "duplicates": duplicates,
    "a drive that is away": offline,
    "a damaged library": damage,
}

if __name__ == "__main__":
    main()
