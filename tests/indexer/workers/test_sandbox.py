"""What a process that reads media cannot do."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from indexer.workers import sandbox

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux offers what is tried here")

PROGRAM = """
import os, socket, sys
from indexer.workers import sandbox
held = open(sys.argv[1], "rb")
had = sandbox.enter(readable=sandbox.interpreter_folders(), writable=[sys.argv[2]])
ACTIONS = {
    "read": lambda: open(sys.argv[1]).close(),
    "read home": lambda: open("/etc/hostname").close(),
    "write": lambda: open(sys.argv[1] + "x", "w").close(),
    "network": lambda: socket.socket().close(),
    "unix": lambda: socket.socket(socket.AF_UNIX).close(),
    "program": lambda: os.execv("/bin/true", ["true"]),
    "process": lambda: os.fork() or os._exit(0),
    "signal": lambda: os.kill(os.getppid(), 0),
    "delete": lambda: os.unlink(sys.argv[1]),
    "link": lambda: os.symlink("/", sys.argv[1] + "l"),
    "held": lambda: held.read(),
    "draft": lambda: open(sys.argv[2] + "/draft", "w").close(),
    "list": lambda: os.listdir("/"),
}
try:
    ACTIONS[sys.argv[3]]()
    print(" ".join(had), "did it", sep="|")
except OSError as error:
    print(" ".join(had), "refused", sep="|")
"""


def attempt(tmp_path: Path, action: str) -> tuple[str, str]:
    (tmp_path / "file").write_text("content")
    (tmp_path / "drafts").mkdir(exist_ok=True)
    command = [sys.executable, "-c", textwrap.dedent(PROGRAM), tmp_path / "file", tmp_path / "drafts", action]
    said = subprocess.check_output(command, text=True, cwd=Path(__file__).parents[3]).strip()
    had, _, outcome = said.partition("|")
    return had, outcome


@pytest.mark.parametrize("action", ["read", "read home", "write", "delete", "link"])
def test_no_file_is_opened_made_or_deleted(tmp_path: Path, action: str):
    had, outcome = attempt(tmp_path, action)
    if "files" not in had:
        pytest.skip("this kernel has no Landlock")
    assert outcome == "refused"


@pytest.mark.parametrize("action", ["network", "unix", "program", "process", "signal"])
def test_nothing_else_is_reached(tmp_path: Path, action: str):
    had, outcome = attempt(tmp_path, action)
    if "no network" not in had:
        pytest.skip("this kernel has no seccomp")
    assert outcome == "refused"


@pytest.mark.parametrize("action", ["held", "draft", "list"])
def test_what_decoding_needs_is_left(tmp_path: Path, action: str):
    assert attempt(tmp_path, action)[1] == "did it"


def test_another_program_starts_restrained(tmp_path: Path):
    (tmp_path / "allowed").write_text("yes")
    (tmp_path / "secret").write_text("no")
    for name, code in (("allowed", 0), ("secret", 1)):
        command = sandbox.restrained(
            ["/bin/cat", str(tmp_path / name)],
            memory_bytes=2**30,
            cpu_seconds=60,
            readable=[str(tmp_path / "allowed")],
            writable=[],
        )
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (code, "yes" if code == 0 else "")
