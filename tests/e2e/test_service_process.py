"""`videobert serve` as a process: how it starts, is asked by the command line, and ends."""

from __future__ import annotations

import http.client
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from typer.testing import CliRunner

from search.cli.app import app
from search.service.backend import endpoint
from search.service.backend.endpoint import Endpoint, publish, read, withdraw
from tests.support.media import render
from tests.support.service import filled, make_films, tiny_encoder

ROOT = Path(__file__).parents[2]
PATIENCE = 240.0  # seconds that a process may take to start or to end on a busy machine
SERVE = "import sys; from search.cli import app; app(sys.argv[1:])"
IMPATIENT = (
    f"from search.service.backend import jobs; jobs._END_SECONDS = 0.0; {SERVE}"  # does not wait for a run to end
)
ASK = (
    "import sys; from typer.testing import CliRunner; from search.cli import app;"
    "done = CliRunner().invoke(app, sys.argv[1:]);"
    "sys.stdout.write(done.stdout); sys.stderr.write(done.stderr);"
    "print(sorted({'torch', 'transformers', 'faiss', 'fastapi'} & set(sys.modules)), file=sys.stderr);"
    "sys.exit(done.exit_code)"
)
posix = pytest.mark.skipif(os.name != "posix", reason="signals are sent another way elsewhere")


