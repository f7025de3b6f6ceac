"""What the first `index` says of the model: on a terminal, once, with the numbers of its model card."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from model.registry import lock
from model.registry.card import read_scores
from model.registry.registry import DEFAULT_MODEL, entry
from search.cli.app import app
from search.cli.console import on_terminal
from search.cli.index import model_line
from tests.support.media import render

pty = pytest.importorskip("pty", reason="terminals are opened another way here")

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-c", "import sys; from search.cli import app; app(sys.argv[1:])"]
CARD = "# tiny\n\n## Scores\n\n| | R@1 | R@10 |\n|---|---|---|\n| text to video, 7 clips | 12.5 | 87.5 |\n"


def in_terminal(*arguments: str) -> str:
    """Run a command whose outputs are a terminal, and return what this shows."""
    leader, follower = pty.openpty()
    environment = os.environ | {"OMP_NUM_THREADS": "1", "TERM": "xterm"}
    process = subprocess.Popen(
        [*COMMAND, *arguments], cwd=ROOT, stdin=follower, stdout=follower, stderr=follower, env=environment
    )
    os.close(follower)
    shown = b""
    with suppress(OSError):  # what Linux raises where the other end is closed
        while part := os.read(leader, 4096):
            shown += part
    os.close(leader)
    assert process.wait() == 0
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown.decode())


@pytest.mark.slow
def test_the_first_index_on_a_terminal_says_it_once(
    tiny_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tiny_checkpoint / "README.md").write_text(CARD, encoding="utf-8")
    film = render(tmp_path / "film.mp4", frames=20)
    arguments = [str(each) for each in ("index", film, "--model", tiny_checkpoint, "--library")]
    line = f"Model: {tiny_checkpoint} (a folder of yours; text to video, 7 clips: R@1 12.5, R@10 87.5)."
    assert in_terminal(*arguments, str(tmp_path / "one")).splitlines()[0] == line
    piped = CliRunner().invoke(app, [*arguments, str(tmp_path / "piped")])
    assert "Model:" not in piped.output
    monkeypatch.setattr("search.cli.index.on_terminal", lambda: True)
    again = CliRunner().invoke(app, [*arguments, str(tmp_path / "one")])
    assert "Model:" not in again.output
    for more in ([], ["--json"]):
        first = CliRunner().invoke(app, [*arguments, str(tmp_path / f"library{len(more)}"), *more])
        assert first.exit_code == 0
        assert first.stderr.splitlines()[:1] == ([] if more else [line])


def test_a_terminal_is_where_both_outputs_are_seen(monkeypatch: pytest.MonkeyPatch):
    for out, err in ((True, True), (True, False), (False, True)):
        monkeypatch.setattr("sys.stdout", SimpleNamespace(isatty=lambda out=out: out))
        monkeypatch.setattr("sys.stderr", SimpleNamespace(isatty=lambda err=err: err))
        seen = on_terminal()
        monkeypatch.undo()
        assert seen == (out and err)


def test_the_shipped_model_names_a_better_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("VIDEOBERT_MODELS", str(tmp_path))
    monkeypatch.setenv("VIDEOBERT_LIBRARY", str(tmp_path / "library"))
    encoder = SimpleNamespace(name=DEFAULT_MODEL, tier="comes with the program")
    line = model_line(SimpleNamespace(encoder=encoder, folder=tmp_path / "library", name=str(tmp_path / "library")))
    assert line.startswith(
        f"Model: videobert-mini (comes with the program; {read_scores(entry(DEFAULT_MODEL).folder)})."
    )
    assert line.endswith(
        " For a better one: videobert models fetch siglip2-base && videobert reindex --model siglip2-base"
    )
    (tmp_path / "siglip2-base").mkdir()
    lock.write(tmp_path / "siglip2-base", source="", revision="", licence="")
    line = model_line(
        SimpleNamespace(encoder=encoder, folder=tmp_path / "my library", name=str(tmp_path / "my library"))
    )
    assert line.endswith(
        f". For a better one: videobert reindex --model siglip2-base --library '{tmp_path}/my library'"
    )
    better = SimpleNamespace(name="siglip2-base", tier="fetched, pinned")
    assert (
        model_line(SimpleNamespace(encoder=better, folder=tmp_path, name=str(tmp_path)))
        == "Model: siglip2-base (fetched, pinned)."
    )