def environment() -> dict[str, str]:
    return os.environ | {"OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}


class Service:
    """A running `videobert serve`."""

    def __init__(self, library: Path, *options: str, program: str = SERVE) -> None:
        arguments = ["serve", "--library", str(library), "--port", "0", "--no-browser", "--no-token", *options]
        self.process = subprocess.Popen(
            [sys.executable, "-c", program, *arguments],
            cwd=ROOT,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        self.said = [self.lines.get(timeout=PATIENCE)]
        self.url = self.said[0].split(" at ")[-1].strip()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.put(line)

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=PATIENCE)

    def ask(self, method: str, where: str, body: object = None) -> dict:
        connection = self.connect()
        headers = {"content-type": "application/json"}
        connection.request(method, f"/api/v1/{where}", body and json.dumps(body), headers)
        answer = json.loads(connection.getresponse().read())
        connection.close()
        return answer

    def end(self, how: signal.Signals) -> int:
        self.process.send_signal(how)
        code = self.process.wait(PATIENCE)
        self.reader.join(PATIENCE)
        while not self.lines.empty():
            self.said.append(self.lines.get())
        return code


@contextmanager
def service(library: Path, *options: str, program: str = SERVE) -> Iterator[Service]:
    running = Service(library, *options, program=program)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.process.kill()
            running.process.wait(PATIENCE)
        running.reader.join(PATIENCE)
        assert running.process.stdout is not None
        running.process.stdout.close()


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_films(tmp_path_factory.mktemp("media") / "films")


@pytest.fixture(scope="module")
def library(films: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return filled(tmp_path_factory.mktemp("library"), films, tiny_encoder(tmp_path_factory.mktemp("model")))


def command(*arguments: object) -> subprocess.CompletedProcess[str]:
    """What a command says; the last line on stderr names the heavy packages that it imported."""
    return subprocess.run(
        [sys.executable, "-c", ASK, *map(str, arguments)],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def run(*arguments: object):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.mark.slow
@posix
def test_the_command_line_asks_it_and_says_the_same(library: Path, films: Path):
    asked = [
        ("search", "red square", "--explain", "--json"),
        ("search", "red", "--clip", f"{films / 'second.mp4'}@0.5-1.5", "--top", "2"),
        ("similar", films / "first.mp4", "--json"),
        ("search", "a THEN"),
    ]
    alone = [run(*arguments, "--library", library) for arguments in asked]
    with service(library) as running:
        together = [command("--verbose", *arguments, "--library", library) for arguments in asked]
        assert running.end(signal.SIGTERM) in (0, -signal.SIGTERM)
    for before, after in zip(alone, together, strict=True):
        assert (before.stdout, before.exit_code) == (after.stdout, after.returncode)
    for after in together[:-1]:
        assert "answered by the service at http://127.0.0.1:" in after.stderr
        assert after.stderr.endswith("[]\n")  # nothing heavy was imported
    assert "a description is missing" in together[-1].stderr
    assert read(library) is None


@pytest.mark.slow
@posix
@pytest.mark.parametrize("program", [SERVE, IMPATIENT])
def test_it_ends_while_somebody_watches_it_index(program: str, library: Path, tmp_path: Path):
    films = tmp_path / "films"
    films.mkdir()
    for number in range(30):
        render(films / f"{number}.mp4", frames=25 + number)
    with service(library, program=program) as running:
        assert running.said[0].startswith(f"Serving {library} at http://127.0.0.1:")
        sign = read(library)
        assert sign is not None
        assert (sign.url, sign.pid) == (running.url, running.process.pid)
        assert (library / endpoint.NAME).stat().st_mode & 0o077 == 0
        job = running.ask("POST", "jobs", {"targets": [str(films)]})["id"]
        with closing(running.connect()) as watching:
            watching.request("GET", f"/api/v1/jobs/{job}/events")
            stream = watching.getresponse()
            assert stream.readline().startswith(b"event: ")
            assert running.end(signal.SIGINT) == 0, running.said
            stream.read()  # came to its end
    assert "Traceback" not in "".join(running.said)
    assert read(library) is None


@pytest.mark.slow
@posix
def test_an_address_that_cannot_be_taken_is_told(library: Path):
    with service(library) as running:
        taken = command("serve", "--library", library, "--port", urlsplit(running.url).port, "--no-browser")
        assert taken.returncode == 1
        assert "cannot listen on 127.0.0.1" in taken.stderr
        assert running.ask("GET", "status")["videos"] == 3


def test_an_endpoint_without_a_service_is_no_matter(library: Path):
    publish(library, Endpoint("http://127.0.0.1:9", "token", os.getpid(), "0"))
    try:
        done = run("search", "red square", "--library", library)
        assert done.exit_code == 0
        assert "first.mp4" in done.stdout
        for nonsense in ("{", '{"url": 3}', "[]"):
            (library / endpoint.NAME).write_text(nonsense)
            assert read(library) is None
    finally:
        (library / endpoint.NAME).unlink()


@pytest.mark.slow
@posix
def test_it_wants_its_token_and_opens_the_page_once(library: Path):
    arguments = ["serve", "--library", str(library), "--port", "0", "--no-browser"]
    process = subprocess.Popen(
        [sys.executable, "-c", SERVE, *arguments], cwd=ROOT, env=environment(), stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        url = urlsplit(process.stdout.readline().split(" at ")[-1].strip())

        def ask(where: str, **headers: str) -> tuple[int, str | None]:
            with closing(http.client.HTTPConnection(url.netloc, timeout=PATIENCE)) as connection:
                connection.request("GET", where, headers=headers)
                response = connection.getresponse()
                response.read()
                return response.status, response.headers["set-cookie"]

        assert ask("/api/v1/status")[0] == ask("/")[0] == 401
        _, cookie = ask(f"/?{url.query}")
        assert cookie is not None
        assert ask("/api/v1/status", Cookie=cookie.split(";")[0])[0] == 200
        assert ask(f"/?{url.query}")[1] is None  # it works once
        asked = command("--verbose", "search", "red square", "--library", library)
        assert "answered by the service" in asked.stderr
    finally:
        process.kill()
        process.wait(PATIENCE)
        assert process.stdout is not None
        process.stdout.close()


def test_the_endpoint_of_another_process_stays(tmp_path: Path):
    publish(tmp_path, Endpoint("http://127.0.0.1:9", "token", os.getppid(), "0"))
    withdraw(tmp_path)
    assert read(tmp_path) is not None
    publish(tmp_path, Endpoint("http://127.0.0.1:9", "token", os.getpid(), "0"))
    withdraw(tmp_path)
    assert read(tmp_path) is None
